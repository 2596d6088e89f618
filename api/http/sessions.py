"""Sessions of the page: a cookie in place of the header, and a code in each form that no other site can know.

A session is kept in memory and ends with the process. It holds the token's line, not what the user typed, and is valid
only while the token file has that line.
"""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from flask import Request, Response

from api.http.token_file import TokenFile
from scheduler.security.tokens import Token

COOKIE = "cassandra-page"
FIELD = "code"
# A working day; who works on logs in again.
LONGEST_SECONDS = 12 * 3600.0
SESSIONS = 1000
_BYTES = 32


@dataclass(frozen=True)
class _Session:
    holder: Token
    ends_at: float


class Sessions:
    """The sessions of this process. Used by many threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(_BYTES)
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Session] = OrderedDict()

    def begin(self, holder: Token) -> str:
        """Return the cookie's value of a new session; the oldest ends if there are too many."""
        value = new_value()
        with self._lock:
            self._known[value] = _Session(holder, self._clock() + LONGEST_SECONDS)
            if len(self._known) > SESSIONS:
                self._known.popitem(last=False)
        return value

    def holder(self, request: Request, tokens: TokenFile | None) -> Token | None:
        """Return whose session the request belongs to; None without one, or if the token is not valid any more."""
        value = request.cookies.get(COOKIE, "")
        with self._lock:
            found = self._known.get(value)
        if found is None:
            return None
        if self._clock() < found.ends_at and tokens is not None and tokens.has(found.holder):
            return found.holder
        self.end(value)
        return None

    def end(self, value: str) -> None:
        """End a session, if there is one with this value."""
        with self._lock:
            self._known.pop(value, None)

    def code(self, value: str) -> str:
        """Return the code that the forms of a cookie's holder must send."""
        return hmac.digest(self._key, value.encode("utf-8", "replace"), "sha256").hex()

    def vouches(self, request: Request) -> bool:
        """Return whether the request has the code that belongs to its cookie."""
        value, given = request.cookies.get(COOKIE, ""), request.form.get(FIELD, "")
        return bool(value) and hmac.compare_digest(self.code(value).encode(), given.encode("utf-8", "replace"))


def new_value() -> str:
    """Return a new value for a cookie."""
    return secrets.token_urlsafe(_BYTES)


def set_cookie(response: Response, value: str, request: Request) -> None:
    """Set the session's cookie.

    Without a path, the browser takes that of the request: `/ui` below whichever prefix a router has.
    """
    forwarded = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    secure = request.is_secure or forwarded == "https"
    response.set_cookie(COOKIE, value, path=None, httponly=True, secure=secure, samesite="Strict")


def delete_cookie(response: Response) -> None:
    """Have the browser forget the session's cookie."""
    response.set_cookie(COOKIE, "", max_age=0, expires=0, path=None, httponly=True, samesite="Strict")
