"""How operations end, and what is kept of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.decide import decide
from scheduler.core.events.maintenance import operation_entries
from scheduler.core.maintenance.run import KEPT, SIZE_LIMIT
from scheduler.core.plans.build import build_plans
from scheduler.core.plans.plan import Status
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.codec import encode_record
from scheduler.core.state.exclusion import exclusion
from scheduler.core.state.node import Failures
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState, StepRecord, StepState
from scheduler.core.state.operation_kinds import KINDS
from scheduler.core.state.reason import Code
from tests.simulation.engine.invariants import invariants
from tests.unit.scheduler.core.samples import Ids, operation, state, step, up

NOW = 110.0


def closed(asked: OperationRecord, *steps: StepRecord, **changes: Any) -> ClusterState:
    """After the cycle in which there is nothing left to do."""
    found = state(up(0), up(1), up(2), operations={asked.kind: asked}, steps={item.key: item for item in steps})
    return decide(replace(found, **changes), (), NOW, Ids())[1]


def cleaned(nodes: int = 3, **changes: Any) -> list[StepRecord]:
    return [step(f"cleanup.Cleanup.node-{index}", StepState.COMPLETE, **changes) for index in range(nodes)]


@pytest.mark.parametrize(
    ("before", "after"),
    [(OperationState.RUNNING, OperationState.COMPLETE), (OperationState.STOPPING, OperationState.STOPPED)],
)
def test_the_end_of_an_operation(before: OperationState, after: OperationState) -> None:
    asked = operation("cleanup", before, sealed="sealed", interrupted=True)
    found = closed(asked, *cleaned(result={"done": 3}, finished_at=90.0))
    ended = replace(asked, state=after, finished_at=NOW, interrupted=False, sealed="")
    assert found.operations == {"cleanup": ended}
    assert len(found.steps) == 3
    (record,) = found.history.values()
    assert record.operation == ended
    assert record.key == "cleanup.10000"
    assert list(record.steps) == ["Cleanup.node-0", "Cleanup.node-1", "Cleanup.node-2"]
    expected = {"state": "COMPLETE", "started_at": 20.0, "finished_at": 90.0, "error": "", "result": {"done": 3}}
    assert record.steps["Cleanup.node-0"] == expected


def test_the_errors_that_are_kept_name_nodes() -> None:
    address = up(1).address
    failed = step("cleanup.Cleanup.node-0", StepState.FAILED, failures=Failures(3, 0.0, f"CQL on {address}: refused"))
    (record,) = closed(operation("cleanup", OperationState.STOPPING, nodes=1), failed).history.values()
    assert record.steps["Cleanup.node-0"]["error"] == f"CQL on node-1 ({address}): refused"


COMPARE = {"verdict": "equal", "message": ""}
WRONG = {"verdict": "different", "message": "different: shop.users (1 row is missing here)"}
UNSEEN = {"verdict": "not compared", "message": "not compared: shop.users (it was dropped meanwhile)"}


@pytest.mark.parametrize(
    ("result", "forced", "state_", "message"),
    [
        (COMPARE, False, OperationState.COMPLETE, ""),
        (WRONG, False, OperationState.DIFFERENT, WRONG["message"]),
        (UNSEEN, False, OperationState.COMPLETE, UNSEEN["message"]),
        ({}, False, OperationState.COMPLETE, ""),
        (
            {},
            True,
            OperationState.COMPLETE,
            "not compared: the step Compare of cluster was forced complete by an operator",
        ),
    ],
)
def test_a_restore_ends_as_its_comparison_says(
    result: dict[str, Any], forced: bool, state_: OperationState, message: str
) -> None:
    asked = operation("restore")
    steps = [
        step(f"restore.{phase.name}.{name}", StepState.COMPLETE)
        for phase in KINDS["restore"].phases
        for name in (["cluster"] if phase.once else asked.nodes)
    ]
    steps[-1] = replace(steps[-1], result=result, forced=forced)
    found = closed(asked, *steps)
    ended = found.operations["restore"]
    assert (ended.state, ended.message) == (state_, message)
    assert ended.finished_at == NOW
    (record,) = found.history.values()
    assert record.operation == ended
    assert exclusion(found, "repair", {}) is None
    assert invariants(found) == ()
    plan = build_plans(found, NOW)["restore"]
    assert plan.status is Status.COMPLETE
    said = plan.phases[-1].steps[0]
    assert (said.reason == Code.DIFFERENT) == (state_ is OperationState.DIFFERENT)
    assert str(result.get("message", "")) in said.message


def test_an_event_tells_that_it_differs() -> None:
    before = state(up(0), operations={"restore": operation("restore")})
    ended = operation("restore", OperationState.DIFFERENT, message=WRONG["message"], finished_at=NOW)
    (entry,) = operation_entries(before, replace(before, operations={"restore": ended}), NOW)
    assert entry.sentence.endswith("is complete, but its result differs from the request")
    assert entry.cause == WRONG["message"]


def test_steps_that_never_began_are_left_out() -> None:
    failed = step("cleanup.Cleanup.node-1", StepState.FAILED, failures=Failures(3, 0.0, "disk full"))
    (record,) = closed(operation("cleanup", OperationState.STOPPING), failed).history.values()
    assert {name: found["error"] for name, found in record.steps.items()} == {"Cleanup.node-1": "disk full"}


def past(kind: str, number: int) -> HistoryRecord:
    return HistoryRecord(operation(kind, OperationState.COMPLETE, id=f"run-{number}", started_at=float(number)))


def test_the_oldest_go_first_and_other_kinds_stay() -> None:
    kept = {record.key: record for record in [past("flush", 0), *(past("cleanup", number) for number in range(KEPT))]}
    found = closed(operation("cleanup", started_at=99.0), *cleaned(), history=kept)
    assert found.history.keys() == (kept.keys() - {"cleanup.0"}) | {"cleanup.99000"}


def test_one_that_went_on_after_a_stop_takes_the_place_of_what_was_kept_of_it() -> None:
    kept = {record.key: record for record in (past("cleanup", number) for number in range(KEPT))}
    again = replace(past("cleanup", 5).operation, state=OperationState.RUNNING)
    found = closed(again, *(replace(item, operation="run-5") for item in cleaned()), history=kept)
    assert found.history.keys() == kept.keys()
    assert found.history["cleanup.5000"].operation.finished_at == NOW


def many(count: int, **changes: Any) -> HistoryRecord:
    asked = operation("cleanup", OperationState.STOPPING, nodes=count)
    found = closed(asked, *cleaned(count, **changes), nodes={})
    (record,) = found.history.values()
    return record


def test_of_very_many_results_the_numbers_are_kept() -> None:
    tables = {f"ks.t{number}": "done" for number in range(500)}
    record = many(100, result={"tables": tables, "done": 500})
    assert record.steps["Cleanup.node-99"]["result"] == {"done": 500}
    assert len(record.steps) == 100
    assert many(5, result={"tables": tables, "done": 500}).steps["Cleanup.node-4"]["result"]["tables"] == tables


def test_of_very_many_nodes_what_failed_is_kept_as_far_as_there_is_room() -> None:
    result = {"words": "x" * 300}
    assert many(1000, result=result).steps == {}
    record = many(1000, result=result, failures=Failures(3, 0.0, "e" * 500))
    assert 100 < len(record.steps) < 1000
    assert len(json.dumps(record.steps)) <= SIZE_LIMIT + 100
    assert len(encode_record(record)) < 900_000
