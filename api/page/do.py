"""Commands from the page: first a page that explains one, then the answer of the API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, request

from api.http.errors import RequestError
from api.page.commands import COMMANDS, Button, button, curl_with_body, preview, run
from api.page.dispatch import Answer
from api.page.inputs import Type, problem_of, read_inputs, without_secrets
from api.page.live import answer
from scheduler.core.state.operation_kinds import KINDS
from scheduler.settings.texts import plain

_FIELDS = ("plan", "phase", "step", "node", "kind")


def ask_first() -> Response:
    """Show a command, its effect and its fields; values in the query fill the fields in."""
    return _page(_button(request.args))


def carry_out() -> Response:
    """Send the command, or only ask for its preview, and show the answer."""
    found = _button(request.form)
    only_preview = "preview" in request.form and bool(found.command.preview)
    given = _filled_in(found)
    if problem := problem_of(found.command.inputs, given):
        outcome = Answer(HTTPStatus.BAD_REQUEST, {"message": problem})
    else:
        outcome = (preview if only_preview else run)(found, given)
    if "HX-Request" in request.headers:
        # The script swaps answers of success only, and the sentence of a refusal is to be read as well.
        return answer("said.html", "do", found.command.title, outcome=outcome, button=found)
    return _page(found, outcome, only_preview)


def _filled_in(found: Button) -> dict[str, str]:
    """Return the fields; names that were ticked, with commas between. 400 for another field that is there twice."""
    ticked = {item.name for item in found.command.inputs if item.type is Type.NAMES}
    fields = {name: [text for text in texts if text] for name, texts in request.values.lists()}
    if twice := [name for name, texts in fields.items() if len(texts) > 1 and name not in ticked]:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The field {plain(twice[0])} must be there once.")
    return {name: ",".join(texts) for name, texts in fields.items() if texts}


def _button(values: Any) -> Button:
    name = values.get("command", "")
    if name not in COMMANDS:
        raise RequestError(HTTPStatus.NOT_FOUND, "There is no such command.")
    fields = {name: values[name] for name in _FIELDS if values.get(name)}
    command = COMMANDS[name]
    if missing := [name for name in (*command.names, *command.query) if name not in fields]:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The field {missing[0]} is missing.")
    if fields.get("kind") not in (None, *KINDS):
        raise RequestError(HTTPStatus.NOT_FOUND, "There is no such kind of operation.")
    return button(name, **{name: fields[name] for name in (*command.names, *command.query)})


def _page(found: Button, outcome: Answer | None = None, only_preview: bool = False) -> Response:
    command, given = found.command, _filled_in(found)
    body = without_secrets(command.inputs, read_inputs(command.inputs, given))
    curl = curl_with_body(found, body) if command.in_body else found.curl
    status = HTTPStatus.OK if outcome is None else outcome.status
    return answer(
        "do.html", "do", command.title, status, button=found, curl=curl, outcome=outcome, previewed=only_preview,
        given=given,
    )  # fmt: skip
