"""Single operations of the OpenAPI document: one method of one path."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.http.path_template import path_template
from api.openapi.json_schema import STRING, Json, ref

_CHOICE = re.compile(r"<any\(([^()]*)\):(\w+)>")
_FAILURES: Mapping[str, str] = {
    "400": "A parameter or the body is invalid",
    "401": "No valid token",
    "403": "The token's role does not permit this, or a page of another site sent the request",
    "404": "Not found",
    "409": "Refused in the present state",
    "413": "The body is larger than 1 MB",
    "415": "The body is not JSON",
    "429": "Too many wrong tokens came from this address; Retry-After has the seconds to wait",
    "503": "The state cannot be read now",
}
# What every request with a body can fail with.
BODY_FAILURES = ("400", "413", "415", "503")
COMMAND_FAILURES = (*BODY_FAILURES, "404", "409")
_REFUSED = ("401", "403", "429")
JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Answer:
    """The answer on success. `schema` None is content that OpenAPI cannot describe; `meaning` empty is the summary."""

    schema: Json | None
    media_type: str = JSON_TYPE
    status: str = "200"
    meaning: str = ""


def describe_operation(
    rule: str,
    summary: str,
    answers: Sequence[Answer],
    failures: Sequence[str],
    parameters: Sequence[Json] = (),
    body: Json | None = None,
    needs_token: bool = True,
) -> Json:
    """Return the OpenAPI operation of one method of a path.

    Args:
        rule: Flask's rule, such as `/v1/nodes/<node>/info`.
        summary: The operation in one sentence without a period.
        answers: The answers on success, one for each status.
        failures: Status codes besides 401, 403 and 429, and 404 of a path with parameters.
        parameters: Those of query and headers.
        body: The schema of the body, None if the operation takes none.
        needs_token: False if the path is served without a token.
    """
    path = path_template(rule)
    codes = {*failures, *(_REFUSED if needs_token else ()), *(("404",) if "{" in path else ())}
    operation: Json = {
        "summary": summary,
        "responses": {
            **{answer.status: _success(answer, summary) for answer in answers},
            **{code: _failure(code) for code in sorted(codes)},
        },
    }
    if every := [*_in_path(rule, path), *parameters]:
        operation["parameters"] = every
    if body is not None:
        operation["requestBody"] = {"content": {JSON_TYPE: {"schema": body}}}
    if not needs_token:
        operation["security"] = []
    return operation


def parameter(name: str, place: str, meaning: str, words: Sequence[str] = (), required: bool = False) -> Json:
    """Return a parameter.

    Args:
        name: The parameter's name.
        place: `query`, `path` or `header`.
        meaning: Its description, omitted if empty.
        words: The values that it can have; empty if it is free text.
        required: True if a request without it fails.
    """
    schema: Json = {"type": "string", "enum": list(words)} if words else dict(STRING)
    found: Json = {"name": name, "in": place, "required": required, "schema": schema}
    return {**found, "description": meaning} if meaning else found


def _in_path(rule: str, path: str) -> list[Json]:
    choices = {name: [word.strip() for word in words.split(",")] for words, name in _CHOICE.findall(rule)}
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [parameter(name, "path", "", choices.get(name, ()), required=True) for name in names]


def _success(answer: Answer, summary: str) -> Json:
    content: Json = {} if answer.schema is None else {"schema": answer.schema}
    return {"description": answer.meaning or summary, "content": {answer.media_type: content}}


def _failure(code: str) -> Json:
    return {"description": _FAILURES[code], "content": {JSON_TYPE: {"schema": ref("Message")}}}
