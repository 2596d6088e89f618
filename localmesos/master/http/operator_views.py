"""Agents, frameworks and tasks as a master's operator endpoints show them: /state, /slaves and the like. Pure."""

from collections.abc import Iterable
from typing import Any

from localmesos.master.state.cluster import Cluster
from localmesos.master.state.records import Agent, Executor, Framework, Offer, Task
from localmesos.resources.arithmetic import Resource, Resources
from localmesos.resources.ranges import Ranges, text, union
from localmesos.resources.text import attribute_values

Json = dict[str, Any]

AGENT_CAPABILITIES = (
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS",
)
_ALWAYS_SHOWN = ("disk", "mem", "gpus", "cpus")


def sums(resources: Iterable[Resource]) -> Json:
    """Return sums by name; ranges as text, and only if there are any."""
    found: Json = dict.fromkeys(_ALWAYS_SHOWN, 0)
    ranges: dict[str, Ranges] = {}
    for piece in resources:
        if isinstance(piece.value, int):
            found[piece.name] = found.get(piece.name, 0) + piece.value
        else:
            ranges[piece.name] = union(ranges.get(piece.name, ()), piece.value)
    shown: Json = {name: value / 1000 for name, value in found.items()}
    shown.update({name: text(value) for name, value in ranges.items()})
    return shown


def full(resources: Iterable[Resource]) -> list[Json]:
    """Return each piece with its reservation in both formats."""
    found = []
    for piece in resources:
        item = piece.to_json(refined=False)
        if piece.reservations:
            item["reservations"] = piece.reservation_infos
        found.append(item)
    return found


def _by_role(total: Resources) -> dict[str, Resources]:
    found: dict[str, list[Resource]] = {}
    for piece in total:
        if piece.reservations:
            found.setdefault(piece.reserved_role, []).append(piece)
    return {role: Resources(pieces) for role, pieces in sorted(found.items())}


def agent(found: Agent) -> Json:
    """Return an agent as /state shows it."""
    ledger = found.ledger
    shown: Json = {
        "id": found.agent_id,
        "hostname": found.hostname,
        "port": found.port,
        "attributes": attribute_values(found.info.get("attributes", [])),
        "pid": found.pid,
        "registered_time": found.registered_time,
        "resources": sums(ledger.total),
        "used_resources": sums(ledger.all_used),
        "offered_resources": sums(ledger.all_offered),
        "reserved_resources": {role: sums(pieces) for role, pieces in _by_role(ledger.total).items()},
        "unreserved_resources": sums(ledger.total.filter(lambda piece: not piece.reservations)),
        "active": found.connected,
        "deactivated": False,
        "version": "1.12.0",
        "capabilities": list(AGENT_CAPABILITIES),
    }
    if found.reregistered_time is not None:
        shown["reregistered_time"] = found.reregistered_time
    return shown


def agent_with_resources(found: Agent) -> Json:
    """Return an agent as /slaves shows it."""
    ledger = found.ledger
    return {
        **agent(found),
        "reserved_resources_full": {role: full(pieces) for role, pieces in _by_role(ledger.total).items()},
        "unreserved_resources_full": full(ledger.total.filter(lambda piece: not piece.reservations)),
        "used_resources_full": full(ledger.all_used),
        "offered_resources_full": full(ledger.all_offered),
    }


def recovered_agent(info: Json) -> Json:
    """Return an agent known from disk as /slaves shows it."""
    return {
        "id": info["id"]["value"],
        "hostname": info["hostname"],
        "port": info["port"],
        "attributes": attribute_values(info.get("attributes", [])),
    }


def task(found: Task) -> Json:
    """Return a task as /state shows it."""
    shown: Json = {
        "id": found.task_id,
        "name": found.info.get("name", ""),
        "framework_id": found.framework_id,
        "executor_id": found.executor_id or "",
        "slave_id": found.agent_id,
        "state": found.state,
        "resources": sums(found.resources),
        "role": _role(found.resources),
        "statuses": [_status(item) for item in found.statuses],
    }
    if "labels" in found.info:
        shown["labels"] = found.info["labels"].get("labels", [])
    if "discovery" in found.info:
        shown["discovery"] = found.info["discovery"]
    return shown


