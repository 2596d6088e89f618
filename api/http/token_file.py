"""The tokens of API_TOKEN_FILE, as they are in the file now."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from api.http.watched_file import Clock, WatchedFile
from scheduler.security.tokens import Token, read_tokens


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

    def __init__(self, path: Path, clock: Clock = time.monotonic) -> None:
        self._key = secrets.token_bytes(32)
        self._known = _Known()
        self._file = WatchedFile("API_TOKEN_FILE", path, self._parse, "no token is valid", clock)
        self._hashing = threading.Lock()

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
            # Another request may have checked it meanwhile. Each thread that hashes keeps 16 MB from then on.
            if digest not in known.verified:
                if not token.matches(secret):
                    return None
                known.verified[digest] = token
        return token

    def has(self, token: Token) -> bool:
        """Return whether the file still has the line of a token that `holder` returned."""
        known = self._current()
        return (known.hashed.get(token.id) if token.hash else known.verified.get(self._digest(token.secret))) == token

    @property
    def is_empty(self) -> bool:
        """Return whether no token is valid now, as while the file is being replaced."""
        known = self._current()
        return not known.verified and not known.hashed

    def _digest(self, secret: str) -> bytes:
        return hmac.digest(self._key, secret.encode("utf-8", "replace"), "sha256")

    def _current(self) -> _Known:
        return self._file.current()

    def _parse(self, text: str | None) -> tuple[_Known, str]:
        if text is None:
            self._known = _Known()
            return self._known, ""
        tokens, problems = read_tokens(text)
        if not tokens:
            problems = ("holds no token, so that none is valid", *problems)
        if text != self._known.text:
            plain = {self._digest(token.secret): token for token in tokens if not token.hash}
            self._known = _Known(text, plain, {token.id: token for token in tokens if token.hash})
        return self._known, "; ".join(problems)
