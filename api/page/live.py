"""The part of a view that changes: made once per snapshot, and sent again only when it differs."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import Response, g, make_response, render_template, request
from markupsafe import Markup

from api.http.access import snapshot
from api.http.auth import guard
from api.http.sessions import COOKIE, new_value, set_cookie
from scheduler.loop.snapshot import Snapshot

LIVE = "live"
# The header of an answer with the tag of its part.
TAG = "X-Live-Part"
# What no text of the cluster can hold: the code of the reader's forms takes its place.
_CODE = secrets.token_hex(16)
_KEPT = 64

Build = Callable[[Snapshot], Mapping[str, Any]]


class Parts:
    """The parts made of the newest snapshot, by view, arguments and role."""

    def __init__(self) -> None:
        self._of: Snapshot | None = None
        self._made: dict[str, tuple[str, str]] = {}
        self._lock = threading.Lock()

    def get(self, found: Snapshot, key: str, make: Callable[[], str]) -> tuple[str, str]:
        """Return the tag and the text of a part; `make` renders it if no reader has asked for it since the snapshot."""
        with self._lock:
            if self._of is not found:
                self._of, self._made = found, {}
            known = self._made.get(key)
        if known is None:
            text = make()
            known = hashlib.sha256(text.encode()).hexdigest()[:16], text
            with self._lock:
                if self._of is found and len(self._made) < _KEPT:
                    self._made[key] = known
        return known


_PARTS = Parts()


def show(name: str, title: str, build: Build, arguments: Mapping[str, str] | None = None, beside: str = "") -> Response:
    """Answer a view: the whole page, or its live part if the browser asks for that; 204 if it has that already.

    Args:
        name: The view, with a template `<name>.html`.
        title: The page's title.
        build: Makes the template's values from the snapshot.
        arguments: The query of the view, which its live part asks with again.
        beside: An address of the page whose answer is loaded once and shown below the live part.
    """
    found, asked = snapshot(), {name: text for name, text in (arguments or {}).items() if text}
    key = "\n".join((name, g.holder.role.word, urlencode(sorted(asked.items()))))

    def make() -> str:
        return render_template(f"{name}.html", code=_CODE, now=found.at, **build(found))

    tag, part = _PARTS.get(found, key, make)
    if request.args.get(LIVE) == tag:
        return Response(status=HTTPStatus.NO_CONTENT)
    address = f"{'.' if name == 'now' else name}?{urlencode({**asked, LIVE: tag})}"
    whole = LIVE not in request.args
    response = answer("live.html" if not whole else "view.html", name, title, part=Markup(part), address=address,
                      beside=beside)  # fmt: skip
    response.headers[TAG] = tag
    return response


def answer(template: str, name: str, title: str, status: int = HTTPStatus.OK, **values: Any) -> Response:
    """Answer with a template, and with a cookie for the reader who has none, so that forms can have a code."""
    value = request.cookies.get(COOKIE, "")
    fresh = "" if value else new_value()
    code = guard().sessions.code(value or fresh)
    text = render_template(template, view=name, title=title, code=_CODE, **values).replace(_CODE, code)
    response = make_response(text, status)
    if fresh:
        set_cookie(response, fresh, request)
    return response
