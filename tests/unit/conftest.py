"""What the unit tests of several packages share."""

from __future__ import annotations

from collections.abc import Callable

from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from api import Application


class LazyRule(Rule):
    """A rule that compiles the functions that build its address when one is built, as nothing here does.

    They are four fifths of the time that making an application takes, and the tests make thousands.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        make = super()._compile_builder

        def build(rule: Rule, /, **values: object) -> tuple[str, str]:
            return make(append_unknown)(rule, **values)

        return build


class Compiled(BytecodeCache):
    """The compiled templates of this process: each of hundreds of applications would compile them again."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        found = self._kept.get((bucket.key, bucket.checksum))
        if found is not None:
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


Application.jinja_options = {**Application.jinja_options, "bytecode_cache": Compiled()}
Application.url_rule_class = LazyRule
