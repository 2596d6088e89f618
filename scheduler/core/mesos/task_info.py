"""TaskInfo of a node or a job, with its ExecutorInfo, as Mesos' JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from executor.protocol import JobLaunch, NodeLaunch, encode_job, encode_launch
from scheduler.core.mesos.executor_command import FORM, Digests, build_command
from scheduler.core.mesos.offer_operations import Hold, ports, shares
from scheduler.core.mesos.resources import Needs, node_needs
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.node import Agent
from scheduler.core.state.operation import JobTask
from scheduler.core.state.spec import ClusterSpec

Json = Mapping[str, Any]

TASK_TYPE = "CASSANDRA_DAEMON"
JOB_TYPE = "CASSANDRA_MAINTENANCE"
DRAIN_SECONDS = 60.0
JOB_GRACE_SECONDS = 30.0


@dataclass(frozen=True)
class Seeds:
    """The seeds of a launch: addresses that the node contacts when it starts.

    With `self_seed` the node is a seed itself, so that it starts without an answer.
    """

    addresses: tuple[str, ...]
    self_seed: bool


@dataclass(frozen=True)
class Executor:
    """The fields of a node's executor, equal for the node's own launch and for every job beside it.

    Mesos refuses a task whose ExecutorInfo differs from that of the running executor. So all of it follows from the
    configuration, the digests and the form of the command of the node's own launch.
    """

    node: str
    id: str
    configuration: Configuration
    framework_id: str | None
    hold: Hold
    digests: Digests = field(default_factory=dict)
    command_form: int = FORM


@dataclass(frozen=True)
class Launch:
    """The fields of one launch of one node; `volume` is the volume's resource JSON.

    A replacement has the address of the replaced node as `replace_address`. A `paused` node starts without Cassandra.
    `options` and `jvm_options` are added to those of the configuration.
    """

    node: str
    task_id: str
    executor: Executor
    agent: Agent
    rack: str
    configuration: Configuration
    seeds: Seeds
    hold: Hold
    volume: Json
    replace_address: str | None = None
    paused: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    jvm_options: tuple[str, ...] = ()


def task_id(node: str, unique: str) -> str:
    """Return the id of a node's task, such as `node-0__<unique>`."""
    return f"{node}__{unique}"


def executor_id(node: str, unique: str) -> str:
    """Return the id of a node's executor, such as `node-0_executor__<unique>`."""
    return f"{node}_executor__{unique}"


def node_of_executor(identifier: str) -> str:
    """Return the node's name in an executor's id."""
    return identifier.partition("_executor__")[0]


def node_of_task(identifier: str) -> str:
    """Return the node's name in a task id."""
    return identifier.partition("__")[0]


def build_task(launch: Launch) -> Json:
    """Return the TaskInfo of a node's Cassandra; its resources are those of the reservation, with its volume."""
    spec = launch.configuration.spec
    needs = node_needs(spec)
    return {
        "name": launch.node,
        "task_id": {"value": launch.task_id},
        "agent_id": {"value": launch.agent.id},
        "resources": [*shares(launch.hold, needs.task), ports(launch.hold, needs.ports), launch.volume],
        "executor": _executor(launch.executor, needs),
        "data": encode_launch(node_launch(launch)),
        "labels": _labels(launch),
        "kill_policy": {"grace_period": _nanoseconds(spec.executor.shutdown_grace_seconds)},
        "discovery": _discovery(launch.node, spec),
    }


def build_job(task: JobTask, executor: Executor, launch: JobLaunch) -> Json:
    """Return the TaskInfo of a maintenance job, on the node's share and with the node's executor."""
    needs = node_needs(executor.configuration.spec)
    labels = (("task_type", JOB_TYPE), ("job", launch.job), ("operation", launch.operation))
    return {
        "name": f"{launch.job}-{launch.node}",
        "task_id": {"value": task.id},
        "agent_id": {"value": task.agent_id},
        "resources": shares(executor.hold, needs.spare),
        "executor": _executor(executor, needs),
        "data": encode_job(launch),
        "labels": {"labels": [{"key": key, "value": value} for key, value in labels]},
        "kill_policy": {"grace_period": _nanoseconds(JOB_GRACE_SECONDS)},
    }


def job_task_id(job: str, node: str, unique: str) -> str:
    """Return the id of a job's task, such as `cleanup-node-0__<unique>`."""
    return f"{job}-{node}__{unique}"


def node_launch(launch: Launch) -> NodeLaunch:
    """Return the launch as the executor receives it."""
    spec = launch.configuration.spec
    cassandra = spec.cassandra
    return NodeLaunch(
        node=launch.node,
        cluster_name=cassandra.cluster_name,
        configuration=launch.configuration.id,
        data_center=cassandra.data_center,
        rack=launch.rack,
        seeds=launch.seeds.addresses,
        self_seed=launch.seeds.self_seed,
        heap_mb=cassandra.heap_mb,
        ports=cassandra.ports,
        options={**cassandra.options, **launch.options},
        gc=cassandra.gc,
        heap_new_mb=cassandra.heap_new_mb,
        jvm_options=(*cassandra.jvm_options, *launch.jvm_options),
        replace_address=launch.replace_address,
        java_home=cassandra.java_home,
        drain_seconds=min(DRAIN_SECONDS, spec.executor.shutdown_grace_seconds / 2),
        paused=launch.paused,
        encryption=cassandra.encryption,
        client_certificates=cassandra.client_certificates,
        client_authorities=cassandra.client_authorities,
    )


def _executor(executor: Executor, needs: Needs) -> Json:
    spec = executor.configuration.spec
    info: dict[str, Any] = {
        "type": "CUSTOM",
        "executor_id": {"value": executor.id},
        "name": f"{executor.node}_executor",
        "source": spec.service_name,
        "resources": shares(executor.hold, needs.executor),
        "command": build_command(spec.executor, spec.user, executor.digests, executor.command_form),
        "shutdown_grace_period": _nanoseconds(spec.executor.shutdown_grace_seconds),
    }
    if spec.executor.image:
        info["container"] = _container(spec.executor.image)
    if executor.framework_id is not None:
        info["framework_id"] = {"value": executor.framework_id}
    return info


def _container(image: str) -> Json:
    """Return the container of an image for Mesos' own containerizer, without networks: it has the agent's."""
    return {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": image}}}}


def _labels(launch: Launch) -> Json:
    attributes = ";".join(f"{name}:{value}" for name, value in sorted(launch.agent.attributes.items()))
    values = (
        ("config_target", launch.configuration.id),
        ("offer_hostname", launch.agent.hostname),
        ("offer_attributes", attributes),
        ("task_type", TASK_TYPE),
    )
    return {"labels": [{"key": key, "value": value} for key, value in values]}


def _discovery(node: str, spec: ClusterSpec) -> Json:
    native = spec.cassandra.ports.native_transport
    vip = {"key": "VIP_0", "value": f"node:{native}"}
    port = {"number": native, "name": "native", "protocol": "tcp", "labels": {"labels": [vip]}}
    return {"visibility": "EXTERNAL", "name": node, "ports": {"ports": [port]}}


def _nanoseconds(seconds: float) -> Json:
    return {"nanoseconds": round(seconds * 1_000_000_000)}