def _role(resources: Resources) -> str:
    return next((piece.role for piece in resources if piece.role is not None), "*")


def _status(status: Json) -> Json:
    shown: Json = {name: status[name] for name in ("state", "timestamp") if name in status}
    if "labels" in status:
        shown["labels"] = status["labels"].get("labels", [])
    if "container_status" in status:
        container = status["container_status"]
        shown["container_status"] = {name: value for name, value in container.items() if name != "executor_pid"}
    if "healthy" in status:
        shown["healthy"] = status["healthy"]
    return shown


def executor(found: Executor, framework_id: str, agent_id: str) -> Json:
    """Return an executor as /state shows it."""
    info = found.info
    command = info.get("command", {})
    shown_command: Json = {"shell": command.get("shell", True), "argv": command.get("arguments", [])}
    if "value" in command:
        shown_command["value"] = command["value"]
    if "environment" in command:
        shown_command["environment"] = command["environment"]
    return {
        "executor_id": info["executor_id"]["value"],
        "name": info.get("name", ""),
        "framework_id": framework_id,
        "command": {**shown_command, "uris": command.get("uris", [])},
        "resources": sums(found.resources),
        "role": _role(found.resources),
        "type": info.get("type", "CUSTOM"),
        "slave_id": agent_id,
    }


def offer(found: Offer) -> Json:
    """Return an offer as /state shows it."""
    return {
        "id": found.offer_id,
        "framework_id": found.framework_id,
        "allocation_info": {"role": found.role},
        "slave_id": found.agent_id,
        "resources": sums(found.resources),
    }


def used_by(cluster: Cluster, framework_id: str) -> Resources:
    """Return the resources that a framework uses on all agents."""
    agents = cluster.agents.values()
    return Resources(piece for item in agents for piece in item.ledger.used.get(framework_id, Resources()))


def offered_to(found: Framework) -> Resources:
    """Return the resources in a framework's offers."""
    return Resources(piece for item in found.offers.values() for piece in item.resources)


def framework_summary(cluster: Cluster, found: Framework) -> Json:
    """Return a framework as /state-summary shows it."""
    return {
        "id": found.framework_id,
        "name": found.info["name"],
        "used_resources": sums(used_by(cluster, found.framework_id)),
        "offered_resources": sums(offered_to(found)),
        "capabilities": [item["type"] for item in found.info.get("capabilities", []) if "type" in item],
        "hostname": found.info.get("hostname", ""),
        "webui_url": found.info.get("webui_url", ""),
        "active": found.connected,
        "connected": found.connected,
        "recovered": found.recovered,
    }


def framework(cluster: Cluster, found: Framework) -> Json:
    """Return a framework as /state and /frameworks show it."""
    used, offered = used_by(cluster, found.framework_id), offered_to(found)
    agents = cluster.agents.values()
    owned = [(a.agent_id, e) for a in agents for (owner, _), e in a.executors.items() if owner == found.framework_id]
    shown: Json = {
        **framework_summary(cluster, found),
        "user": found.info["user"],
        "failover_timeout": found.info.get("failover_timeout", 0.0),
        "checkpoint": found.info.get("checkpoint", False),
        "registered_time": found.registered_time,
        "unregistered_time": found.unregistered_time,
        "resources": sums([*used, *offered]),
        "tasks": [task(item) for item in found.tasks.values()],
        "unreachable_tasks": [task(item) for item in found.unreachable_tasks.values()],
        "completed_tasks": [task(item) for item in found.completed_tasks],
        "offers": [offer(item) for item in found.offers.values()],
        "executors": [executor(e, found.framework_id, agent_id) for agent_id, e in owned],
        "offer_constraints": {},
    }
    if found.reregistered_time != found.registered_time:
        shown["reregistered_time"] = found.reregistered_time
    for name in ("principal", "labels"):
        if name in found.info:
            shown[name] = found.info[name]
    shown.update({"roles": list(found.roles)} if found.multi_role else {"role": found.roles[0]})
    return shown
