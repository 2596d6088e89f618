"""What each job is told: from the operation's request, and from what the steps before it found. No secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scheduler.core.kinds import CLUSTER, KINDS
from scheduler.core.operation import steps
from scheduler.core.operation_records import OperationRecord
from scheduler.core.restoring import gather, plan, share
from scheduler.core.state import ClusterState

Json = Mapping[str, Any]

_LOCATION = ("external_location", "region", "endpoint", "tls_ca")
_TABLES = ("key_spaces", "column_families")
_REPAIR = ("incremental", "primary_range", "parallelism", "pending_compactions", "stall_seconds", "segment_mb")


def parameters(state: ClusterState, operation: OperationRecord, job: str, node: str) -> Json:
    """The parameters of a job on a node."""
    return _BUILDERS[job](state, operation, node)


def results(state: ClusterState, operation: OperationRecord, phase: str) -> dict[str, Json]:
    """What the steps of a phase found, by their names."""
    kind = KINDS[operation.kind]
    found = next(item for item in kind.phases if item.name == phase)
    return {step.name: step.result for step in steps(state, operation, found)}


def _chosen(operation: OperationRecord, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: operation.request[name] for name in names if name in operation.request}


def _tables(_state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return _chosen(operation, _TABLES)


def _repair(_state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return _chosen(operation, _TABLES + _REPAIR)


def _decommission(_state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return _chosen(operation, ("force",))


def _storage(state: ClusterState, operation: OperationRecord) -> dict[str, Any]:
    location = {**_chosen(operation, _LOCATION), "path_style": operation.request.get("uses_emc", False)}
    return {
        "location": location,
        "backup_name": operation.request.get("backup_name"),
        "cluster": state.cluster_id or "",
        "cluster_name": state.target.spec.cassandra.cluster_name,
        "operation": operation.id,
    }


def _backup(state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return {**_storage(state, operation), **_chosen(operation, _TABLES), "tag": f"backup-{operation.id}"}


def _describe(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    versions = {str(found.get("schema_version")) for found in results(state, operation, "Snapshot").values()}
    counting = {"count_rows": operation.request.get("count_rows")}
    return {**_backup(state, operation, node), **counting, "schema_versions": sorted(versions)}


def _complete(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    snapshots, uploads = results(state, operation, "Snapshot"), results(state, operation, "Upload")
    return {
        **_backup(state, operation, node),
        "started_at": operation.started_at,
        "describe": results(state, operation, "Describe")[CLUSTER],
        "nodes": {name: {**snapshots[name], **uploads[name]} for name in operation.nodes},
    }


def _delete(state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return {**_storage(state, operation), **_chosen(operation, ("keep_last", "keep_days"))}


def _verify(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    shares = share(_backup_nodes(operation), operation.nodes)
    return {**_storage(state, operation), "sources": list(shares[node])}


def _restore(state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return {**_storage(state, operation), **_chosen(operation, (*_TABLES, "rename", "compare"))}


def _restore_check(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    shares = share(_backup_nodes(operation), operation.nodes)
    return {**_restore(state, operation, node), "sources": list(_backup_nodes(operation)), "share": list(shares[node])}


def _restore_load(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    chosen = plan(results(state, operation, "Check"), _backup_nodes(operation), operation.nodes)
    return {**_restore(state, operation, node), "mode": chosen.mode, "sources": list(chosen.sources[node])}


def _restore_views(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    views = results(state, operation, "Schema")[CLUSTER].get("views", ())
    return {**_restore(state, operation, node), "views": list(views)}


def _restore_compare(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    found = results(state, operation, "Digest")
    silent = sorted(name for name, result in found.items() if "samples" not in result)
    return {**_restore(state, operation, node), "samples": gather(found.values()), "silent": silent}


def _backup_nodes(operation: OperationRecord) -> tuple[str, ...]:
    """The nodes of the backup in question: the API found them out when the operation was asked for."""
    return tuple(operation.facts.get("backup", {}).get("nodes", {}))


_BUILDERS: Mapping[str, Callable[[ClusterState, OperationRecord, str], Json]] = {
    **dict.fromkeys(("cleanup", "upgradesstables", "compact", "scrub", "flush", "garbagecollect"), _tables),
    "repair": _repair,
    "decommission": _decommission,
    **dict.fromkeys(("snapshot", "upload", "clear"), _backup),
    "describe": _describe,
    "complete": _complete,
    "verify": _verify,
    "delete": _delete,
    "restore-check": _restore_check,
    "restore-schema": _restore,
    "restore-load": _restore_load,
    "restore-empty-views": _restore_views,
    "restore-build-views": _restore_views,
    "restore-digest": _restore_load,
    "restore-compare": _restore_compare,
}
