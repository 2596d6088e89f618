"""Values that the tables of this folder begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from executor.protocol import NodeStatus
from scheduler.core.mesos.offer import Offer, parse_offer
from scheduler.core.state.cluster import ClusterState, Reconciliation, Sighting
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.node import Agent, NodeRecord, Reservation, TaskRecord, TaskState
from scheduler.core.state.operation import JobTask, OperationRecord, OperationState, StepRecord, StepState
from scheduler.core.state.spec import ClusterSpec
from tests.simulation.engine.samples import Ids, begin, spec

ROLE, PRINCIPAL = "cassandra-role", "cassandra-principal"
TARGET = "configuration-1"

__all__ = [
    "PRINCIPAL",
    "ROLE",
    "TARGET",
    "Ids",
    "begin",
    "down",
    "held_offer",
    "node",
    "offer",
    "operation",
    "own",
    "scalar",
    "spec",
    "state",
    "status",
    "step",
    "up",
]


def status(mode: str = "NORMAL", **changes: Any) -> NodeStatus:
    """Return the status of a healthy node."""
    base = NodeStatus(mode, joined=True, native_transport_running=True, schema="s1", endpoint="127.0.0.2", host_id="h0")
    return replace(base, **changes)


def node(index: int = 0, task: TaskState | None = TaskState.RUNNING, **changes: Any) -> NodeRecord:
    """Return a node that was launched, and not yet seen ready."""
    record = NodeRecord(
        index=index,
        agent=Agent(f"S{index}", f"127.0.0.{index + 2}", {"rack": f"r{index + 1}"}),
        reservation=Reservation(f"reservation-{index}", f"volume-{index}", seen=True, disk_mb=1024.0),
        task=None
        if task is None
        else TaskRecord(f"node-{index}__a", f"node-{index}_executor__a", TARGET, task, 0.0, 0.0),
        rack=f"r{index + 1}",
    )
    return replace(record, **changes)


def up(index: int = 0, **changes: Any) -> NodeRecord:
    """Return a node that is a member and runs."""
    base = node(index, deployed=TARGET, host_id=f"h{index}", address=f"127.0.0.{index + 2}", mode="NORMAL")
    return replace(base, **changes)


def state(*nodes: NodeRecord, wanted: ClusterSpec | None = None, **changes: Any) -> ClusterState:
    """Return a registered, reconciled state in which every running node is healthy and sees all others."""
    target = Configuration(TARGET, 0.0, wanted or spec(3))
    live = tuple(item.address for item in nodes if item.address)
    sightings = {
        item.name: Sighting(
            item.task.id, status(item.mode, endpoint=item.address, host_id=item.host_id, live=live), at=100.0
        )
        for item in nodes
        if item.task and item.task.state is TaskState.RUNNING and item.mode != "UNKNOWN"
    }
    base = ClusterState(
        target=target,
        configurations={TARGET: target},
        nodes={item.name: item for item in nodes},
        plans={},
        framework_id="framework-1",
        registered=True,
        reconciliation=Reconciliation(started=True),
        sightings=sightings,
    )
    return replace(base, **changes)


def scalar(name: str, value: float, **more: Any) -> dict[str, Any]:
    """Return a scalar resource, allocated to our role."""
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": {"role": ROLE}, **more}


def offer(
    index: int = 0, resources: list[Mapping[str, Any]] | None = None, rack: str = "r1", offer_id: str = "", **more: Any
) -> Offer:
    """Return an offer of agent S<index>; by default with room for one node."""
    ranges = [{"begin": 7000, "end": 7001}, {"begin": 7199, "end": 7199}, {"begin": 9042, "end": 9042}]
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": ranges}, "allocation_info": {"role": ROLE}}
    whole = [scalar("cpus", 4), scalar("mem", 4096), scalar("disk", 20480), ports]
    document = {
        "id": {"value": offer_id or f"O{index}"},
        "agent_id": {"value": f"S{index}"},
        "hostname": f"127.0.0.{index + 2}",
        "allocation_info": {"role": ROLE},
        "attributes": [{"name": "rack", "type": "TEXT", "text": {"value": rack}}],
        "resources": whole if resources is None else resources,
        **more,
    }
    return parse_offer(document, ROLE, PRINCIPAL)


def held_offer(index: int, resource_id: str, volume_id: str, made: bool = True, **changes: Any) -> Offer:
    """Return an offer of a node's whole reservation."""
    labels = {"labels": [{"key": "resource_id", "value": resource_id}]}
    reservation = {"type": "DYNAMIC", "role": ROLE, "principal": PRINCIPAL, "labels": labels}
    ranges = [{"begin": 7000, "end": 7001}, {"begin": 7199, "end": 7199}, {"begin": 9042, "end": 9042}]
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": ranges}, "allocation_info": {"role": ROLE}}
    disk: Mapping[str, Any] = {"disk": {"persistence": {"id": volume_id, "principal": PRINCIPAL}}} if made else {}
    pieces = [scalar("cpus", 0.7), scalar("mem", 640), ports, scalar("disk", 1024, **disk)]
    return offer(index, resources=[{**piece, "reservations": [reservation]} for piece in pieces], **changes)


def own(index: int) -> Offer:
    return held_offer(index, f"reservation-{index}", f"volume-{index}")


def down(index: int, word: TaskState = TaskState.FAILED, **changes: Any) -> NodeRecord:
    member = up(index)
    assert member.task is not None
    return replace(member, task=replace(member.task, state=word), mode="UNKNOWN", **changes)


def operation(
    kind: str, state: OperationState = OperationState.RUNNING, nodes: int = 3, request: Any = None, **changes: Any
) -> OperationRecord:
    """Return the newest operation of its kind on the first nodes, with the API's defaults and `request`."""
    command = begin(kind, nodes=nodes, **(request or {}))
    base = OperationRecord(
        kind, command.id, state, command.nodes, command.request, 10.0, command.principal, command.facts, command.tuning
    )
    return replace(base, **changes)


def step(key: str, state: StepState = StepState.PENDING, **changes: Any) -> StepRecord:
    """Return a step by <kind>.<phase>.<name>; one that is not pending was begun by a job on its node, or on node-0."""
    kind, phase, name = key.split(".")
    base = StepRecord(kind, "first", phase, name, state=state)
    if state is not StepState.PENDING:
        node = name if name != "cluster" else "node-0"
        task = f"{phase.lower()}-{node}__a"
        word = TaskState.RUNNING if state is StepState.RUNNING else TaskState.FINISHED
        job = JobTask(task, node, f"S{node[5:]}", f"{node}_executor__a", f"{node}__a", word, 20.0, 20.0)
        base = replace(base, task=job, started_at=20.0)
    return replace(base, **changes)
