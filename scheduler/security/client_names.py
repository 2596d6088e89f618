"""The names of clients that present a certificate, and the file with their roles.

A line of that file is `name:role`. A name can hold colons, so the role follows the last one. Empty lines and lines that
begin with # are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.security.lines import entries
from scheduler.security.tokens import WORDS, Role

LONGEST = 512


class RolesFileError(ValueError):
    """A line that cannot be used; the text names its number and the rule."""


@dataclass(frozen=True)
class ClientCertificate:
    """The certificate that a client has proven to hold; it ends at `ends_at`, in seconds since the epoch."""

    name: str
    ends_at: float


def name_of(certificate: Mapping[str, Any]) -> str:
    """Return the name for which a certificate stands, as Python's `ssl` gives it: "spiffe://example.org/backup".

    It is the first URI of the certificate, else its first DNS name, else its common name; empty if it has none.
    """
    names = certificate.get("subjectAltName", ())
    for kind in ("URI", "DNS"):
        for found, value in names:
            if found == kind:
                return str(value)
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return ""


def parse_roles(text: str) -> Mapping[str, Role]:
    """Return the role of each name, at least one; raises RolesFileError for the first line that is wrong."""
    roles, problems = read_roles(text)
    if problems:
        raise RolesFileError(problems[0])
    if not roles:
        raise RolesFileError("it holds no name:role")
    return roles


def read_roles(text: str) -> tuple[Mapping[str, Role], tuple[str, ...]]:
    """Return the names of all lines that can be used, and a sentence for each other line."""
    roles: dict[str, Role] = {}
    problems = []
    for number, line in entries(text):
        name, colon, word = line.rpartition(":")
        name = name.strip()
        role = WORDS.get(word.strip())
        if not colon or role is None:
            problems.append(f"line {number} is not name:role, with one of the roles {', '.join(WORDS)}")
        elif not name or not name.isprintable() or len(name) > LONGEST:
            problems.append(f"line {number} has no name of at most {LONGEST} printable characters")
        elif name in roles:
            problems.append(f"line {number} repeats a name")
        else:
            roles[name] = role
    return roles, tuple(problems)
