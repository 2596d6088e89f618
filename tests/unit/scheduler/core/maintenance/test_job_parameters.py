"""What each job is told: every key that its contract names, from the request and from what earlier phases found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.maintenance.job_parameters import parameters, results
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import OperationRecord, StepRecord, StepState
from scheduler.core.state.operation_kinds import KINDS
from tests.unit.scheduler.core.samples import operation, state, up

LOCATION = {
    "external_location": "http://127.0.0.1:9000/bucket/prefix",
    "region": "eu",
    "endpoint": None,
    "tls_ca": "PEM",
    "path_style": True,
}
WHERE = {
    "external_location": LOCATION["external_location"],
    "region": "eu",
    "endpoint": None,
    "tls_ca": "PEM",
    "uses_emc": True,
}
STORED = {
    "location": LOCATION,
    "backup_name": "monday",
    "cluster": "c-1",
    "cluster_name": "test",
    "operation": "first",
}
TABLES = {"key_spaces": ["shop"], "column_families": ["users"]}
TAGGED = {**STORED, **TABLES, "tag": "backup-first"}
REPAIR = {
    "incremental": True,
    "primary_range": False,
    "parallelism": "parallel",
    "pending_compactions": 7,
    "stall_seconds": 60,
    "segment_mb": 8,
}
RENAMED = {"compare": "sample", **STORED, **TABLES, "rename": {"shop": "shop2"}}
BACKUP_NODES = ["node-0", "node-1", "node-2"]
ADDRESSES = [str(up(index).address) for index in range(3)]


def snapshot(version: str = "v1") -> Mapping[str, Any]:
    return {"schema_version": version, "taken_at": 1.0, "tables": 3, "bytes": 10}


def upload(node: str) -> Mapping[str, Any]:
    return {"manifest_key": f"nodes/{node}.json", "manifest_sha256": node, "objects": 1, "bytes": 2, "tables": 3}


def with_results(kind: str, request: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> ClusterState:
    """An operation whose steps found these results, by <phase>.<name>."""
    steps = {}
    for key, result in found.items():
        phase, _, name = key.partition(".")
        step = StepRecord(kind, "first", phase, name, state=StepState.COMPLETE, result=result)
        steps[step.key] = step
    asked = operation(kind, request=request)
    return state(up(0), up(1), up(2), cluster_id="c-1", operations={kind: asked}, steps=steps)


DIGESTS = {
    "Digest.node-0": {"samples": {"shop.t": {"rows": 3}}},
    "Digest.node-1": {"samples": {"shop.t": {"rows": 4, "held": True}}},
    "Digest.node-2": {},
}
SNAPSHOTS = {f"Snapshot.node-{index}": snapshot() for index in range(3)}
DESCRIBED = {"key": "schema.json", "sha256": "s", "key_spaces": {"shop": 1}}
BACKED_UP = {
    **SNAPSHOTS,
    "Describe.cluster": DESCRIBED,
    **{f"Upload.node-{index}": upload(f"node-{index}") for index in range(3)},
}
IMPORTED = {f"Check.node-{index}": {"same_as": f"node-{2 - index}", "bytes": 1} for index in range(3)}
STREAMED = {f"Check.node-{index}": {"same_as": None, "bytes": 1} for index in range(3)}

CASES: list[tuple[str, str, Mapping[str, Any], Mapping[str, Mapping[str, Any]], Mapping[str, Any]]] = [
    *((kind, kind, TABLES, {}, TABLES) for kind in ("cleanup", "upgradesstables", "compact")),
    *((kind, kind, TABLES, {}, TABLES) for kind in ("scrub", "flush", "garbagecollect")),
    ("repair", "repair", {**TABLES, **REPAIR}, {}, {**TABLES, **REPAIR}),
    ("decommission", "decommission", {"force": True}, {}, {"force": True}),
    *(
        (
            "authentication",
            f"logins-{name}",
            {"data_center": "dc1", "replicas": 3},
            {},
            {"data_center": "dc1", "replicas": 3},
        )
        for name in ("replication", "superusers", "check")
    ),
    ("authentication", "repair", {**TABLES, **REPAIR, "replicas": 3}, {}, {**TABLES, **REPAIR}),
    ("rotation", "logins-password", {"user": "mesos_service_1"}, {}, {}),
    ("rotation", "logins-check", {"user": "mesos_service_1"}, {}, {}),
    ("backup", "snapshot", {**WHERE, **TABLES}, {}, TAGGED),
    (
        "backup",
        "describe",
        {**WHERE, **TABLES, "count_rows": True},
        {**SNAPSHOTS, "Snapshot.node-2": snapshot("v2")},
        {**TAGGED, "count_rows": True, "schema_versions": ["v1", "v2"], "present": ADDRESSES, "last_round": False},
    ),
    (
        "backup",
        "describe",
        {**WHERE, **TABLES},
        {
            "Snapshot.node-0": {**snapshot(), "schema": {"shop": "r1", "shop.users": "i1", "shop.odd": "i1"}},
            "Snapshot.node-1": {**snapshot(), "schema": {"shop": "r1", "shop.users": "i1", "shop.odd": "i2"}},
            "Snapshot.node-2": {"absent": "it was down"},
        },
        {
            **TAGGED,
            "count_rows": None,
            "schema_versions": ["v1"],
            "present": ADDRESSES[:2],
            "absent": {"node-2": {"why": "it was down", "address": ADDRESSES[2]}},
            "last_round": False,
            "schema": {
                "agreed": {"shop": "r1", "shop.users": "i1"},
                "left_out": {},
                "differs": {"shop.odd": {"i1": ("node-0",), "i2": ("node-1",)}},
                "rules": 1,
            },
        },
    ),
    ("backup", "upload", {**WHERE, **TABLES}, SNAPSHOTS, TAGGED),
    (
        "backup",
        "upload",
        {**WHERE, **TABLES},
        {**SNAPSHOTS, "Describe.cluster": {**DESCRIBED, "left_out": {"shop.late": "why"}}},
        {**TAGGED, "left_out": ["shop.late"]},
    ),
    (
        "backup",
        "complete",
        {**WHERE, **TABLES},
        BACKED_UP,
        {
            **TAGGED,
            "started_at": 10.0,
            "describe": DESCRIBED,
            "nodes": {name: {**snapshot(), **upload(name)} for name in BACKUP_NODES},
        },
    ),
    (
        "backup",
        "complete",
        {**WHERE, **TABLES},
        {**BACKED_UP, "Upload.node-2": {"absent": "it was down"}},
        {
            **TAGGED,
            "started_at": 10.0,
            "describe": DESCRIBED,
            "nodes": {name: {**snapshot(), **upload(name)} for name in BACKUP_NODES[:2]},
            "absent": {"node-2": {"why": "it was down", "address": ADDRESSES[2]}},
        },
    ),
    ("backup", "clear", {**WHERE, **TABLES}, BACKED_UP, TAGGED),
    ("backup-verify", "verify", WHERE, {}, {**STORED, "sources": ["node-1"]}),
    ("backup-delete", "delete", WHERE, {}, STORED),
    (
        "backup-delete",
        "delete",
        {**WHERE, "backup_name": None, "keep_last": 3, "keep_days": 7},
        {},
        {**STORED, "backup_name": None, "keep_last": 3, "keep_days": 7},
    ),
    (
        "restore",
        "restore-check",
        {**WHERE, **TABLES, "rename": {"shop": "shop2"}},
        {},
        {**RENAMED, "sources": BACKUP_NODES, "share": ["node-1"]},
    ),
    ("restore", "restore-schema", {**WHERE, **TABLES, "rename": {"shop": "shop2"}}, IMPORTED, RENAMED),
    (
        "restore",
        "restore-load",
        {**WHERE, **TABLES, "rename": {"shop": "shop2"}},
        {**IMPORTED, "Check.node-1": {"same_as": "node-1"}, "Schema.cluster": {"views": ["shop2.by_name"]}},
        {**RENAMED, "mode": "import", "sources": ["node-1"], "views": ["shop2.by_name"]},
    ),
    (
        "restore",
        "restore-load",
        {**WHERE, **TABLES, "rename": {"shop": "shop2"}},
        STREAMED,
        {**RENAMED, "mode": "stream", "sources": ["node-1"]},
    ),
    *(
        (
            "restore",
            f"restore-{what}-views",
            {**WHERE, **TABLES, "rename": {"shop": "shop2"}},
            {
                "Schema.cluster": {"views": ["shop2.by_name"]},
                "Load.node-1": {"views": ["shop2.by_age", "shop2.by_name"]},
                "Load.node-2": {"views": ["shop2.by_age"]},
            },
            {**RENAMED, "views": ["shop2.by_name", "shop2.by_age"]},
        )
        for what in ("empty", "build")
    ),
    (
        "restore",
        "restore-digest",
        {**WHERE, **TABLES, "rename": {"shop": "shop2"}},
        STREAMED,
        {**RENAMED, "mode": "stream", "sources": ["node-1"]},
    ),
    (
        "restore",
        "restore-compare",
        {**WHERE, **TABLES, "rename": {"shop": "shop2"}},
        {**IMPORTED, **DIGESTS},
        {**RENAMED, "samples": {"shop.t": {"rows": 7, "held": True}}, "silent": ["node-2"]},
    ),
]


def test_nodes_are_named_in_the_order_of_their_numbers() -> None:
    known = with_results("restore", {**WHERE, **TABLES, "rename": {}}, {**IMPORTED, **DIGESTS})
    asked = replace(known.operations["restore"], nodes=("node-10", "node-2", "node-1"))
    assert parameters(known, asked, "restore-compare", "node-1")["silent"] == ["node-2", "node-10"]


@pytest.mark.parametrize(
    ("kind", "job", "request_", "found", "expected"), CASES, ids=[f"{case[0]}-{case[1]}" for case in CASES]
)
def test_what_a_job_is_told(
    kind: str,
    job: str,
    request_: Mapping[str, Any],
    found: Mapping[str, Mapping[str, Any]],
    expected: Mapping[str, Any],
) -> None:
    known = with_results(kind, request_, found)
    assert parameters(known, known.operations[kind], job, "node-1") == expected


def test_every_job_is_in_the_table() -> None:
    assert {(case[0], case[1]) for case in CASES} == {
        (kind.name, phase.job) for kind in KINDS.values() for phase in kind.phases
    }


def test_nothing_sealed_is_told() -> None:
    for kind, job, request, found, _ in CASES:
        known = with_results(kind, request, found)
        asked = operation(kind, request=request, sealed="sealed-words", principal="an-operator")
        told = str(parameters(known, asked, job, "node-0"))
        assert "sealed-words" not in told
        assert "an-operator" not in told


def test_results_are_by_name_and_only_of_this_operation() -> None:
    known = with_results("backup", WHERE, {"Snapshot.node-0": snapshot()})
    asked: OperationRecord = known.operations["backup"]
    assert results(known, asked, "Snapshot") == {"node-0": snapshot(), "node-1": {}, "node-2": {}}
    assert results(known, asked, "Describe") == {"cluster": {}}
    assert results(known, operation("backup", id="second"), "Snapshot")["node-0"] == {}
