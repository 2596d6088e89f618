"""Which of the polled statuses are worth a status update: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from executor.jmx.status import STARTING, UNKNOWN, without_sizes
from executor.protocol import NodeStatus

# A garbage collection or a busy moment leaves a poll or two without an answer and says nothing about the node.
SILENCE_SECONDS = 10.0
# The agent keeps every update that a scheduler has not acknowledged: a node that flaps while the scheduler is away
# must not fill its disk. Changes of the mode always pass.
_BURST = 30.0
_REFILL_PER_SECOND = 0.1


@dataclass(frozen=True)
class Report:
    """What the scheduler was told last, since when Cassandra is silent, and how many updates may follow at once."""

    told: NodeStatus
    silent_since: float | None = None
    budget: float = _BURST
    counted: float = 0.0  # the time of `budget`


def begin(pid: int, address: str, now: float) -> Report:
    """The report of a process that has just been started."""
    return Report(NodeStatus(mode=STARTING, endpoint=address, pid=pid), silent_since=now, counted=now)


def believed(report: Report, polled: NodeStatus) -> NodeStatus:
    """Return what is to be believed of a polled status: a node whose JMX is silent while it serves CQL is not down.

    Its last mode holds then, with why it may be an old one; without a mode before it stays UNKNOWN.
    """
    if polled.mode != UNKNOWN or not polled.native_transport_running or report.told.mode != "NORMAL":
        return polled
    error = f"CQL is served, but JMX does not answer, so that all else is as it was before: {polled.error}"
    return replace(report.told, error=error, room_bytes=polled.room_bytes)


def fold(report: Report, polled: NodeStatus, now: float) -> tuple[Report, NodeStatus | None]:
    """Take a polled status in; gives the new report and the status to send, None if there is nothing to tell."""
    budget = min(_BURST, report.budget + (now - report.counted) * _REFILL_PER_SECOND)
    report = replace(report, budget=budget, counted=now)
    if polled.mode == UNKNOWN:
        since = now if report.silent_since is None else report.silent_since
        report = replace(report, silent_since=since)
        # Before its first answer the mode is STARTING, however long that takes.
        if report.told.mode in (STARTING, UNKNOWN) or now - since < SILENCE_SECONDS:
            return report, None
        polled = replace(report.told, mode=UNKNOWN, error=polled.error)
    else:
        report = replace(report, silent_since=None)
    if without_sizes(polled) == without_sizes(report.told):
        return report, None
    if polled.mode == report.told.mode and budget < 1:
        return report, None
    return replace(report, told=polled, budget=max(0.0, budget - 1)), polled
