"""A blueprint whose routes carry their description, so that the OpenAPI document has what the routes say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from flask import Blueprint, Response

from api.http import roles
from api.http.path_template import path_template
from api.http.reasons import REASON_HEADER
from api.openapi.json_schema import Json, ref
from api.openapi.operation import BODY_FAILURES, COMMAND_FAILURES, Answer, describe_operation, parameter

View = Callable[..., Response]
Decorator = Callable[[View], View]

STORED = "Stored"
_BEGUN = Answer(ref("Accepted"), status="202", meaning="Stored; the work begins now")
BOTH = ("POST", "PUT")
REASON = parameter(REASON_HEADER, "header", "The operator's reason, at most 200 characters, for the event")
_UNREADABLE = ("503",)


class Routes(Blueprint):
    """A blueprint that describes its paths. `paths` holds OpenAPI's path items by the template of their path.

    Whether a path needs a token is the role of its endpoint, in `api.http.roles`.
    """

    def __init__(self, name: str, import_name: str) -> None:
        super().__init__(name, import_name)
        self.paths: dict[str, Json] = {}

    def read(
        self,
        rule: str,
        summary: str,
        answer: Json | Answer,
        parameters: Sequence[Json] = (),
        failures: Sequence[str] = (),
    ) -> Decorator:
        """Route and describe a GET; see `describe_operation`."""
        answers = (answer if isinstance(answer, Answer) else Answer(answer),)
        describe = partial(describe_operation, rule, summary, answers, (*_UNREADABLE, *failures), parameters)
        return self._route(rule, ("GET",), describe)

    def command(
        self,
        rule: str,
        summary: str,
        answer: Json,
        parameters: Sequence[Json] = (),
        body: Json | None = None,
        can_start: bool = False,
    ) -> Decorator:
        """Route and describe a command by POST or PUT that is done once it is stored: 200.

        With `can_start`, a parameter makes it begin work, as `start` does: 202.
        """
        answers = (Answer(answer, meaning=STORED), *((_BEGUN,) if can_start else ()))
        describe = partial(describe_operation, rule, summary, answers, COMMAND_FAILURES, (*parameters, REASON), body)
        return self._route(rule, BOTH, describe)

    def start(self, rule: str, summary: str, body: Json | None = None, parameters: Sequence[Json] = ()) -> Decorator:
        """Route and describe a command by POST or PUT that begins work: 202."""
        describe = partial(describe_operation, rule, summary, (_BEGUN,), COMMAND_FAILURES, (*parameters, REASON), body)
        return self._route(rule, BOTH, describe)

    def submit(
        self,
        rule: str,
        summary: str,
        answer: Json,
        body: Json,
        methods: Sequence[str] = ("POST",),
        failures: Sequence[str] = (),
        parameters: Sequence[Json] = (),
    ) -> Decorator:
        """Route and describe a request whose body is a document, answered with another document: 200."""
        codes = (*BODY_FAILURES, *failures)
        describe = partial(describe_operation, rule, summary, (Answer(answer),), codes, parameters, body)
        return self._route(rule, methods, describe)

    def _route(self, rule: str, methods: Sequence[str], describe: Callable[..., Json]) -> Decorator:
        def add(view: View) -> View:
            needs_token = roles.needed(f"{self.name}.{view.__name__}") is not None
            item = self.paths.setdefault(path_template(rule), {})
            item |= dict.fromkeys((method.lower() for method in methods), describe(needs_token=needs_token))
            return self.route(rule, methods=methods)(view)

        return add
