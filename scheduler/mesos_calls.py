"""The bodies of our calls to Mesos, with every field that pymesos would drop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from scheduler.core.cycle.decision import Accept, Ask, Decline, Kill, Reconcile

# What is left of accepted offers comes back after this time.
ACCEPTED_FILTER_SECONDS = 1.0


def accept_body(accept: Accept) -> dict[str, Any]:
    """ACCEPT."""
    return {
        "offer_ids": [{"value": offer_id} for offer_id in accept.offer_ids],
        "operations": list(accept.operations),
        "filters": {"refuse_seconds": ACCEPTED_FILTER_SECONDS},
    }


def decline_bodies(declines: Iterable[Decline]) -> Iterator[dict[str, Any]]:
    """DECLINE, one for all offers of the same duration."""
    by_seconds: dict[float, list[str]] = {}
    for decline in declines:
        by_seconds.setdefault(decline.seconds, []).append(decline.offer_id)
    for seconds, offer_ids in by_seconds.items():
        yield {"offer_ids": [{"value": name} for name in offer_ids], "filters": {"refuse_seconds": seconds}}


def kill_body(kill: Kill) -> dict[str, Any]:
    """KILL with the agent and the time that the node has to drain."""
    body: dict[str, Any] = {
        "task_id": {"value": kill.task_id},
        "kill_policy": {"grace_period": {"nanoseconds": int(kill.grace_seconds * 1e9)}},
    }
    if kill.agent_id is not None:
        body["agent_id"] = {"value": kill.agent_id}
    return body


def reconcile_body(reconcile: Reconcile) -> dict[str, Any]:
    """RECONCILE, always with the agents' ids: without them Mesos does not know an unreachable task."""
    return {"tasks": [{"task_id": {"value": task}, "agent_id": {"value": agent}} for task, agent in reconcile.tasks]}


def message_body(ask: Ask, data: str) -> dict[str, Any]:
    """MESSAGE to a node's executor; `data` is base64."""
    return {"agent_id": {"value": ask.agent_id}, "executor_id": {"value": ask.executor_id}, "data": data}
