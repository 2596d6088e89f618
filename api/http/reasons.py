"""The reason that an operator gives for a command; the command's event keeps it."""

from __future__ import annotations

from http import HTTPStatus

from flask import request

from api.http.errors import RequestError

REASON_HEADER = "X-Reason"
LONGEST = 200


def read_reason() -> str:
    """Return the reason of the present request, empty if there is none.

    Raises:
        RequestError: It is not printable UTF-8, or too long.
    """
    try:
        # WSGI decodes the bytes of headers as Latin-1.
        text = request.headers.get(REASON_HEADER, "").encode("latin-1").decode()
    except UnicodeError as error:
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The header {REASON_HEADER} must be UTF-8.") from error
    if len(text) > LONGEST or not text.isprintable():
        rule = f"must have at most {LONGEST} printable characters"
        raise RequestError(HTTPStatus.BAD_REQUEST, f"The header {REASON_HEADER} {rule}.")
    return text
