"""A clock that is set back holds nothing up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from executor.key_spaces import SERVICE_ROLES
from executor.protocol import JobProgress
from scheduler.core.cycle.clock import set_back
from scheduler.core.decide import decide
from scheduler.core.state.cluster import Asked, ClusterState, JobSighting, Memory, Reconciliation, Stray
from scheduler.core.state.logins import Login, LoginsRecord
from scheduler.core.state.node import Failures, Intent, IntentKind, NodeRecord, TaskState
from tests.unit.scheduler.core.samples import node, state, step, up

BEFORE = 10_000.0
NOW = 6_400.0  # an hour less


def launched(record: NodeRecord, at: float) -> NodeRecord:
    assert record.task is not None
    return replace(record, task=replace(record.task, launched_at=at, updated_at=at))


@pytest.mark.parametrize(
    ("count", "not_before", "expected"),
    [
        pytest.param(1, BEFORE, NOW, id="the first failure waits for nothing"),
        pytest.param(3, BEFORE + 10.0, NOW + 10.0, id="its whole pause"),
        pytest.param(3, NOW + 4.0, NOW + 4.0, id="what is left of it"),
        pytest.param(9, BEFORE, NOW + 300.0, id="the longest"),
    ],
)
@pytest.mark.parametrize("at", [0.0, BEFORE], ids=["in another process", "in this one"])
def test_no_pause_becomes_longer_than_it_was_meant_to_be(
    at: float, count: int, not_before: float, expected: float
) -> None:
    failed = launched(up(0, failures=Failures(count, not_before)), BEFORE)
    after = set_back(state(failed, memory=Memory(at=at)), NOW).nodes["node-0"]
    assert after.failures.not_before == expected
    assert after.task is not None
    assert (after.task.launched_at, after.task.updated_at) == (NOW, NOW)


@pytest.mark.parametrize(("begun_at", "expected"), [(None, None), (NOW - 1.0, NOW - 1.0), (BEFORE, NOW)])
def test_what_has_begun_began_by_now(begun_at: float | None, expected: float | None) -> None:
    """What is asked about a rack has to be answered since then."""
    intent = Intent(IntentKind.RESTART, BEFORE, "node-0__a", begun_at=begun_at, by_rack=True)
    after = set_back(state(up(0, intent=intent), memory=Memory(at=BEFORE)), NOW).nodes["node-0"].intent
    assert after == replace(intent, begun_at=expected)


@pytest.mark.parametrize("at", [0.0, BEFORE], ids=["in another process", "in this one"])
@pytest.mark.parametrize(("changed_at", "expected"), [(None, None), (NOW - 1.0, NOW - 1.0), (BEFORE, NOW)])
def test_a_password_was_changed_by_now(at: float, changed_at: float | None, expected: float | None) -> None:
    """Otherwise none is rotated before the clock says that time again."""
    users = tuple(Login(name, "sealed", name) for name in SERVICE_ROLES)
    record = LoginsRecord(users, SERVICE_ROLES[0], made=True, changed_at=changed_at)
    after = set_back(state(up(0), logins=record, memory=Memory(at=at)), NOW).logins
    assert after == replace(record, changed_at=expected)


def test_a_step_of_maintenance_neither() -> None:
    failed = step("cleanup.Cleanup.node-0", failures=Failures(2, BEFORE + 20.0))
    after = set_back(replace(state(up(0)), steps={failed.key: failed}), NOW).steps[failed.key]
    assert after.failures.not_before == NOW + 20.0


def test_all_that_was_said_and_asked_was_said_by_now() -> None:
    memory = Memory(
        strays={"a": Stray(None, TaskState.RUNNING, BEFORE, BEFORE), "b": Stray(None, TaskState.RUNNING, 1.0)},
        asked={"node-0": Asked(BEFORE, 2)},
        told={"a": BEFORE, "b": 1.0},
        revived_at=BEFORE,
        heard_at=BEFORE,
        probe_at=BEFORE,
        implicit_at=BEFORE,
        at=BEFORE,
    )
    found = state(up(0), memory=memory, reconciliation=Reconciliation(started=True, next_at=BEFORE, requested_at=1.0))
    seen = {
        name: replace(item, at=BEFORE, figures_at=BEFORE, mode_since=BEFORE, blind_since={"127.0.0.9": BEFORE})
        for name, item in found.sightings.items()
    }
    jobs = {"k": JobSighting("t", JobProgress(), BEFORE)}
    after = set_back(replace(found, sightings=seen, jobs=jobs), NOW)
    sighting = after.sightings["node-0"]
    assert sighting.at == after.jobs["k"].at == NOW
    assert {sighting.figures_at, sighting.mode_since, *sighting.blind_since.values()} == {NOW}
    assert after.memory == Memory(
        strays={"a": Stray(None, TaskState.RUNNING, NOW, NOW), "b": Stray(None, TaskState.RUNNING, 1.0)},
        asked={"node-0": Asked(NOW, 2)},
        told={"a": NOW, "b": 1.0},
        revived_at=NOW,
        heard_at=NOW,
        probe_at=NOW,
        implicit_at=NOW,
        at=BEFORE,
    )
    assert (after.reconciliation.next_at, after.reconciliation.requested_at) == (NOW, 1.0)


@pytest.mark.parametrize("now", [BEFORE, BEFORE + 3600.0])
def test_a_clock_that_goes_on_or_ahead_changes_nothing(now: float) -> None:
    found = state(launched(node(0), BEFORE + 7200.0), memory=Memory(at=BEFORE))
    assert set_back(found, now) is found


def ids() -> str:
    return "id"


def asks(found: ClusterState, now: float) -> tuple[int, ClusterState]:
    decision, after = decide(found, [], now, ids)
    return len(decision.asks), after


def test_a_node_is_asked_again_though_its_answer_lies_ahead() -> None:
    found = state(up(0))
    seen = replace(found.sightings["node-0"], at=BEFORE)
    number, after = asks(replace(found, sightings={"node-0": seen}), BEFORE)
    assert number == 0
    number, after = asks(after, NOW)
    assert number == 0
    number, _ = asks(after, NOW + 31.0)
    assert number == 1
