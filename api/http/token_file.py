"""The tokens of API_TOKEN_FILE, as they are in the file now."""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scheduler.security.tokens import Token, read_tokens

log = logging.getLogger(__name__)

# A change that leaves size and time stamp as they were is seen after this time.
REREAD_SECONDS = 5.0


@dataclass(frozen=True)
class _Known:
    """The tokens of one text: by the keyed digest of the secret, and those that are hashed by their id."""

    text: str = field(default="", repr=False)
    verified: dict[bytes, Token] = field(default_factory=dict, repr=False)
    hashed: dict[str, Token] = field(default_factory=dict, repr=False)


class TokenFile:
    """Finds the holder of a token. A file that is missing, unreadable or empty has no valid token.

    A hash takes 50 ms and 16 MB to check. It is checked once: later, a digest with a key that only this process knows
    finds the token. Used by many threads.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._known = _Known()
        self._seen: tuple[int, int, int] | None = None
        self._read_at = -REREAD_SECONDS
        self._said = ""
        self._reading, self._hashing = threading.Lock(), threading.Lock()

    def holder(self, secret: str, hashing: bool = True) -> Token | None:
        """Return the token that this is; None for a wrong one, or, without `hashing`, for one not seen before."""
        known = self._current()
        digest = self._digest(secret)
        found = known.verified.get(digest)
        if found is not None or not hashing:
            return found
        token = known.hashed.get(secret.partition(".")[0])
        if token is None:
            return None
        with self._hashing:  # one at a time, so that many requests take no more memory than one
            if not token.matches(secret):
                return None
        known.verified[digest] = token
        return token

    def has(self, token: Token) -> bool:
        """Return whether the file still has the line of a token that `holder` returned."""
        known = self._current()
        return (known.hashed.get(token.id) if token.hash else known.verified.get(self._digest(token.secret))) == token

    def _digest(self, secret: str) -> bytes:
        return hmac.digest(self._key, secret.encode("utf-8", "replace"), "sha256")

    def _current(self) -> _Known:
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            seen = None
        if seen != self._seen or self._clock() - self._read_at >= REREAD_SECONDS:
            with self._reading:
                self._seen, self._read_at = seen, self._clock()
                self._known = self._read()
        return self._known

    def _read(self) -> _Known:
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not a text"
            self._say(f"cannot be read, no token is valid: {why}")
            return _Known()
        tokens, problems = read_tokens(text)
        if not tokens:
            problems = ("holds no token, so that none is valid", *problems)
        self._say("; ".join(problems))
        if text == self._known.text:
            return self._known
        plain = {self._digest(token.secret): token for token in tokens if not token.hash}
        return _Known(text, plain, {token.id: token for token in tokens if token.hash})

    def _say(self, problem: str) -> None:
        """Log a problem when it begins, not at each request."""
        if problem and problem != self._said:
            log.error("API_TOKEN_FILE %s: %s", self._path, problem)
        self._said = problem
