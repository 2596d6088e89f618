"""The file of API tokens: one `token` or `name:token` on each line; empty lines and # comments are ignored."""

from __future__ import annotations

from dataclasses import dataclass, field

SHORTEST = 8


class TokenFileError(ValueError):
    """A token file that cannot be used; the text names the line and never the token."""


@dataclass(frozen=True)
class Token:
    """One secret, and the name under which its holder's commands are logged."""

    name: str
    secret: str = field(repr=False)


def parse_tokens(text: str) -> tuple[Token, ...]:
    """Return all tokens of the file, at least one; raises TokenFileError."""
    tokens = []
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, colon, secret = line.partition(":")
        if not colon:
            name, secret = f"token-{number}", line
        if not name or len(secret) < SHORTEST or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise TokenFileError(f"line {number} is not a token of at least {SHORTEST} printable characters")
        tokens.append(Token(name, secret))
    if not tokens:
        raise TokenFileError("holds no token")
    return tuple(tokens)
