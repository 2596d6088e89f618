"""What every text of a setting must keep: its length, and signs that a person can see.

A NUL ends a program's argument, an escape sequence obeys in a terminal, and half of a surrogate pair cannot be written
as UTF-8.
"""

from __future__ import annotations

from collections.abc import Mapping
from unicodedata import category

LONGEST = 4096
# The largest whole number that JSON carries exactly everywhere.
MOST = 2**53
_LONGER: Mapping[str, int] = {"CASSANDRA_YAML": 100_000, "CASSANDRA_JVM_OPTIONS": 16_384}
_OF_MANY_LINES = frozenset({"CASSANDRA_YAML", "CASSANDRA_JVM_OPTIONS", "EXECUTOR_COMMAND", "PLACEMENT_CONSTRAINT"})
_PRIVATE_KEY = "PRIVATE KEY-----"
LINE_SIGNS = "\n\r\t"
SHOWN = 100


def broken_rule(name: str, text: str) -> str | None:
    """Return the rule of every text that this one breaks, as the end of a sentence; None if it keeps all."""
    longest = _LONGER.get(name, LONGEST)
    if len(text) > longest:
        return f"is longer than {longest} characters"
    if _PRIVATE_KEY in text:
        return "must not hold a private key: a launch can be read in Mesos; use a file on the agents"
    return sign_rule(text, LINE_SIGNS if name in _OF_MANY_LINES else "")


def sign_rule(text: str, allowed: str = "") -> str | None:
    """Return the rule that a text with control characters or halves of surrogate pairs breaks; None without these."""
    if text.isascii() and text.isprintable():
        return None
    for sign in text:
        if sign not in allowed and category(sign) in ("Cc", "Cs"):
            return f"must not hold the character U+{ord(sign):04X}"
    return None


def switch(text: str) -> str:
    """Return `on` or `off` for the text of a switch, such as `true`."""
    return "on" if text.lower() in ("on", "true") else "off"


def shown(text: str) -> str:
    """Return a text as a problem repeats it: quoted, and cut short."""
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}…"


def plain(text: str) -> str:
    """Return a name as a problem repeats it: without control characters, and cut short."""
    seen = "".join(sign if sign.isprintable() else "?" for sign in text[: SHOWN + 1])
    return seen if len(seen) <= SHOWN else f"{seen[:SHOWN]}…"


def shortened(problem: str) -> str:
    """Return a sentence that repeats no more than a person reads."""
    return problem if len(problem) <= 5 * SHOWN else f"{problem[: 5 * SHOWN]}…"
