"""Figures of one Cassandra, as its executor sends them with a status: pure, and shared with the scheduler."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

# Cassandra 5.0.8 has 90 kinds of messages.
_KINDS = 200
_NAME_LENGTH = 64


@dataclass(frozen=True)
class Requests:
    """The requests of clients of one kind, since Cassandra's start.

    `micros` is the time that all of them took together. `p50` and `p99` are of the last minutes, in microseconds.
    `errors` ended with a timeout, with too few replicas, or with a failure.
    """

    count: int = 0
    micros: int = 0
    p50: float = 0.0
    p99: float = 0.0
    errors: int = 0


@dataclass(frozen=True)
class Figures:
    """Cassandra's figures; None is one that it does not report yet. Counts are since its start.

    - `owns`: the node's share of the token ring, from 0 to 1, without replicas
    - `dropped`: messages that came too late to be handled, by kind; kinds without any are left out
    - `hints`: writes that were stored for a peer that was down
    - `hinted_peers`: the number of peers for which hints wait on the disk now
    - `gc_count`, `gc_millis`: collections of all collectors, and their time
    - `received`, `sent`: bytes streamed
    - `disk_bytes`: the size of the volume's disk
    """

    owns: float | None = None
    pending_compactions: int | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    hints: int | None = None
    hinted_peers: int | None = None
    heap_used_bytes: int | None = None
    heap_max_bytes: int | None = None
    gc_count: int | None = None
    gc_millis: int | None = None
    received: int | None = None
    sent: int | None = None
    disk_bytes: int | None = None
    read: Requests | None = None
    write: Requests | None = None


def is_sound(figures: Figures) -> bool:
    """Return whether figures of another process can be shown: finite numbers that are not negative, and few names."""
    if len(figures.dropped) > _KINDS or any(len(name) > _NAME_LENGTH for name in figures.dropped):
        return False
    requests = [item for item in (figures.read, figures.write) if item is not None]
    found = [*figures.dropped.values(), *(getattr(figures, item.name) for item in fields(figures))]
    found += [getattr(item, one.name) for item in requests for one in fields(item)]
    return all(math.isfinite(value) and value >= 0 for value in found if isinstance(value, int | float))
