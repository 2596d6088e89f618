"""Keys of cassandra.yaml that name files or directories on the agents to which Cassandra writes.

Such a path can be any that the node's user may write, and each node of an agent shares it. So a client that may change
settings through the API can name a directory below the sandbox's logs alone; other paths come from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

LOGS = "logs"
_KEYS = frozenset({"heap_dump_path", "audit_logs_dir", "log_dir", "heartbeat_file"})
_BELOW_LOGS = re.compile(rf"{LOGS}(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+/?", re.ASCII)


def foreign_paths(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield place and text of each path that is not below the logs, such as `audit_logging_options.audit_logs_dir`."""
    for place, value in _paths("", options):
        if not _BELOW_LOGS.fullmatch(value):
            yield place, value


def _paths(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            inner = f"{place}.{key}" if place else str(key)
            if str(key) in _KEYS and item not in (None, ""):
                yield inner, str(item)
            else:
                yield from _paths(inner, item)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(place, item)
