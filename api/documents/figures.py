"""Cassandra's figures as the documents that clients read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.figures import Figures, Requests

Json = Mapping[str, Any]


def figures(found: Figures) -> Json:
    """Return a node's figures; null is one that Cassandra does not report yet."""
    return {
        "owns": found.owns,
        "disk_bytes": found.disk_bytes,
        "pending_compactions": found.pending_compactions,
        "dropped_messages": dict(sorted(found.dropped.items())),
        "hints": found.hints,
        "hinted_peers": found.hinted_peers,
        "heap_used_bytes": found.heap_used_bytes,
        "heap_max_bytes": found.heap_max_bytes,
        "gc_count": found.gc_count,
        "gc_seconds": None if found.gc_millis is None else found.gc_millis / 1000,
        "streamed_in_bytes": found.received,
        "streamed_out_bytes": found.sent,
        "read": None if found.read is None else _requests(found.read),
        "write": None if found.write is None else _requests(found.write),
    }


def _requests(found: Requests) -> Json:
    return {
        "count": found.count,
        "errors": found.errors,
        "p50_ms": round(found.p50 / 1000, 3),
        "p99_ms": round(found.p99 / 1000, 3),
    }
