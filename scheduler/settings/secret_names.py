"""Passwords and private keys do not belong into settings: a launch can be read in Mesos, the API and ZooKeeper."""

from __future__ import annotations

import re
from typing import Any

from scheduler.core.configuration.differences import is_secret_name, may_hold_secret

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY")
_LOGIN = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
# Other ends of such names; a token of Cassandra's own is one of the ring.
_MORE = re.compile(r"((^|[._-])(key|store|trust|user)?pass|[a-z]Pass|(^|[._-])token|[a-z]Token|(^|[._-])pw)$")


def secret_key(value: Any) -> str | None:
    """Return the first key of a mapping, or of one inside it, that holds a secret; None without one."""
    if isinstance(value, list):
        return next((found for item in value if (found := secret_key(item)) is not None), None)
    if not isinstance(value, dict):
        return None
    for key, item in value.items():
        name = str(key)
        if _is_secret(name, item) or any(isinstance(text, str) and _holds_secret(text) for text in _flat(item)):
            return name[:80]
        if (found := secret_key(item)) is not None:
            return found
    return None


def secret_option(word: str) -> str | None:
    """Return the name of an option of Java whose value is a secret; None for any other."""
    name = re.split("[=:]", word, maxsplit=1)[0]
    value = word[len(name) + 1 :]
    own = name.removeprefix("-D")
    is_name = is_secret_name(own) or (bool(_MORE.search(own)) and not own.startswith("cassandra."))
    if value and ((word.startswith("-D") and is_name) or _holds_secret(value) or may_hold_secret(value)):
        return name[:80]
    return None


def _is_secret(name: str, value: Any) -> bool:
    if value in (None, "", [], {}) or isinstance(value, bool | dict):
        return False
    return "password" in name.lower() or is_secret_name(name)


def _flat(value: Any) -> list[Any]:
    """Return the items of a list, however deep, or the value itself."""
    return [text for item in value for text in _flat(item)] if isinstance(value, list) else [value]


def _holds_secret(text: str) -> bool:
    return bool(_PRIVATE_KEY.search(text) or _LOGIN.search(text))
