"""A blueprint whose routes carry their description, so that the OpenAPI document has what the routes say."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response

from api.http.path_template import path_template
from api.openapi.operation import BODY_FAILURES, COMMAND_FAILURES, Answer, describe_operation
from api.openapi.schemas import Json, ref

View = Callable[..., Response]
Decorator = Callable[[View], View]

STORED = "Stored"
BOTH = ("POST", "PUT")
_UNREADABLE = ("503",)


class Routes(Blueprint):
    """A blueprint that describes its paths. `paths` holds OpenAPI's path items by the template of their path."""

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
        needs_token: bool = True,
    ) -> Decorator:
        """Route and describe a GET; see `describe_operation`."""
        described = answer if isinstance(answer, Answer) else Answer(answer)
        operation = describe_operation(
            rule, summary, described, (*_UNREADABLE, *failures), parameters, needs_token=needs_token
        )
        return self._route(rule, ("GET",), operation)

    def command(
        self, rule: str, summary: str, answer: Json, parameters: Sequence[Json] = (), body: Json | None = None
    ) -> Decorator:
        """Route and describe a command by POST or PUT that is done once it is stored: 200."""
        described = Answer(answer, meaning=STORED)
        operation = describe_operation(rule, summary, described, COMMAND_FAILURES, parameters, body)
        return self._route(rule, BOTH, operation)

    def start(self, rule: str, summary: str, body: Json | None = None) -> Decorator:
        """Route and describe a command by POST or PUT that begins work: 202."""
        described = Answer(ref("Accepted"), status="202", meaning="Stored; the work begins now")
        operation = describe_operation(rule, summary, described, COMMAND_FAILURES, body=body)
        return self._route(rule, BOTH, operation)

    def submit(
        self,
        rule: str,
        summary: str,
        answer: Json,
        body: Json,
        methods: Sequence[str] = ("POST",),
        failures: Sequence[str] = (),
    ) -> Decorator:
        """Route and describe a request whose body is a document, answered with another document: 200."""
        operation = describe_operation(rule, summary, Answer(answer), (*BODY_FAILURES, *failures), body=body)
        return self._route(rule, methods, operation)

    def _route(self, rule: str, methods: Sequence[str], operation: Json) -> Decorator:
        item = self.paths.setdefault(path_template(rule), {})
        item |= dict.fromkeys((method.lower() for method in methods), operation)
        return self.route(rule, methods=methods)
