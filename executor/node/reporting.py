"""The choice of the polled statuses that become status updates: pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from executor.jmx.status import STARTING, UNKNOWN, without_sizes
from executor.protocol import NodeStatus

# A garbage collection or a busy moment leaves a poll or two unanswered, which is no change of the node.
SILENCE_SECONDS = 10.0
# The agent keeps every update that the scheduler has not acknowledged. A node that flaps while the scheduler is away
# must not fill the agent's disk. Changes of the mode always pass.
_BURST = 30.0
_REFILL_PER_SECOND = 0.1


@dataclass(frozen=True)
class Report:
    """The status sent last, the time since when Cassandra is silent, and the number of updates that can follow."""

    sent: NodeStatus
    silent_since: float | None = None
    budget: float = _BURST
    counted: float = 0.0  # time at which `budget` was computed


def begin(pid: int, address: str, now: float) -> Report:
    """Return the report of a process that has just started.

    Args:
        pid: Cassandra's process.
        address: The node's IP address.
        now: Monotonic time in seconds.
    """
    return Report(NodeStatus(mode=STARTING, endpoint=address, pid=pid), silent_since=now, counted=now)


def believed(report: Report, polled: NodeStatus) -> NodeStatus:
    """Return what is to be believed of a polled status: a node whose JMX is silent while it serves CQL is not down.

    Its last mode holds then, with why it may be an old one; without a mode before it stays UNKNOWN.
    """
    if polled.mode != UNKNOWN or not polled.native_transport_running or report.sent.mode != "NORMAL":
        return polled
    error = f"CQL is served, but JMX does not answer, so that all else is as it was before: {polled.error}"
    return replace(report.sent, error=error, room_bytes=polled.room_bytes)


def fold(report: Report, polled: NodeStatus, now: float) -> tuple[Report, NodeStatus | None]:
    """Fold a polled status; return the new report, and the status to send or None."""
    budget = min(_BURST, report.budget + (now - report.counted) * _REFILL_PER_SECOND)
    report = replace(report, budget=budget, counted=now)
    if polled.mode == UNKNOWN:
        since = now if report.silent_since is None else report.silent_since
        report = replace(report, silent_since=since)
        # Before its first answer the mode stays STARTING.
        if report.sent.mode in (STARTING, UNKNOWN) or now - since < SILENCE_SECONDS:
            return report, None
        polled = replace(report.sent, mode=UNKNOWN, error=polled.error)
    else:
        report = replace(report, silent_since=None)
    if without_sizes(polled) == without_sizes(report.sent):
        return report, None
    if polled.mode == report.sent.mode and budget < 1:
        return report, None
    return replace(report, sent=polled, budget=max(0.0, budget - 1)), polled
