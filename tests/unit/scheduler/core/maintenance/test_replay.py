"""An earlier backup in the place of a later one of the same name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.maintenance.replay import replaced
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState
from tests.unit.scheduler.core.samples import operation, state

REQUEST = {"backup_name": "monday", "external_location": "s3://b", "endpoint": None}


def made(identifier: str, at: float, **changes: Any) -> OperationRecord:
    record = operation("backup", id=identifier, request=REQUEST, state=OperationState.COMPLETE, finished_at=at)
    return replace(record, **changes)


def with_history(*ended: OperationRecord, newest: OperationRecord | None = None) -> ClusterState:
    records = [HistoryRecord(replace(item, started_at=item.finished_at or 0.0)) for item in ended]
    operations = {} if newest is None else {"backup": newest}
    return replace(state(), history={record.key: record for record in records}, operations=operations)


FIRST, SECOND = made("first", 10.0), made("second", 20.0)


@pytest.mark.parametrize(
    ("found", "backup", "refused"),
    [
        pytest.param(with_history(FIRST, SECOND), "second", False, id="the last one"),
        pytest.param(with_history(FIRST, SECOND), "first", True, id="an earlier one"),
        pytest.param(with_history(FIRST, newest=SECOND), "first", True, id="earlier than the newest operation"),
        pytest.param(with_history(FIRST), "unknown", True, id="one that this cluster did not make"),
        pytest.param(with_history(), "unknown", False, id="none is known"),
        pytest.param(with_history(SECOND), None, False, id="an executor that does not tell"),
        pytest.param(
            with_history(FIRST, replace(SECOND, state=OperationState.STOPPED)), "first", False, id="a stopped one"
        ),
        pytest.param(
            with_history(FIRST, replace(SECOND, request={**REQUEST, "external_location": "s3://c"})),
            "first", False, id="at another place",
        ),
        pytest.param(
            with_history(FIRST, replace(SECOND, request={**REQUEST, "external_location": "s3://b/"})),
            "first", True, id="at the same place in another form",
        ),
    ],
)  # fmt: skip
def test_replaced(found: ClusterState, backup: str | None, refused: bool) -> None:
    words = replaced(found, REQUEST, {"operation": backup})
    assert bool(words) is refused
    if refused:
        assert f"is of the operation {backup}, and the last one of that name was made by" in words
        assert '"trust": true' in words
