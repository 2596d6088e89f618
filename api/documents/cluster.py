"""The cluster's state as the documents that clients read. No other module names these JSON fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.documents.figures import figures
from executor.figures import Figures, is_sound
from executor.protocol import NodeStatus
from executor.sentences import stamp
from scheduler.core.configuration.differences import as_text, without_secrets
from scheduler.core.plans.plan import Phase, Plan, Step
from scheduler.core.plans.preview import Preview
from scheduler.core.reservations.release import refusal
from scheduler.core.state.cluster import ClusterState, GarbageRecord
from scheduler.core.state.event import Entry
from scheduler.core.state.lifecycle import by_index
from scheduler.core.state.node import NodeRecord, TaskState
from scheduler.core.state.spec import CassandraSpec, ClusterSpec

Json = Mapping[str, Any]

# The fields of a node's last status in the list of all nodes.
LAST_STATUS = (
    "reported", "native_transport_running", "data_center", "version", "schema", "token_count", "live_count",
    "unreachable_count", "load_bytes", "owns", "disk_free_bytes", "disk_bytes", "error",
)  # fmt: skip
NOT_FAILED = (TaskState.STAGING, TaskState.STARTING, TaskState.RUNNING)


def plan(found: Plan, since: Mapping[str, float]) -> Json:
    """Return a plan with its phases and steps; `reason` is the code of a step's message.

    `since` has by step's id when its status or reason last changed, if the scheduler has seen that.
    """
    return {
        "phases": [_phase(phase, since) for phase in found.phases],
        "errors": list(found.errors),
        "status": found.status.value,
    }


def _phase(found: Phase, since: Mapping[str, float]) -> Json:
    steps = [_step(step, since.get(step.id)) for step in found.steps]
    return {"id": found.id, "name": found.name, "steps": steps, "status": found.status.value}


def _step(found: Step, since: float | None) -> Json:
    return {
        "id": found.id,
        "status": found.status.value,
        "name": found.name,
        "message": found.message,
        "reason": str(found.reason),
        "since": None if since is None else stamp(since),
    }


def event(found: Entry) -> Json:
    """Return an event; `node`, `subject`, `cause` and `principal` are empty where there is none."""
    return {
        "sequence": found.sequence,
        "at": stamp(found.at),
        "kind": found.kind.value,
        "message": found.sentence,
        "node": found.node,
        "subject": found.subject,
        "cause": found.cause,
        "principal": found.principal,
    }


def all_garbage(state: ClusterState) -> list[GarbageRecord]:
    """Return the reservations that no node's record knows, oldest first."""
    return sorted(state.garbage.values(), key=lambda record: (record.found_at, record.id))


def garbage(state: ClusterState, found: GarbageRecord) -> Json:
    """Return one of them; `released_after` is null if garbage is only reported, `problem` says why Mesos refused."""
    grace = state.policy.garbage_grace_seconds
    return {
        "resource_id": found.id,
        "agent_id": found.agent_id,
        "hostname": found.hostname,
        "volumes": list(found.volumes),
        "cpus": found.cpus,
        "memory_mb": found.memory_mb,
        "disk_mb": found.disk_mb,
        "found": stamp(found.found_at),
        "released_after": None if grace is None else stamp(found.found_at + grace),
        "problem": refused.words if (refused := refusal(state, found.id)) is not None else "",
    }


def launched(state: ClusterState) -> list[NodeRecord]:
    """Return the nodes that were launched at least once, in numeric order."""
    return [node for node in by_index(state.nodes.values()) if node.task is not None]


def status(found: NodeStatus) -> Json:
    """Return a node's status. Cassandra has no Thrift server any more, so `rpc_running` is always false."""
    return {
        "mode": found.mode,
        "joined": found.joined,
        "rpc_running": False,
        "native_transport_running": found.native_transport_running,
        "gossip_initialized": found.gossip_initialized,
        "gossip_running": found.gossip_running,
        "host_id": found.host_id,
        "endpoint": found.endpoint,
        "token_count": found.token_count,
        "data_center": found.data_center,
        "rack": found.rack,
        "version": found.version,
        "schema": found.schema,
        "live": list(found.live),
        "unreachable": list(found.unreachable),
        "error": found.error,
        "most_replicas": found.most_replicas,
        "disregards_racks": found.disregards_racks,
        "auth_replicas": found.auth_replicas,
        "load_bytes": found.load_bytes,
        "disk_free_bytes": found.room_bytes,
        "figures": None if found.figures is None or not is_sound(found.figures) else figures(found.figures),
    }


def info(node: NodeRecord) -> Json:
    """Return a launched node's record; `operating_mode` and `mode` have the same value."""
    task, agent = node.task, node.agent
    return {
        "name": node.name,
        "id": task.id if task else None,
        "hostname": agent.hostname if agent else None,
        "slave_id": agent.id if agent else None,
        "state": task.state.value if task else None,
        "operating_mode": node.mode,
        "mode": node.mode,
        "address": node.address,
        "host_id": node.host_id,
        "rack": node.rack,
        "configuration": task.configuration if task else None,
        "failures": node.failures.count,
    }


def statuses(state: ClusterState) -> Json:
    """Return the record of each launched node with the last status that its executor sent.

    The addresses of peers are only counted: with a thousand nodes their lists would be a thousand times as long.
    """
    return {"nodes": [{**info(node), **_last_status(state, node)} for node in launched(state)]}


