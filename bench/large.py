"""A large cluster as values: the scheduler's knowledge of it, and the offers of its agents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from executor.protocol import JobProgress, NodeStatus
from scheduler.core.state.cluster import ClusterState, JobSighting, Reconciliation, Sighting
from scheduler.core.state.configuration import Configuration, PlanRecord
from scheduler.core.state.node import Agent, NodeRecord, Reservation, TaskRecord, TaskState
from scheduler.core.state.operation import JobTask, OperationRecord, OperationState, StepRecord, StepState
from scheduler.core.state.spec import CassandraSpec, ClusterSpec, ExecutorSpec, Resources, Uri

CONFIGURATION = "c0000000-0000-4000-8000-000000000000"
ROLE = "cassandra-role"
PRINCIPAL = "cassandra-principal"
NOW = 1_700_000_000.0


def spec(nodes: int) -> ClusterSpec:
    """Return the specification of a cluster of that many nodes, with the defaults of the settings."""
    return ClusterSpec(
        service_name="cassandra",
        role=ROLE,
        principal=PRINCIPAL,
        user="root",
        nodes=nodes,
        seeds=3,
        resources=Resources(cpus=0.5, mem=4096),
        disk_mb=10240,
        disk_type="ROOT",
        task=Resources(cpus=0.1, mem=32),
        executor=ExecutorSpec(
            resources=Resources(cpus=0.1, mem=256),
            command="exec python3 executor/run",
            uris=(Uri("http://127.0.0.1:9000/v1/artifacts/executor.tar.gz"),),
        ),
        cassandra=CassandraSpec(
            cluster_name="cassandra",
            data_center="dc1",
            rack="rac1",
            heap_mb=2048,
            options={"num_tokens": 16, "concurrent_reads": 32, "auto_snapshot": True},
        ),
        rack_attribute="rack",
    )


def configuration(nodes: int) -> Configuration:
    """Return the one configuration of the cluster."""
    return Configuration(id=CONFIGURATION, created_at=NOW, spec=spec(nodes))


def address(index: int) -> str:
    """Return the address of the agent with that index: 5 has ``127.1.0.5``."""
    return f"127.{1 + index // 65536}.{index // 256 % 256}.{index % 256}"


def running(index: int) -> NodeRecord:
    """Return the record of a node that has been deployed and runs."""
    name = f"node-{index}"
    return NodeRecord(
        index=index,
        agent=Agent(f"agent-{index}", address(index), {"rack": f"r{index % 3}"}),
        reservation=Reservation(f"reservation-{index:032d}", f"volume-{index:032d}", seen=True, disk_mb=10240.0),
        task=TaskRecord(
            id=f"{name}__{index:032x}",
            executor_id=f"{name}_executor__{index:032x}",
            configuration=CONFIGURATION,
            state=TaskState.RUNNING,
            launched_at=NOW,
            updated_at=NOW,
        ),
        rack=f"r{index % 3}",
        deployed=CONFIGURATION,
        host_id=f"{index:08d}-0000-4000-8000-000000000000",
        address=address(index),
        mode="NORMAL",
    )


def sighting(index: int, live: tuple[str, ...] = ()) -> Sighting:
    """Return the sighting of a healthy node."""
    record = running(index)
    assert record.task is not None
    status = NodeStatus(
        mode="NORMAL",
        joined=True,
        native_transport_running=True,
        gossip_initialized=True,
        gossip_running=True,
        host_id=record.host_id,
        endpoint=record.address,
        token_count=16,
        data_center="dc1",
        rack=record.rack,
        version="5.0.8",
        schema="2207c2a9-f598-3971-986b-2926e09e239d",
        live=live,
    )
    return Sighting(task_id=record.task.id, status=status, at=NOW)


def deployed(nodes: int) -> ClusterState:
    """Return a cluster at rest: every node deployed, running, reconciled and recently seen."""
    target = configuration(nodes)
    live = tuple(address(index) for index in range(nodes))
    return ClusterState(
        target=target,
        configurations={target.id: target},
        nodes={f"node-{index}": running(index) for index in range(nodes)},
        plans={"deploy": PlanRecord("deploy")},
        framework_id="framework-0001",
        registered=True,
        reconciliation=Reconciliation(started=True),
        sightings={f"node-{index}": sighting(index, live) for index in range(nodes)},
        suppressed=True,
    )


def backed_up(nodes: int) -> ClusterState:
    """Return a cluster whose backup is half done: so many uploads complete, a tenth running, the rest pending."""
    names = tuple(f"node-{index}" for index in range(nodes))
    operation = OperationRecord(
        kind="backup",
        id="6f1e6f3c-0000-4000-8000-000000000000",
        state=OperationState.RUNNING,
        nodes=names,
        request={"external_location": "s3://bucket", "backup_name": "monday", "upload_parallelism": nodes // 10},
        started_at=NOW,
        principal=PRINCIPAL,
        tuning={"throttle": 50_000_000},
    )
    done = names[: nodes // 2]
    busy = names[nodes // 2 : nodes // 2 + nodes // 10]
    steps = [_step(operation, "Snapshot", name, StepState.COMPLETE) for name in names]
    steps += [_step(operation, "Describe", "cluster", StepState.COMPLETE)]
    steps += [_step(operation, "Upload", name, StepState.COMPLETE) for name in done]
    steps += [_step(operation, "Upload", name, StepState.RUNNING) for name in busy]
    progress = JobProgress(
        "sending", percent=40.0, done={"bytes": 1e9}, total={"bytes": 2.5e9}, tuning=operation.tuning
    )
    jobs = {step.key: JobSighting(step.task.id, progress, NOW) for step in steps if step.task is not None}
    return replace(
        deployed(nodes), operations={"backup": operation}, steps={step.key: step for step in steps}, jobs=jobs
    )


def _step(operation: OperationRecord, phase: str, name: str, state: StepState) -> StepRecord:
    node = running(0 if name == "cluster" else int(name.removeprefix("node-")))
    assert node.task is not None
    assert node.agent is not None
    reported = TaskState.RUNNING if state is StepState.RUNNING else TaskState.FINISHED
    identifier = f"{phase.lower()}-{node.name}__{node.index:032x}"
    task = JobTask(identifier, node.name, node.agent.id, node.task.executor_id, node.task.id, reported, NOW, NOW)
    return StepRecord(operation.kind, operation.id, phase, name, state=state, task=task, started_at=NOW)


def fresh(nodes: int) -> ClusterState:
    """Return a cluster of which no node has been deployed yet."""
    target = configuration(nodes)
    return ClusterState(
        target=target,
        configurations={target.id: target},
        nodes={},
        plans={},
        framework_id="framework-0001",
        registered=True,
        reconciliation=Reconciliation(started=True),
    )


def offer(index: int) -> dict[str, Any]:
    """Return a whole, unreserved agent as Mesos offers it to a framework with roles and refined reservations."""
    allocation = {"role": ROLE}

    def scalar(name: str, value: float) -> dict[str, Any]:
        return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "allocation_info": allocation}

    ports = [{"begin": 7000, "end": 7001}, {"begin": 7199, "end": 7199}, {"begin": 9042, "end": 9042}]
    host = address(index)
    return {
        "id": {"value": f"O{index}"},
        "framework_id": {"value": "framework-0001"},
        "agent_id": {"value": f"agent-{index}"},
        "hostname": host,
        "url": {"scheme": "http", "address": {"hostname": host, "ip": host, "port": 5051}, "path": "/slave(1)"},
        "resources": [
            {"name": "ports", "type": "RANGES", "ranges": {"range": ports}, "allocation_info": allocation},
            scalar("cpus", 4.0),
            scalar("mem", 8192.0),
            scalar("disk", 20480.0),
        ],
        "attributes": [{"name": "rack", "type": "TEXT", "text": {"value": f"r{index % 3}"}}],
        "allocation_info": allocation,
    }
