"""The file of API tokens: one token on each line, with a name and a role.

A line is `token`, `name:token` (both with the role admin), `name:role:token`, or `name:role:scrypt:...` with a hash in
place of the token. Empty lines and # comments are ignored.
"""

from __future__ import annotations

import base64
import binascii
import difflib
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from enum import IntEnum

from scheduler.security.lines import entries

SHORTEST = 8
LONGEST = 1024
NAME_RULE = "1 to 64 letters, digits and . _ @ -"
_NAME = re.compile(r"[A-Za-z0-9_.@-]{1,64}")
_SECRET = re.compile(r"[\x21-\x7e]+")
_SCRYPT = "scrypt"
# A token of ours is <id>.<256 random bits>: its id finds the line, so that a wrong token costs no hashing.
_ID = re.compile(r"[0-9a-f]{16}")
_COST, _BLOCK, _PARALLEL, _BYTES = 2**14, 8, 1, 32
_MEMORY = 64 * 1024 * 1024


class Role(IntEnum):
    """What a token permits; each role includes those before it."""

    READ = 1
    OPERATE = 2
    CONFIGURE = 3
    ADMIN = 4

    @property
    def word(self) -> str:
        """Its name as in the token file."""
        return self.name.lower()


WORDS = {role.word: role for role in Role}


class TokenFileError(ValueError):
    """A line of a token file that cannot be used; the text names the line and never the token."""


@dataclass(frozen=True)
class Token:
    """One secret, or the scrypt hash of one, with its role and the name under which its holder's commands are logged.

    `id` is the first part of a token that is stored as a hash.
    """

    name: str
    secret: str = field(default="", repr=False)
    role: Role = Role.ADMIN
    id: str = ""
    salt: bytes = field(default=b"", repr=False)
    hash: bytes = field(default=b"", repr=False)

    def matches(self, secret: str) -> bool:
        """Return whether this is the token, in a time that does not depend on where it differs."""
        given = secret.encode("utf-8", "replace")
        if not self.hash:
            return hmac.compare_digest(self.secret.encode(), given)
        return hmac.compare_digest(self.hash, _scrypt(given, self.salt))


def parse_tokens(text: str) -> tuple[Token, ...]:
    """Return all tokens of the file, at least one. Raises TokenFileError for the first line that is wrong."""
    tokens, problems = read_tokens(text)
    if problems:
        raise TokenFileError(problems[0])
    if not tokens:
        raise TokenFileError("holds no token")
    return tokens


def read_tokens(text: str) -> tuple[tuple[Token, ...], tuple[str, ...]]:
    """Return the tokens of all lines that can be used, and a sentence for each other line."""
    tokens, problems = [], []
    for number, line in entries(text):
        try:
            tokens.append(_parse(number, line))
        except TokenFileError as error:
            problems.append(str(error))
    return tuple(tokens), tuple(problems)


def new_token(name: str, role: Role) -> tuple[str, str]:
    """Return a new token, and the line of the file that stores its hash. Raises TokenFileError for a bad name."""
    if not is_name(name):
        raise TokenFileError(f"the name must be {NAME_RULE}")
    identifier, salt = secrets.token_hex(8), secrets.token_bytes(16)
    token = f"{identifier}.{secrets.token_urlsafe(32)}"
    stored = ":".join((_SCRYPT, identifier, _encoded(salt), _encoded(_scrypt(token.encode(), salt))))
    return token, f"{name}:{role.word}:{stored}"


def is_name(text: str) -> bool:
    """Return whether a holder of a token may have this name."""
    return _NAME.fullmatch(text) is not None


def _parse(number: int, line: str) -> Token:
    name, colon, rest = line.partition(":")
    if not colon:
        name, rest = f"token-{number}", line
    word, colon, secret = rest.partition(":")
    role = WORDS.get(word) if colon else None
    if role is None and (rest.startswith(f"{_SCRYPT}:") or (colon and _is_meant_as_role(word, secret))):
        # It would be a token with all rights, known to its holder and to every reader of the file.
        raise TokenFileError(f"line {number} must have a role before the token or hash: {', '.join(WORDS)}")
    if role is not None and secret.startswith(f"{_SCRYPT}:"):
        return _hashed(number, name, role, secret)
    secret = rest if role is None else secret
    if not name.isprintable() or len(name) > LONGEST:
        raise TokenFileError(f"line {number} has a name that cannot be shown")
    if not name or not SHORTEST <= len(secret) <= LONGEST or not _SECRET.fullmatch(secret):
        raise TokenFileError(f"line {number} is not a token of at least {SHORTEST} printable characters")
    return Token(name, secret, Role.ADMIN if role is None else role)


def _is_meant_as_role(word: str, secret: str) -> bool:
    """Return whether the part between two colons is a role that is misspelt, such as `readonly`."""
    near = difflib.get_close_matches(word.lower(), WORDS, n=1, cutoff=0.7)
    return secret.startswith(f"{_SCRYPT}:") or word.lower().startswith(tuple(WORDS)) or bool(near)


def _hashed(number: int, name: str, role: Role, text: str) -> Token:
    parts = text.split(":")
    try:
        _, identifier, salt, digest = parts
        token = Token(name, "", role, identifier, _decoded(salt), _decoded(digest))
    except (ValueError, binascii.Error):
        token = None
    if token is None or not _ID.fullmatch(token.id) or len(token.salt) != 16 or len(token.hash) != _BYTES:
        raise TokenFileError(f"line {number} has a hash that `python -m service tokens add` did not make")
    return token


def _scrypt(secret: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(secret, salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MEMORY, dklen=_BYTES)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def _decoded(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
