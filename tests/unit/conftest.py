"""What the unit tests of several packages share."""

from __future__ import annotations

from jinja2.bccache import Bucket, BytecodeCache

from api import Application


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
