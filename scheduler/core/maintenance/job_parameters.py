"""Parameters of jobs: from the operation's request, and from the results of earlier steps. No secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executor.sentences import by_number
from scheduler.core.maintenance.snapshots import (
    DEFAULT_SPREAD_S,
    absent_nodes,
    compare_schemas,
    is_last_round,
    spread_seconds,
)
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import OperationRecord
from scheduler.core.state.operation_kinds import CLUSTER, KINDS, VIEWS
from scheduler.core.state.operation_steps import steps

Json = Mapping[str, Any]

_LOCATION = ("external_location", "region", "endpoint", "tls_ca")
_TABLES = ("key_spaces", "column_families")
_REPAIR = ("incremental", "primary_range", "parallelism", "pending_compactions", "stall_seconds", "segment_mb")

IMPORT = "import"
STREAM = "stream"
_SENTENCES = 3


def parameters(state: ClusterState, operation: OperationRecord, job: str, node: str) -> Json:
    """Return the parameters of a job on a node."""
    return _BUILDERS[job](state, operation, node)


def launched_job(operation: OperationRecord, job: str) -> str:
    """Return the job's name for the executor. One that is older, and would not seal, does not know a job that seals."""
    return f"{job}-sealed" if operation.facts.get("sealed") and job in ("describe", "upload", "complete") else job


def results(state: ClusterState, operation: OperationRecord, phase: str) -> dict[str, Json]:
    """Return the results of the steps of a phase, by their names."""
    kind = KINDS[operation.kind]
    found = next(item for item in kind.phases if item.name == phase)
    return {step.name: step.result for step in steps(state, operation, found)}


def _chosen(operation: OperationRecord, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: operation.request[name] for name in names if name in operation.request}