def _last_status(state: ClusterState, node: NodeRecord) -> Json:
    """Return the last status of the node's newest task; every field is null before its first one."""
    sighting = state.sighting_of(node)
    if sighting is None:
        return dict.fromkeys(LAST_STATUS)
    found, measured = sighting.status, sighting.figures or Figures()
    values = (
        stamp(sighting.at), found.native_transport_running, found.data_center, found.version, found.schema,
        found.token_count, len(found.live), len(found.unreachable), found.load_bytes, measured.owns,
        found.room_bytes, measured.disk_bytes, found.error,
    )  # fmt: skip
    return dict(zip(LAST_STATUS, values, strict=True))


def endpoints(state: ClusterState) -> list[tuple[str, str]]:
    """Return (address:port, DNS name:port) of each node that serves CQL now, with the port of its own launch.

    For example `("10.0.0.1:9042", "node-0.cassandra.mesos:9042")`.
    """
    service = dns_label(state.target.spec.service_name)
    found = []
    for node in launched(state):
        address = cql_address(state, node)
        if address is None:
            continue
        port = spec_of(state, node).cassandra.ports.native_transport
        host = f"[{address}]" if ":" in address else address
        found.append((f"{host}:{port}", f"{node.name}.{service}.mesos:{port}"))
    return found


def cql_address(state: ClusterState, node: NodeRecord) -> str | None:
    """Return the node's address if it serves CQL, by its newest status or, before the first one, by its record."""
    task = node.task
    if task is None or task.state is not TaskState.RUNNING or node.missing is not None:
        return None
    sighting = state.sighting_of(node)
    if sighting is None:
        return node.address if node.mode == "NORMAL" else None
    serves = sighting.status.mode == "NORMAL" and sighting.status.native_transport_running
    return (sighting.status.endpoint or node.address) if serves else None


def connection(state: ClusterState) -> Json:
    """Return how clients reach the cluster; `nodes` is the old name of `address`."""
    found = endpoints(state)
    spec = state.target.spec
    addresses = [address for address, _ in found]
    return {
        "nodes": addresses,
        "address": addresses,
        "dns": [name for _, name in found],
        "vip": f"node.{dns_label(spec.service_name)}.l4lb.thisdcos.directory:{spec.cassandra.ports.native_transport}",
    }


def seeds(state: ClusterState) -> list[str]:
    """Return the addresses of the first nodes that run and are NORMAL, at most the number of seeds."""
    members = [
        node.address
        for node in launched(state)
        if node.address and node.mode == "NORMAL" and node.task and node.task.state is TaskState.RUNNING
    ]
    return members[: state.target.spec.seeds]


def spec_of(state: ClusterState, node: NodeRecord) -> ClusterSpec:
    """Return the configuration that the node was launched with, or the target if it is unknown."""
    known = state.configurations.get(node.task.configuration) if node.task else None
    return (known or state.target).spec


def dns_label(service_name: str) -> str:
    """Return the service's name as Mesos-DNS and the load balancer write it: `devcassandra` for `dev/cassandra`."""
    return service_name.replace("/", "")


def cassandra(spec: ClusterSpec) -> Json:
    """Return the Cassandra part of a configuration, under the names of the original service."""
    own = spec.cassandra
    return {
        "version": own.version,
        "cpus": spec.resources.cpus,
        "memory_mb": spec.resources.mem,
        "disk_mb": spec.disk_mb,
        "disk_type": spec.disk_type,
        "heap": {"size_mb": own.heap_mb, "new_mb": own.heap_new_mb, "gc_type": own.gc},
        "jvm_options": without_secrets(own.jvm_options),
        "location": {"rack": own.rack, "data_center": own.data_center, "rack_attribute": spec.rack_attribute},
        "jmx_port": own.ports.jolokia,
        "publish_discovery_info": True,
        "application": _application(own),
    }


def _application(own: CassandraSpec) -> Json:
    return {
        "cluster_name": own.cluster_name,
        "storage_port": own.ports.storage,
        "ssl_storage_port": own.ports.ssl_storage,
        "native_transport_port": own.ports.native_transport,
        **without_secrets(own.options),
    }


def executor(spec: ClusterSpec) -> Json:
    """Return the executor part of a configuration."""
    own = spec.executor
    return {
        "command": without_secrets(own.command),
        "arguments": [],
        "cpus": own.resources.cpus,
        "memory_mb": own.resources.mem,
        "java_home": spec.cassandra.java_home,
        "uris": [{"value": without_secrets(uri.value), "extract": uri.extract, "cache": uri.cache} for uri in own.uris],
        "shutdown_grace_s": own.shutdown_grace_seconds,
    }


def configuration(state: ClusterState) -> Json:
    """Return the whole target."""
    target = state.target
    spec = target.spec
    return {
        "id": target.id,
        "created_at": target.created_at,
        "service_name": spec.service_name,
        "nodes": spec.nodes,
        "seed_nodes": spec.seeds,
        "placement_constraint": spec.placement,
        "task": {"cpus": spec.task.cpus, "memory_mb": spec.task.mem},
        "cassandra": cassandra(spec),
        "executor": executor(spec),
        "errors": list(state.configuration_errors),
        "previous": state.previous,
        "overrides": {name: as_text(name, override.text) for name, override in sorted(state.overrides.items())},
    }


def preview(found: Preview) -> Json:
    """Return the effect of other settings."""
    return {
        "allowed": not found.refusals,
        "refusals": list(found.refusals),
        "changes": [
            {"name": item.name, "old": item.old, "new": item.new, "effect": "restart" if item.restart else "none"}
            for item in found.changes
        ],
        "restarts": list(found.restarts),
        "leaves": list(found.leaves),
        "warnings": list(found.warnings),
    }
