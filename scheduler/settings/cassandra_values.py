"""The values of the keys of Cassandra 5.0's cassandra.yaml: kinds, units and limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from scheduler.settings.cassandra_keys import KINDS, WORDS
from scheduler.settings.cassandra_limits import LEAST, LONG, MINUS_ONE, MOST, UNITS

# The units of each form from the smallest to the largest, each with its factor to the one before.
_DURATION = {"ns": 1, "us": 1000, "ms": 1000, "s": 1000, "m": 60, "h": 60, "d": 24}
_STORAGE = {"B": 1, "KiB": 1024, "MiB": 1024, "GiB": 1024}
_RATE = {"B/s": 1, "KiB/s": 1024, "MiB/s": 1024}
_FORMS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    **dict.fromkeys(_RATE, ("rate", _RATE)),
    **dict.fromkeys(_STORAGE, ("size", _STORAGE)),
    **dict.fromkeys(_DURATION, ("duration", _DURATION)),
}
# With units that every key of that form accepts.
_EXAMPLES = {"duration": "10m", "size": "32MiB", "rate": "64MiB/s"}
_AMOUNT = re.compile(r"(\d{1,19})(\D+)", re.ASCII)
TYPES: Mapping[str, tuple[tuple[type, ...], str]] = {
    "boolean": ((bool,), "true or false"),
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "text": ((str, int, float), "a text"),
    "class": ((str, dict, list), "a class name, or a mapping with class_name and parameters"),
    "list": ((list,), "a list"),
    "mapping": ((dict,), "a mapping"),
}


def check_value(key: str, value: Any) -> str | None:
    """Return the rule that a YAML value of a known key breaks, as the end of a sentence; None if it keeps it.

    For example `must be at least 2` for `concurrent_reads: 1`.
    """
    if value is None:
        return None
    kind = KINDS[key]
    if key in UNITS:
        return _check_amount(key, value)
    if kind == "word":
        return _check_word(key, value)
    types, words = TYPES[kind]
    if not isinstance(value, types) or (kind != "boolean" and isinstance(value, bool)):
        return f"must be {words}"
    return _check_limits(key, value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _check_word(key: str, value: Any) -> str | None:
    words = WORDS[key]
    if value in words:
        return None
    return f"must be one of {', '.join(words)}"


def _check_limits(key: str, value: float) -> str | None:
    if value == -1 and key in MINUS_ONE:
        return None
    bits = 63 if key in LONG else 31
    least, most = LEAST.get(key), MOST.get(key)
    if KINDS[key] == "integer":
        least, most = -(2**bits) if least is None else least, 2**bits - 1 if most is None else most
    if least is not None and value < least:
        return f"must be {'-1 or ' if key in MINUS_ONE else ''}at least {least}"
    return f"must be at most {most}" if most is not None and value > most else None


def _check_amount(key: str, value: Any) -> str | None:
    """Check a duration such as `10s`, a size such as `32MiB`, or a rate such as `64MiB/s`."""
    smallest, most = UNITS[key]
    form, factors = _FORMS[smallest]
    units = list(factors)[list(factors).index(smallest) :]
    found = _AMOUNT.fullmatch(value.replace("µs", "us")) if isinstance(value, str) else None
    if found is None or found[2] not in units:
        return f"must be a {form} in {', '.join(units[:-1])} or {units[-1]}, such as {_EXAMPLES[form]}"
    amount = int(found[1])
    for unit in units[1 : units.index(found[2]) + 1]:
        amount *= factors[unit]
    least, limit = LEAST.get(key, 0), min(most, MOST.get(key, most))
    if amount < least:
        return f"must be at least {least}{smallest}"
    return f"must be at most {limit}{smallest}" if amount > limit else None
