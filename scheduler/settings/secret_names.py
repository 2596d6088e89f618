"""Passwords and private keys do not belong into settings: a launch can be read in Mesos, the API and ZooKeeper."""

from __future__ import annotations

import re
from typing import Any

from scheduler.core.configuration.differences import is_secret_name, may_hold_secret

_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY|^Private-Lines: ", re.MULTILINE)
# The value of an Authorization header, and tokens of GitHub, GitLab and Slack.
_CREDENTIAL = re.compile(
    r"(?i:authorization\s*[:=]\s*\w+\s+\S)|^(?i:bearer)\s+\S+$|^(?i:basic)\s+(?=\S*[A-Z0-9=])[\w+/-]{6,}=*$"
    r"|\b(gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abeprs]-[\w-]{10,})"
)
# A password can hold a slash; a port before a path is none. Without a limit the time would grow with the square of a
# text with many of these signs, and the whole scheduler waits for an expression.
_LOGIN = re.compile(r"://[^/\s:@]*:(?!\d{1,5}/)[^\s@?#]{1,512}@")
# A JSON web token, such as that of a service account.
_JWT = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.")
# Other ends of such names. `ownership_token` is a name that Cassandra compares with a file of its data directory.
_MORE = re.compile(
    r"((^|[._-])(key|store|trust|user|bind|my|db)?pass|[a-z]Pass|[A-Z]PASS|(^|[._-])(bind)?pw|[a-z]P[wW]|PW"
    r"|(^|[.-]|(?<!ownership)_)token|[a-z]Token|TOKEN|(^|[._-])(psk|pin)|[a-z]P(SK|in)|PSK"
    r"|(?i:jwt|bearer|authorization|passcode|(secret|password|token)[._-]?value"
    r"|(signing|encryption|master|account|session|hmac|shared|license)[._-]?key))$"
)
# In a list of parameters, each with its name and its value.
_NAMES = frozenset({"name", "key"})


def secret_key(value: Any) -> str | None:
    """Return the first key of a mapping, or of one inside it, that holds a secret; None without one."""
    if isinstance(value, list):
        return next((found for item in value if (found := secret_key(item)) is not None), None)
    if not isinstance(value, dict):
        return None
    for key, item in value.items():
        name = str(key)
        if name in _NAMES and isinstance(item, str) and _is_secret(item, value.get("value")):
            return item[:80]
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
    if value and ((word.startswith("-D") and is_name) or _holds_secret(value)):
        return name[:80]
    return None


def _is_secret(name: str, value: Any) -> bool:
    if value in (None, "", [], {}) or isinstance(value, bool | dict):
        return False
    return "password" in name.lower() or _has_secret_name(name)


def _has_secret_name(name: str) -> bool:
    return is_secret_name(name) or _MORE.search(name) is not None


def _flat(value: Any) -> list[Any]:
    """Return the items of a list, however deep, or the value itself."""
    return [text for item in value for text in _flat(item)] if isinstance(value, list) else [value]


def _holds_secret(text: str) -> bool:
    forms = (_PRIVATE_KEY, _LOGIN, _JWT, _CREDENTIAL)
    return may_hold_secret(text) or any(form.search(text) for form in forms)
