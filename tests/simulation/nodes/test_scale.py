"""A thousand nodes: what one cycle costs, and that it does not grow faster than nodes and offers."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from executor.protocol import JobResult, NodeStatus, encode_result, encode_status
from scheduler.core.commands.apply import apply_command
from scheduler.core.commands.command import StopOperation
from scheduler.core.configuration.overrides import Wanted
from scheduler.core.configuration.target import Adoption, adopt
from scheduler.core.decide import decide
from scheduler.core.fold import fold_updates
from scheduler.core.mesos.offer import Offer, parse_offer
from scheduler.core.mesos.updates import Registered, TaskUpdate
from scheduler.core.plans.build import build_plans
from scheduler.core.state.cluster import ClusterState, Sighting, Stored
from scheduler.core.state.codec import changes, encode_record, load
from scheduler.core.state.node import Agent, NodeRecord, Reservation, TaskRecord, TaskState
from scheduler.core.state.operation import StepState
from scheduler.core.state.record_kinds import TARGET, Target, path_of
from tests.simulation.engine.samples import Ids, begin, spec

# Sorting grows a little faster than what is sorted.
MORE = 1.1
UUID = "f3b6b5de-6a1c-4f21-9d8e-0123456789ab"


def address(index: int) -> str:
    return f"10.{index // 65536}.{index // 256 % 256}.{index % 256}"


def member(index: int, total: int, configuration: str) -> tuple[NodeRecord, Sighting]:
    """A node that is up and sees all the others."""
    task = TaskRecord(
        id=f"node-{index}__{UUID}",
        executor_id=f"node-{index}_executor__{UUID}",
        configuration=configuration,
        state=TaskState.RUNNING,
        launched_at=0.0,
        updated_at=0.0,
    )
    node = NodeRecord(
        index=index,
        agent=Agent(f"{UUID}-S{index}", f"agent-{index}.example.com", {"rack": f"r{index % 3}"}),
        reservation=Reservation(f"{UUID}-{index}", f"{UUID}-v{index}", seen=True, disk_mb=1024),
        task=task,
        rack=f"r{index % 3}",
        deployed=configuration,
        host_id=f"{UUID}-h{index}",
        address=address(index),
        mode="NORMAL",
    )
    live = tuple(address(other) for other in range(total))
    status = NodeStatus("NORMAL", True, True, True, True, node.host_id, node.address, schema="s", live=live)
    return node, Sighting(task.id, status, 1000.0)


def cluster(nodes: int, wanted: int) -> ClusterState:
    """So many nodes up, reconciled, of so many wanted."""
    adoption = adopt(Stored(), Wanted(spec(wanted, seeds=3)), 0.0, Ids())
    assert isinstance(adoption, Adoption)
    members = [member(index, nodes, adoption.state.target.id) for index in range(nodes)]
    state = replace(
        adoption.state,
        nodes={node.name: node for node, _ in members},
        sightings={node.name: sighting for node, sighting in members},
    )
    state = fold_updates(state, [Registered("framework-1")], 1000.0)
    return replace(state, reconciliation=replace(state.reconciliation, pending=frozenset()))


def offers(count: int) -> list[Offer]:
    """Offers of agents that have too little for a node."""
    return [parse_offer(small_offer(index), "cassandra-role", "cassandra-principal") for index in range(count)]


def small_offer(index: int) -> dict[str, Any]:
    return {
        "id": {"value": f"O{index}"},
        "agent_id": {"value": f"other-{index}"},
        "hostname": f"other-{index}",
        "allocation_info": {"role": "cassandra-role"},
        "attributes": [{"name": "rack", "type": "TEXT", "text": {"value": "r1"}}],
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}],
    }


def cost(work: Callable[[], object]) -> int:
    """Count the function calls of some work, which are the same on any machine; seconds are in the benches."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


def cycle_cost(size: int) -> int:
    state, batch = cluster(size - 1, size), offers(size)

    def work() -> None:
        decision, after = decide(state, batch, 1001.0, Ids())
        assert len(decision.declines) == size
        build_plans(after, 1001.0)

    return cost(work)


def test_the_cost_of_a_cycle_grows_no_faster_than_nodes_and_offers() -> None:
    small, large = cycle_cost(500), cycle_cost(2000)
    assert large < small * 4 * MORE, f"{small} calls for 500, {large} for 2000"


def test_a_thousand_nodes_that_died_are_relaunched_in_one_cycle() -> None:
    state = cluster(1000, 1000)
    lost = [TaskUpdate(f"node-{index}__{UUID}", TaskState.KILLED) for index in range(1000)]
    state = fold_updates(state, lost, 1001.0)
    batch = [held_offer(node) for node in state.nodes.values()]
    decision, _ = decide(state, batch, 1001.0, Ids())
    assert len(decision.accepts) == 1000


