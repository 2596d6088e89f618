"""What people see of a maintenance operation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from executor.protocol import JobProgress
from scheduler.core.plans.build import build_plans, plan_names
from scheduler.core.plans.plan import Plan, stable_id
from scheduler.core.state.cluster import ClusterState, JobSighting, Memory, Reconciliation
from scheduler.core.state.node import Failures, TaskState
from scheduler.core.state.operation import OperationState, StepRecord, StepState
from scheduler.core.state.operation_kinds import KINDS
from tests.unit.scheduler.core.samples import down, operation, state, step, up

NOW = 100.0
UPLOAD = "backup.Upload.node-1"
DONE = [
    *(step(f"backup.Snapshot.node-{index}", StepState.COMPLETE) for index in range(3)),
    step("backup.Describe.cluster", StepState.COMPLETE),
]


def known(*found: StepRecord, word: str = "RUNNING", interrupted: bool = False, **changes: Any) -> ClusterState:
    """A backup with these steps besides its snapshots."""
    asked = operation("backup", OperationState(word), interrupted=interrupted, request={"upload_parallelism": 2})
    steps = {item.key: item for item in (*DONE, *found)}
    base = state(up(0), up(1), up(2), operations={"backup": asked}, steps=steps)
    return replace(base, **changes)


def running(word: TaskState = TaskState.RUNNING) -> StepRecord:
    begun = step(UPLOAD, StepState.RUNNING)
    assert begun.task is not None
    return replace(begun, task=replace(begun.task, state=word))


def seen(progress: JobProgress, task_id: str = "upload-node-1__a") -> dict[str, JobSighting]:
    return {UPLOAD: JobSighting(task_id, progress, 99.0)}


def plan(found: ClusterState) -> Plan:
    return build_plans(found, NOW)["backup"]


LATE = Failures(1, NOW + 3.0, "disk full")
BUSY = seen(JobProgress("sending", "", percent=12.4))
THROTTLED = seen(JobProgress(waiting="20 compactions pending"))
CASES = [
    pytest.param(known(), "PENDING", "NO_OFFER", "waits for an offer", id="next"),
    pytest.param(
        known(memory=Memory(waits={UPLOAD: "waits for S1 to offer"})), "PENDING", "NO_OFFER", "S1 to offer", id="waits"
    ),
    pytest.param(known(running(TaskState.STAGING)), "STARTING", "STAGING", "is being launched on node-1", id="staging"),
    pytest.param(known(running()), "IN_PROGRESS", "RUNNING", "Upload of node-1: its job runs on node-1", id="runs"),
    pytest.param(known(running(), jobs=BUSY), "IN_PROGRESS", "RUNNING", "on node-1, 12 %, sending", id="progress"),
    pytest.param(
        known(running(), jobs=THROTTLED), "IN_PROGRESS", "RUNNING", "on node-1; waits: 20 compactions", id="waiting"
    ),
    pytest.param(
        known(running(), jobs=seen(JobProgress("old"), "upload-node-1__old")),
        "IN_PROGRESS",
        "RUNNING",
        "its job runs on node-1",
        id="what an earlier attempt said",
    ),
    pytest.param(
        known(running(TaskState.UNREACHABLE)), "WAITING", "UNREACHABLE", "seen by Mesos (TASK_UNREACHABLE)", id="lost"
    ),
    pytest.param(known(step(UPLOAD, StepState.COMPLETE)), "COMPLETE", "DONE", "Upload of node-1: done", id="done"),
    pytest.param(
        known(step(UPLOAD, StepState.COMPLETE, forced=True)), "COMPLETE", "FORCED", "by an operator", id="forced"
    ),
    pytest.param(known(step(UPLOAD, failures=LATE)), "DELAYED", "BACK_OFF", "next attempt in 3 s", id="back-off"),
    pytest.param(
        known(step(UPLOAD, StepState.FAILED, failures=LATE)),
        "ERROR",
        "FAILED",
        "the last message: disk full",
        id="error",
    ),
    pytest.param(known(interrupted=True), "WAITING", "INTERRUPTED", "interrupted", id="interrupted"),
    pytest.param(
        known(nodes={"node-0": up(0), "node-1": down(1)}), "WAITING", "NODE_DOWN", "node-1 to be NORMAL", id="down"
    ),
    pytest.param(
        known(
            step("backup.Upload.node-0", StepState.RUNNING),
            step("backup.Upload.node-2", StepState.RUNNING),
            nodes={"node-0": up(0), "node-1": down(1)},
        ),
        "WAITING",
        "NODE_DOWN",
        "node-1 to be NORMAL",
        id="down, before its turn",
    ),
    pytest.param(
        known(step("backup.Upload.node-0", StepState.RUNNING), step("backup.Upload.node-2", StepState.RUNNING)),
        "PENDING",
        "EARLIER_NODE",
        "waits for node-0, node-2",
        id="others first",
    ),
    pytest.param(known(registered=False), "PENDING", "NOT_REGISTERED", "not subscribed", id="not subscribed"),
    pytest.param(
        known(reconciliation=Reconciliation(frozenset({"node-0"}), started=True)),
        "PENDING",
        "RECONCILING",
        "waiting for task reconciliation",
        id="reconciling",
    ),
    pytest.param(known(word="STOPPING"), "WAITING", "STOPPED", "is being stopped", id="stopping"),
    pytest.param(known(word="STOPPED"), "WAITING", "STOPPED", "was stopped", id="stopped"),
    pytest.param(known(word="STOPPED", registered=False), "WAITING", "STOPPED", "was stopped", id="stopped long ago"),
]


@pytest.mark.parametrize(("found", "status", "code", "words"), CASES)
def test_what_a_step_says(found: ClusterState, status: str, code: str, words: str) -> None:
    shown = plan(found).phases[2].steps[1]
    assert (shown.status.value, shown.reason) == (status, code)
    assert words in shown.message
    assert shown.message.startswith("Upload of node-1: ")


def test_after_a_stop_what_tidies_up_is_shown_as_done_where_it_did_not_run() -> None:
    """Also that it was not done."""
    cleared = step("backup.Clear.node-0", StepState.COMPLETE)
    failed = step("backup.Clear.node-1", StepState.FAILED, failures=LATE)
    shown = plan(known(cleared, failed, word="STOPPED")).phases[4].steps
    assert [(item.status.value, item.message) for item in shown] == [
        ("COMPLETE", "Clear of node-0: done"),
        ("ERROR", "Clear of node-1: failed once; the last message: disk full"),
        ("WAITING", "Clear of node-2: node-2 was not NORMAL: the next operation tidies up there"),
    ]
    never = replace(DONE[2], state=StepState.PENDING, started_at=None)
    assert plan(known(never, word="STOPPED")).phases[4].steps[2].message == "Clear of node-2: nothing was left to do"


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (known(), "IN_PROGRESS"),
        (known(steps={}), "PENDING"),
        (known(running()), "IN_PROGRESS"),
        (known(step(UPLOAD, StepState.FAILED)), "ERROR"),
        (known(interrupted=True), "WAITING"),
        (known(running(), interrupted=True), "IN_PROGRESS"),
        (known(word="STOPPED"), "WAITING"),
    ],
)
def test_the_status_of_the_plan(found: ClusterState, status: str) -> None:
    assert plan(found).status.value == status


def test_a_plan_has_the_phases_of_its_kind_and_ids_of_its_own() -> None:
    for kind in KINDS:
        asked = operation(kind)
        found = build_plans(state(up(0), operations={kind: asked}), NOW)[kind]
        # Phases that only some operations of the kind need are not there before they are known to be needed.
        phases = [phase for phase in KINDS[kind].phases if phase.needs is None]
        assert [phase.name for phase in found.phases] == [phase.name for phase in phases]
        for phase, known_phase in zip(found.phases, phases, strict=True):
            names = ["cluster"] if known_phase.once else list(asked.nodes)
            assert [item.name for item in phase.steps] == names
            assert phase.id == stable_id("first", phase.name)
            assert phase.steps[0].id == stable_id("first", phase.name, names[0])
        later = build_plans(state(up(0), operations={kind: replace(asked, id="second")}), NOW)[kind]
        assert {phase.id for phase in later.phases}.isdisjoint(phase.id for phase in found.phases)


def test_there_is_a_plan_for_the_newest_operation_of_each_kind() -> None:
    found = state(up(0), operations={kind: operation(kind) for kind in ("repair", "cleanup")})
    assert list(build_plans(found, NOW)) == ["deploy", "recovery", "cleanup", "repair"]
    assert plan_names(found) == ("deploy", "recovery", "cleanup", "repair")


def test_what_a_job_waits_for_is_told_once_and_by_the_nodes_name() -> None:
    """Executors of earlier versions say the word themselves."""
    for waiting in ("127.0.0.4 is down", "waits: 127.0.0.4 is down"):
        found = known(running(), jobs=seen(JobProgress(waiting=waiting)))
        found = replace(found, nodes={**found.nodes, "node-2": replace(up(2), address="127.0.0.4")})
        said = [step.message for phase in plan(found).phases for step in phase.steps if "is down" in step.message]
        assert [text.partition("; ")[2] for text in said] == ["waits: node-2 (127.0.0.4) is down"]
