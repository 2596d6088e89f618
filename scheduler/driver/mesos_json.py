"""Translation between Mesos' JSON and the loop's values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scheduler.core.cycle.decision import Accept, Ask, Decline, Kill, Reconcile
from scheduler.core.mesos.updates import ExecutorEnded, Registered, parse_operation_update, parse_task_update
from scheduler.errors import Exit, FatalError
from scheduler.loop.messages import Event, Fatal, Json, Lost, Message, Offers, OperationStatus, Rescinded, Update

# Mesos offers the rest of accepted offers again after this time.
ACCEPTED_FILTER_SECONDS = 1.0


def translate(event: Mapping[str, Any]) -> Event | None:
    """Return a Mesos event as a value, None for one without news, such as HEARTBEAT.

    Raises:
        KeyError, TypeError, ValueError: The event is malformed.
    """
    kind = event["type"]
    body = event.get(str(kind).lower(), {})
    match kind:
        case "SUBSCRIBED":
            return Registered(_framework_id(body["framework_id"]["value"]))
        case "OFFERS":
            return Offers(tuple(body.get("offers", ())))
        case "RESCIND":
            return Rescinded(str(body["offer_id"]["value"]))
        case "UPDATE":
            status = body["status"]
            return Update(parse_task_update(status), _task_acknowledgement(status))
        case "UPDATE_OPERATION_STATUS":
            return _operation(body["status"])
        case "MESSAGE":
            sender = [str((body.get(name) or {}).get("value", "")) for name in ("executor_id", "agent_id")]
            return Message(str(body["data"]), *sender)
        case "FAILURE":
            return Lost(_failure(body), _executor(body))
        case "ERROR":
            return Fatal(_error(str(body.get("message", ""))))
        case _:
            return None


def _framework_id(value: object) -> str:
    """Return the id, which is stored. Raises ValueError for what cannot be stored."""
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("the framework has no id")
    return value


def acknowledge_only(event: Any) -> Event | None:
    """Return the acknowledgement alone of an update that cannot be parsed; None if nothing is to be acknowledged."""
    try:
        match event["type"]:
            case "UPDATE":
                acknowledgement = _task_acknowledgement(event["update"]["status"])
                return None if acknowledgement is None else Update(None, acknowledgement)
            case "UPDATE_OPERATION_STATUS":
                status = event["update_operation_status"]["status"]
                acknowledgement = _operation_acknowledgement(status)
                words = f"{_operation_words(status)} (not understood)"[:500]
                return None if acknowledgement is None else OperationStatus(None, acknowledgement, words)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return None


def _task_acknowledgement(status: Mapping[str, Any]) -> Json | None:
    if not status.get("uuid"):
        return None
    return {name: status[name] for name in ("agent_id", "task_id", "uuid")}


def _operation(status: Mapping[str, Any]) -> OperationStatus:
    return OperationStatus(parse_operation_update(status), _operation_acknowledgement(status), _operation_words(status))


def _operation_acknowledgement(status: Mapping[str, Any]) -> Json | None:
    uuid = (status.get("uuid") or {}).get("value")
    if not uuid or not status.get("operation_id"):
        return None
    # Mesos expects the bare uuid here, unlike in the status that it sends.
    found = {"uuid": uuid, "operation_id": status["operation_id"]}
    return found | {name: status[name] for name in ("agent_id", "resource_provider_id") if name in status}


def _operation_words(status: Mapping[str, Any]) -> str:
    name = (status.get("operation_id") or {}).get("value", "?")
    return f"operation {name}: {status.get('state')} {status.get('message', '')}".rstrip()


def _executor(body: Mapping[str, Any]) -> ExecutorEnded | None:
    name, status = (body.get("executor_id") or {}).get("value"), body.get("status")
    return None if name is None or not isinstance(status, int) else ExecutorEnded(str(name), status)


def _failure(body: Mapping[str, Any]) -> str:
    agent = (body.get("agent_id") or {}).get("value", "?")
    executor = (body.get("executor_id") or {}).get("value")
    if executor is None:
        return f"agent {agent} is lost"
    return f"executor {executor} on agent {agent} ended with wait status {body.get('status')}"


def _error(message: str) -> FatalError:
    if "Framework has been removed" in message:
        return FatalError(
            Exit.REMOVED,
            "Mesos removed this framework (torn down, or away for longer than SERVICE_FAILOVER_TIMEOUT_S) "
            f"and its tasks: {message}. The volumes are still reserved. "
            "Read docs/operations/exit-codes.md before you start it again.",
        )
    if "failed over" in message:
        return FatalError(Exit.FAILED_OVER, f"another scheduler subscribed with this framework's id: {message}")
    return FatalError(Exit.REFUSED, f"Mesos refuses this framework: {message}")


def accept_body(accept: Accept) -> dict[str, Any]:
    """Return the body of ACCEPT."""
    return {
        "offer_ids": [{"value": offer_id} for offer_id in accept.offer_ids],
        "operations": list(accept.operations),
        "filters": {"refuse_seconds": ACCEPTED_FILTER_SECONDS},
    }


def decline_bodies(declines: Iterable[Decline]) -> Iterator[dict[str, Any]]:
    """Yield the bodies of DECLINE, one for all offers of the same duration."""
    by_seconds: dict[float, list[str]] = {}
    for decline in declines:
        by_seconds.setdefault(decline.seconds, []).append(decline.offer_id)
    for seconds, offer_ids in by_seconds.items():
        yield {"offer_ids": [{"value": name} for name in offer_ids], "filters": {"refuse_seconds": seconds}}


def kill_body(kill: Kill) -> dict[str, Any]:
    """Return the body of KILL, with the agent and the grace period in which the node drains."""
    body: dict[str, Any] = {
        "task_id": {"value": kill.task_id},
        "kill_policy": {"grace_period": {"nanoseconds": int(kill.grace_seconds * 1e9)}},
    }
    if kill.agent_id is not None:
        body["agent_id"] = {"value": kill.agent_id}
    return body


def reconcile_body(reconcile: Reconcile) -> dict[str, Any]:
    """Return the body of RECONCILE, with the agents' ids: without them Mesos does not find an unreachable task."""
    return {"tasks": [{"task_id": {"value": task}, "agent_id": {"value": agent}} for task, agent in reconcile.tasks]}


def message_body(ask: Ask, data: str) -> dict[str, Any]:
    """Return the body of MESSAGE to a node's executor; `data` is base64."""
    return {"agent_id": {"value": ask.agent_id}, "executor_id": {"value": ask.executor_id}, "data": data}
