"""Settings of the commit log with which writes wait longer than clients do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_AMOUNT = re.compile(r"([0-9]{1,19})(ms|s|m|h|d)")
_MILLIS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# Cassandra 5.0's own.
_TIMEOUT = "write_request_timeout"
_DEFAULT_TIMEOUT = "2000ms"


def slow_writes(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence if writes wait longer for the commit log than a coordinator waits for them.

    Cassandra accepts such settings. A node's start then takes minutes, because it writes as well.
    """
    timeout = str(options.get(_TIMEOUT) or _DEFAULT_TIMEOUT)
    match options.get("commitlog_sync"):
        case "periodic":
            names = ["commitlog_sync_period", "periodic_commitlog_sync_lag_block"]
            period, lag = (_millis(options.get(name)) for name in names)
            wait = None if period is None or lag is None else period - lag
        case "group":
            names = ["commitlog_sync_group_window"]
            wait = _millis(options.get(names[0]))
        case _:
            return ()
    longest = _millis(timeout)
    if wait is None or longest is None or wait <= longest:
        return ()
    shown = " and ".join(f"{name} {options[name]}" for name in names)
    return (
        f"with {shown} a write waits up to {wait / 1000:g} s for the commit log, longer than {_TIMEOUT} ({timeout}): "
        "writes fail, and nodes take minutes to start",
    )


def _millis(value: object) -> int | None:
    found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
    return None if found is None else int(found[1]) * _MILLIS[found[2]]
