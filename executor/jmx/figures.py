"""Cassandra's figures, read over Jolokia in one request, at most every ten seconds."""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from executor.figures import Figures, Requests
from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError

PAUSE_SECONDS = 10.0
# The reply to a status query waits for the figures.
TIMEOUT_SECONDS = 1.0

_METRICS = "org.apache.cassandra.metrics"
_OWNS = Attribute(STORAGE_SERVICE, "OwnershipWithPort")
_PENDING = Attribute(f"{_METRICS}:type=Compaction,name=PendingTasks", "Value")
_DROPPED = Attribute("org.apache.cassandra.net:type=MessagingService", "DroppedMessages")
_HINTS = Attribute(f"{_METRICS}:type=Storage,name=TotalHints", "Count")
_PENDING_HINTS = Attribute("org.apache.cassandra.hints:type=HintsService", "PendingHints")
_HEAP = Attribute("java.lang:type=Memory", "HeapMemoryUsage")
_COLLECTORS = "java.lang:type=GarbageCollector,*"
_GC_COUNT, _GC_MILLIS = Attribute(_COLLECTORS, "CollectionCount"), Attribute(_COLLECTORS, "CollectionTime")
_RECEIVED = Attribute(f"{_METRICS}:type=Streaming,name=TotalIncomingBytes", "Count")
_SENT = Attribute(f"{_METRICS}:type=Streaming,name=TotalOutgoingBytes", "Count")
_REQUESTS = (
    ("Latency", "Count"), ("TotalLatency", "Count"), ("Latency", "50thPercentile"), ("Latency", "99thPercentile"),
    ("Timeouts", "Count"), ("Unavailables", "Count"), ("Failures", "Count"),
)  # fmt: skip


def _of_requests(scope: str) -> tuple[Attribute, ...]:
    mbean = f"{_METRICS}:type=ClientRequest,scope={scope},name="
    return tuple(Attribute(f"{mbean}{name}", attribute) for name, attribute in _REQUESTS)


_READ, _WRITE = _of_requests("Read"), _of_requests("Write")
WANTED = (
    _OWNS, _PENDING, _DROPPED, _HINTS, _PENDING_HINTS, _HEAP, _GC_COUNT, _GC_MILLIS, _RECEIVED, _SENT, *_READ, *_WRITE,
)  # fmt: skip


class Gatherer:
    """The figures of one Cassandra, kept for PAUSE_SECONDS. One thread uses it."""

    def __init__(
        self, jolokia: Jolokia, address: str, volume: Path, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._jolokia = jolokia
        self._address = address
        self._volume = volume
        self._clock = clock
        self._gathered: tuple[float, Figures | None] | None = None  # with its monotonic time

    def gather(self) -> Figures | None:
        """Return the figures, read again if they are old; None if Cassandra does not report them."""
        now = self._clock()
        if self._gathered is None or now - self._gathered[0] >= PAUSE_SECONDS:
            self._gathered = now, self._read()
        return self._gathered[1]

    def _read(self) -> Figures | None:
        try:
            values = self._jolokia.read(WANTED, TIMEOUT_SECONDS)
        except JolokiaError:
            return None
        return interpret(values, self._address, _disk_bytes(self._volume))


def interpret(values: Mapping[Attribute, Any], address: str, disk_bytes: int | None) -> Figures:
    """Return the figures for attribute values; one without a value, or with one of another form, is None."""
    dropped, waiting = values.get(_DROPPED), values.get(_PENDING_HINTS)
    kinds = dropped.items() if isinstance(dropped, dict) else ()
    heap = values.get(_HEAP)
    heap = heap if isinstance(heap, dict) else {}
    return Figures(
        owns=_share(values.get(_OWNS), address),
        pending_compactions=_whole(values.get(_PENDING)),
        dropped={str(name): count for name, count in kinds if _whole(count)},
        hints=_whole(values.get(_HINTS)),
        hinted_peers=len(waiting) if isinstance(waiting, list) else None,
        heap_used_bytes=_whole(heap.get("used")),
        heap_max_bytes=_whole(heap.get("max")),
        gc_count=_sum(values.get(_GC_COUNT), _GC_COUNT.name),
        gc_millis=_sum(values.get(_GC_MILLIS), _GC_MILLIS.name),
        received=_whole(values.get(_RECEIVED)),
        sent=_whole(values.get(_SENT)),
        disk_bytes=disk_bytes,
        read=_requests(values, _READ),
        write=_requests(values, _WRITE),
    )


def _requests(values: Mapping[Attribute, Any], wanted: tuple[Attribute, ...]) -> Requests | None:
    """Return the requests; Cassandra registers their MBeans with the first one."""
    count, micros, p50, p99, *errors = (values.get(item) for item in wanted)
    if (total := _whole(count)) is None:
        return None
    # NaN and infinity are texts in Jolokia's answers.
    median, slow = _number(p50), _number(p99)
    return Requests(total, _whole(micros) or 0, median, slow, sum(_whole(value) or 0 for value in errors))


def _number(value: Any) -> float:
    return 0.0 if isinstance(value, bool) or not isinstance(value, int | float) else max(0.0, float(value))


def _share(shares: Any, address: str) -> float | None:
    """Return the share of this node among those by address and port, such as `/10.0.0.1:7000`."""
    for name, share in shares.items() if isinstance(shares, dict) else ():
        text = str(name).rpartition("/")[2].rpartition(":")[0].strip("[]")
        if isinstance(share, int | float) and share >= 0 and _same(text, address):
            return round(min(1.0, float(share)), 5)  # Cassandra adds up floats of 32 bits
    return None


def _same(text: str, address: str) -> bool:
    try:
        return ipaddress.ip_address(text) == ipaddress.ip_address(address)
    except ValueError:
        return text == address


def _sum(collectors: Any, name: str) -> int | None:
    """Return the sum over the MBeans of all collectors; -1 is a collector that does not count."""
    if not isinstance(collectors, dict):
        return None
    values = [found.get(name) for found in collectors.values() if isinstance(found, dict)]
    return sum(_whole(value) or 0 for value in values)


def _whole(value: Any) -> int | None:
    # A boolean is an int to isinstance, but the scheduler refuses a status with one.
    return value if type(value) is int and value >= 0 else None


def _disk_bytes(volume: Path) -> int | None:
    try:
        disk = os.statvfs(volume)
    except OSError:
        return None
    return disk.f_blocks * disk.f_frsize