def _tables(_state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return {**_chosen(operation, _TABLES), **_named(operation)}


def _named(operation: OperationRecord) -> dict[str, Any]:
    """Return the tables that the request named when it was accepted, if it names tables."""
    return {name: operation.facts[name] for name in ("named",) if operation.facts.get(name)}


def _repair(_state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return {**_chosen(operation, _TABLES + _REPAIR), **_named(operation)}


def _logins(_state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return _chosen(operation, ("data_center", "replicas"))


def _decommission(_state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return _chosen(operation, ("force",))


def _storage(state: ClusterState, operation: OperationRecord) -> dict[str, Any]:
    location = {**_chosen(operation, _LOCATION), "path_style": operation.request.get("uses_emc", False)}
    if "places" in operation.facts:
        location["allowed"] = list(operation.facts["places"])
    return {
        "location": location,
        "backup_name": operation.request.get("backup_name"),
        "cluster": state.cluster_id or "",
        "cluster_name": state.target.spec.cassandra.cluster_name,
        "operation": operation.id,
    }


def _backup(state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    tables = {**_chosen(operation, _TABLES), **_named(operation)}
    sealed = {"sealed": True} if operation.facts.get("sealed") else {}
    return {**_storage(state, operation), **tables, "tag": f"backup-{operation.id}", **sealed}


def _describe(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    """Return the parameters of `describe`.

    Executors of the previous version read `schema_versions` only; the others read `schema`, if all nodes reported it
    and computed it in the same way.
    """
    without = absent_nodes(state, operation)
    snapshots = {
        name: found for name, found in results(state, operation, "Snapshot").items() if name not in without
    }  # fmt: skip
    versions = {str(found.get("schema_version")) for found in snapshots.values()}
    compared = compare_schemas(snapshots)
    described: dict[str, Any] = {
        "count_rows": operation.request.get("count_rows"),
        "schema_versions": sorted(versions),
        "present": _addresses(state, snapshots),
        **_absent(without),
    }
    if compared is not None:
        described["schema"] = {
            "agreed": compared.agreed,
            "left_out": compared.left_out,
            "differs": compared.differs,
            "rules": compared.rules,
        }
    described["last_round"] = is_last_round(operation)
    return {**_backup(state, operation, node), **described, **_spread(state, operation)}


def _addresses(state: ClusterState, names: Iterable[str]) -> list[str]:
    found = [state.nodes[name].address for name in names if name in state.nodes]
    return [address for address in found if address is not None]


def _absent(without: Mapping[str, Json]) -> dict[str, Any]:
    return {"absent": without} if without else {}


def _spread(state: ClusterState, operation: OperationRecord) -> dict[str, Any]:
    """Return the time between the snapshots, if it is longer than the request allows."""
    found = spread_seconds(state, operation)
    limit = operation.request.get("max_snapshot_spread_s", DEFAULT_SPREAD_S)
    return {"spread_s": round(found, 1), "max_snapshot_spread_s": limit} if found > limit else {}


def _upload(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    described = results(state, operation, "Describe")[CLUSTER]
    left_out = {"left_out": sorted(described["left_out"])} if described.get("left_out") else {}
    return {**_backup(state, operation, node), **left_out}


def _complete(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    snapshots, uploads = results(state, operation, "Snapshot"), results(state, operation, "Upload")
    without = absent_nodes(state, operation)
    return {
        **_backup(state, operation, node),
        "started_at": operation.started_at,
        "describe": results(state, operation, "Describe")[CLUSTER],
        "nodes": {
            name: {**_plain(snapshots[name]), **uploads[name]} for name in operation.nodes if name not in without
        },
        **_absent(without),
    }


def _plain(snapshot: Json) -> Json:
    """Return the result of a snapshot without the schema, which may be long and is not needed any more."""
    return {name: value for name, value in snapshot.items() if name != "schema"}


def _delete(state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return {**_storage(state, operation), **_chosen(operation, ("keep_last", "keep_days"))}


def _verify(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    shares = share(_backup_nodes(operation), operation.nodes)
    return {**_storage(state, operation), **_chosen(operation, ("trust",)), "sources": list(shares[node])}


def _restore(state: ClusterState, operation: OperationRecord, _node: str) -> Json:
    return {**_storage(state, operation), **_chosen(operation, (*_TABLES, "rename", "compare", "trust"))}


def _restore_check(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    shares = share(_backup_nodes(operation), operation.nodes)
    return {**_restore(state, operation, node), "sources": list(_backup_nodes(operation)), "share": list(shares[node])}


def _restore_load(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    views = _views(state, operation, "Schema")
    return {**_restore_digest(state, operation, node), **({"views": views} if views else {})}


def _restore_digest(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    chosen = choose_loading(results(state, operation, "Check"), _backup_nodes(operation), operation.nodes)
    return {**_restore(state, operation, node), "mode": chosen.mode, "sources": list(chosen.sources[node])}


def _restore_views(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    return {**_restore(state, operation, node), "views": _views(state, operation, *VIEWS.phases)}


def _views(state: ClusterState, operation: OperationRecord, *phases: str) -> list[str]:
    """Return the views in the results of some phases, each once."""
    found = (view for phase in phases for result in results(state, operation, phase).values()
             for view in result.get(VIEWS.field, ()))  # fmt: skip
    return list(dict.fromkeys(found))


def _restore_compare(state: ClusterState, operation: OperationRecord, node: str) -> Json:
    found = results(state, operation, "Digest")
    silent = sorted((name for name, result in found.items() if "samples" not in result), key=by_number)
    return {**_restore(state, operation, node), "samples": gather(found.values()), "silent": silent}


def _backup_nodes(operation: OperationRecord) -> tuple[str, ...]:
    """Return the nodes of the backup, which the API stored at the start of the operation."""
    return tuple(operation.facts.get("backup", {}).get("nodes", {}))


_BUILDERS: Mapping[str, Callable[[ClusterState, OperationRecord, str], Json]] = {
    **dict.fromkeys(("cleanup", "upgradesstables", "compact", "scrub", "flush", "garbagecollect"), _tables),
    "repair": _repair,
    "decommission": _decommission,
    **dict.fromkeys(("logins-replication", "logins-superusers", "logins-check", "logins-password"), _logins),
    **dict.fromkeys(("snapshot", "clear"), _backup),
    "upload": _upload,
    "describe": _describe,
    "complete": _complete,
    "verify": _verify,
    "delete": _delete,
    "restore-check": _restore_check,
    "restore-schema": _restore,
    "restore-load": _restore_load,
    "restore-empty-views": _restore_views,
    "restore-build-views": _restore_views,
    "restore-digest": _restore_digest,
    "restore-compare": _restore_compare,
}


@dataclass(frozen=True)
class Loading:
    """The way a backup is loaded. `sources` has, for each node of the operation, the backup's nodes that it loads.

    IMPORT: each node imports the files of the backup's node with its tokens. STREAM: each node sends its files to the
    owners of the ranges.
    """

    mode: str
    sources: Mapping[str, tuple[str, ...]]


def choose_loading(
    checks: Mapping[str, Mapping[str, Any]], backup_nodes: Sequence[str], nodes: Sequence[str]
) -> Loading:
    """Return how to load a backup, from each node's check (`same_as`: the backup's node with its tokens, or None).

    IMPORT only if nodes and backup's nodes correspond one to one; names do not matter. Otherwise each of the backup's
    nodes goes to one node: to the one with its tokens, which keeps some of the data in place, or to the one with the
    fewest.
    """
    claims = {node: str(checks.get(node, {}).get("same_as")) for node in nodes}
    same = {node: source for node, source in claims.items() if source in backup_nodes}
    if len(same) == len(nodes) == len(backup_nodes) and set(same.values()) == set(backup_nodes):
        return Loading(IMPORT, {node: (source,) for node, source in same.items()})
    return Loading(STREAM, _distribute(backup_nodes, nodes, {source: node for node, source in same.items()}))


def share(backup_nodes: Sequence[str], nodes: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Return the backup's nodes spread evenly over the nodes of an operation, each once.

    Args:
        backup_nodes: The names of the nodes in the backup.
        nodes: The names of the operation's nodes, the keys of the result.
    """
    return _distribute(backup_nodes, nodes, {})


def gather(results: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the rows that all nodes compared, by table: the `samples` of their results combined.

    Numbers are added, also those by name. A truth holds if it holds on any node. A few sentences are kept.
    """
    tables: dict[str, dict[str, Any]] = {}
    for result in results:
        for table, found in result.get("samples", {}).items():
            own = tables.setdefault(table, {})
            for name, value in found.items():
                own[name] = _add(own[name], value) if name in own else value
    return tables


def _add(one: Any, other: Any) -> Any:
    match one, other:
        case bool(), bool():
            return one or other
        case ((int() | float()), (int() | float())):
            return one + other
        case dict(), dict():
            return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
        case list(), list():
            return list(dict.fromkeys([*one, *other]))[:_SENTENCES]
    return one


def _distribute(
    backup_nodes: Iterable[str], nodes: Sequence[str], favoured: Mapping[str, str]
) -> Mapping[str, tuple[str, ...]]:
    assigned: dict[str, list[str]] = {node: [] for node in sorted(nodes, key=by_number)}
    for source in sorted(backup_nodes, key=lambda name: (name not in favoured, by_number(name))):
        node = favoured.get(source) or min(assigned, key=lambda name: len(assigned[name]))
        assigned[node].append(source)
    return {node: tuple(assigned[node]) for node in nodes}