def backup_under_way(size: int) -> ClusterState:
    """All snapshots are taken, and so many uploads run that some steps run, some wait and some are done."""
    state, ids = cluster(size, size), Ids()
    told = apply_command(state, begin("backup", nodes=size, upload_parallelism=size // 4), 1001.0)
    assert isinstance(told, ClusterState)
    state, batch = told, [held_offer(node) for node in state.nodes.values()]
    for _ in range(3):
        state = finish_jobs(decide(state, batch, 1001.0, ids)[1])
    return decide(state, batch, 1001.0, ids)[1]


def finish_jobs(state: ClusterState) -> ClusterState:
    result = encode_result(JobResult(result={"schema_version": "v1"}))
    running = [step.task for step in state.steps.values() if step.task and step.state is StepState.RUNNING]
    ends = [TaskUpdate(task.id, TaskState.FINISHED, data=result, uuid="u") for task in running]
    return fold_updates(state, ends, 1001.0)


def backup_cost(size: int, stopped: bool = False) -> int:
    state = backup_under_way(size)
    states = Counter(step.state for step in state.steps.values() if step.phase == "Upload")
    assert states == {StepState.COMPLETE: size // 4, StepState.RUNNING: size // 4}
    if stopped:
        told = apply_command(finish_jobs(state), StopOperation("backup"), 1001.0)
        assert isinstance(told, ClusterState)
        state = told

    def work() -> None:
        _, after = decide(state, (), 1002.0, Ids())
        assert len(build_plans(after, 1002.0)["backup"].phases[2].steps) == size

    return cost(work)


@pytest.mark.parametrize("stopped", [False, True])
def test_the_cost_of_a_backups_cycle_grows_no_faster_than_the_nodes(stopped: bool) -> None:
    small, large = backup_cost(500, stopped), backup_cost(2000, stopped)
    assert large < small * 4 * MORE, f"{small} calls for 500, {large} for 2000"


def test_a_thousand_snapshots_are_launched_in_one_cycle() -> None:
    state = apply_command(cluster(1000, 1000), begin("backup", nodes=1000), 1001.0)
    assert isinstance(state, ClusterState)
    batch = [held_offer(node) for node in state.nodes.values()]

    decision, _ = decide(state, batch, 1001.0, Ids())
    assert len(decision.accepts) == 1000


def held_offer(node: NodeRecord) -> Offer:
    assert node.agent is not None
    assert node.reservation is not None
    labels = {"labels": [{"key": "resource_id", "value": node.reservation.id}]}
    reservation = {"type": "DYNAMIC", "role": "cassandra-role", "principal": "cassandra-principal", "labels": labels}
    common = {"reservations": [reservation], "allocation_info": {"role": "cassandra-role"}}
    volume = {"persistence": {"id": node.reservation.volume_id, "principal": "cassandra-principal"}}
    ranges = [{"begin": 7000, "end": 7001}, {"begin": 7199, "end": 7199}, {"begin": 9042, "end": 9042}]
    document = {
        "id": {"value": f"O-{node.name}"},
        "agent_id": {"value": node.agent.id},
        "hostname": node.agent.hostname,
        "executor_ids": [{"value": node.task.executor_id}] if node.task is not None else [],
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.7}, **common},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 640}, **common},
            {"name": "ports", "type": "RANGES", "ranges": {"range": ranges}, **common},
            {"name": "disk", "type": "SCALAR", "scalar": {"value": 1024}, "disk": volume, **common},
        ],
    }
    return parse_offer(document, "cassandra-role", "cassandra-principal")


def fold_cost(size: int) -> int:
    """The cost of ten updates of each node."""
    state = cluster(size, size)
    updates = []
    for count in range(10 * size):
        index = count % size
        status = replace(state.sightings[f"node-{index}"].status, mode="NORMAL" if count % 2 else "DRAINED", live=())
        updates.append(TaskUpdate(f"node-{index}__{UUID}", TaskState.RUNNING, data=encode_status(status)))
    return cost(lambda: fold_updates(state, updates, 1002.0))


def load_cost(size: int) -> int:
    state = cluster(size, size)
    contents = {path_of(record): encode_record(record) for record in state.nodes.values()}
    contents |= {path_of(state.target): encode_record(state.target), TARGET: encode_record(Target(state.target.id))}
    assert load(contents).nodes == state.nodes
    return cost(lambda: load(contents))


@pytest.mark.parametrize("measure", [fold_cost, load_cost])
def test_the_cost_of_updates_and_of_a_start_grows_no_faster_than_the_nodes(measure: Callable[[int], int]) -> None:
    small, large = measure(100), measure(400)
    assert large < small * 4 * MORE, f"{small} calls for 100, {large} for 400"


def test_a_transition_writes_one_small_record() -> None:
    before = cluster(1000, 1000)
    after = fold_updates(before, [TaskUpdate(f"node-7__{UUID}", TaskState.FAILED, message="x" * 100_000)], 1001.0)
    (record,) = changes(before, after)
    assert len(encode_record(record)) < 4096


@pytest.mark.parametrize("size", [10, 1000])
def test_plans_of_a_thousand_nodes_name_every_node_in_numeric_order(size: int) -> None:
    steps = build_plans(cluster(size, size), 1001.0)["deploy"].phases[2].steps
    assert [step.name for step in steps] == [f"node-{index}" for index in range(size)]
    assert len({step.id for step in steps}) == size
