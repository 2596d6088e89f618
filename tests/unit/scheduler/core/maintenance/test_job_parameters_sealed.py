"""What jobs of signed and sealed backups are told, and under which names they are launched."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.core.events.maintenance import operation_entries
from scheduler.core.maintenance.job_parameters import launched_job, parameters
from scheduler.core.state.operation import needs_keys
from tests.unit.scheduler.core.samples import operation, state, up

PLACE = {"backup_name": "monday", "external_location": "s3://b"}


def told(kind: str, job: str, **changes: Any) -> Any:
    asked = operation(kind, request=PLACE, **changes)
    return parameters(state(up(0), up(1), up(2), cluster_id="c-1", operations={kind: asked}), asked, job, "node-0")


def test_a_sealed_backup() -> None:
    assert told("backup", "upload", facts={"keys": True, "sealed": True})["sealed"] is True
    assert "sealed" not in told("backup", "upload", facts={"keys": True})


@pytest.mark.parametrize(("kind", "job"), [("restore", "restore-check"), ("backup-verify", "verify")])
def test_trust(kind: str, job: str) -> None:
    asked = operation(kind, request=PLACE)
    trusting = {**asked.request, "trust": True}
    assert "trust" not in told(kind, job)
    found = parameters(state(up(0), operations={}), operation(kind, request=trusting), job, "node-0")
    assert found["trust"] is True


@pytest.mark.parametrize("job", ["describe", "upload", "complete"])
def test_an_executor_that_cannot_seal_does_not_know_the_job(job: str) -> None:
    sealed = operation("backup", request=PLACE, facts={"keys": True, "sealed": True})
    assert launched_job(sealed, job) == f"{job}-sealed"
    assert launched_job(operation("backup", request=PLACE, facts={"keys": True}), job) == job
    assert launched_job(sealed, "snapshot") == "snapshot"


def test_which_jobs_have_secrets() -> None:
    assert needs_keys(operation("backup", request=PLACE, facts={"keys": True}))
    assert not needs_keys(operation("backup", request=PLACE))


def test_the_event_tells_of_trust() -> None:
    asked = operation("restore", request={**PLACE, "trust": True})
    (entry,) = operation_entries(state(), state(operations={"restore": asked}), 1.0)
    assert entry.sentence.endswith("begins, on 3 nodes, and trusts the backup without a valid signature")
