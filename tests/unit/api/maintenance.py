"""Operations under way and nodes' answers: for the tests of maintenance over the API."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from executor.protocol import JobProgress
from scheduler.core.state.cluster import JobSighting
from scheduler.core.state.node import Failures, TaskState
from scheduler.core.state.operation import JobTask, OperationRecord, OperationState, StepRecord, StepState
from scheduler.core.state.operation_kinds import KINDS
from scheduler.loop.snapshot import QuestionRefused
from tests.unit.api.cluster import NOW, CoreGateway

KEYS = {"s3_access_key": "the-access-key", "s3_secret_key": "the-secret-key"}
PATHS = {
    **{kind: f"/v1/{kind}/start" for kind in KINDS if not (kind.startswith("backup-") or KINDS[kind].own)},
    "backup-verify": "/v1/backup/verify",
    "backup-delete": "/v1/backup/delete",
}
SCHEMA = {
    "key_spaces": {
        "shop": {"local": False, "tables": ["user", "users"]},
        "system": {"local": True, "tables": ["local"]},
    }
}
BACKUP = {
    "state": "complete",
    "nodes": {"node-0": {"tokens": 16, "rack": "r1", "data_center": "dc1"}},
    "key_spaces": {"shop": ["user"]},
    "bytes": 7,
    "cassandra_version": "5.0.8",
    "started_at": "2024-01-01T00:00:00Z",
    "finished_at": "2024-01-01T00:01:00Z",
}
NO_BACKUP = QuestionRefused("unknown", "there is none")
ALL_NODES = ("node-0", "node-1", "node-2")


def run(gateway: CoreGateway, kind: str = "cleanup", **changes: Any) -> OperationRecord:
    """Return an operation that is under way."""
    operation = OperationRecord(
        kind=kind,
        id="operation-1",
        state=OperationState.RUNNING,
        nodes=ALL_NODES,
        request={"parallelism": 1},
        started_at=NOW,
        principal="somebody",
    )
    operation = replace(operation, **changes)
    gateway.state = replace(gateway.state, operations={kind: operation})
    return operation


def task(name: str) -> JobTask:
    return JobTask(
        f"upload.{name}__1", name, "agent", f"{name}_executor__1", f"{name}__uuid", TaskState.RUNNING, NOW, NOW
    )


def step(phase: str, name: str, **changes: Any) -> StepRecord:
    return replace(StepRecord("backup", "operation-1", phase, name, started_at=NOW), **changes)


def uploading(gateway: CoreGateway) -> None:
    """node-0 is done, node-1 is at it, node-2 waits; the schema is described."""
    done = {"state": StepState.COMPLETE, "finished_at": NOW + 5}
    steps = [
        *(step("Snapshot", name, result={"bytes": 100, "tables": 2}, **done) for name in ALL_NODES),
        step("Describe", "cluster", task=task("node-2"), result={"key": "schema.json"}, **done),
        step("Upload", "node-0", task=task("node-0"), result={"sent_bytes": 100}, **done),
        step("Upload", "node-1", task=task("node-1"), state=StepState.RUNNING, failures=Failures(1, 0, "cut off")),
    ]
    progress = JobProgress(
        "shop.user", "", {"bytes": 40.0, "files": 2}, {"bytes": 80.0, "files": 4}, 50.0, 10.0, 4.0, {"throttle": 5}
    )
    run(gateway, "backup", request={"backup_name": "monday", "upload_parallelism": 1})
    gateway.state = replace(
        gateway.state,
        steps={item.key: item for item in steps},
        jobs={"backup.Upload.node-1": JobSighting(task("node-1").id, progress, NOW)},
    )


def cleaning(gateway: CoreGateway) -> None:
    """Return a cleanup of node-1 that is half done."""
    request = {"key_spaces": ["shop"], "column_families": [], "parallelism": 1}
    operation = run(gateway, nodes=("node-1",), request=request)
    running = StepRecord(
        "cleanup", operation.id, "Cleanup", "node-1", StepState.RUNNING, task("node-1"), started_at=NOW
    )
    progress = JobProgress("shop.user", "", {"tables": 1}, {"tables": 2}, 50.0, None, 4.0)
    gateway.state = replace(
        gateway.state, steps={running.key: running}, jobs={running.key: JobSighting(task("node-1").id, progress, NOW)}
    )
