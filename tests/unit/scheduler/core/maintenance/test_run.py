"""What one cycle launches, ends, tunes and asks for maintenance operations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from executor.protocol import JobLaunch, JobProgress, parse_task
from scheduler.core.cycle.decision import Accept, Decision, Kill, Reconcile, Tuning
from scheduler.core.decide import decide
from scheduler.core.mesos.executor_command import DEFAULT_COMMAND, build_command
from scheduler.core.mesos.offer import Offer
from scheduler.core.mesos.offer_operations import new_hold
from scheduler.core.mesos.task_info import Executor, build_job
from scheduler.core.state.cluster import ClusterState, JobSighting, Memory, Need, NeedKind, Stray
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.node import NodeRecord, TaskState
from scheduler.core.state.operation import OperationRecord, OperationState, StepRecord, StepState
from scheduler.core.state.spec import Uri
from tests.unit.scheduler.core.samples import (
    PRINCIPAL,
    ROLE,
    TARGET,
    Ids,
    down,
    node,
    offer,
    operation,
    scalar,
    spec,
    state,
    step,
    up,
)

NOW = 110.0
QUIET = Memory(implicit_at=1e9)
KEY = "cleanup.Cleanup.node-0"
RUNS = step(KEY, StepState.RUNNING)
JOB = "cleanup-node-0__a"


def run(found: ClusterState, *offers: Offer, now: float = NOW) -> tuple[Decision, ClusterState]:
    return decide(found, offers, now, Ids())


def known(
    asked: OperationRecord | None = None, *steps: StepRecord, nodes: tuple[NodeRecord, ...] = (), **changes: Any
) -> ClusterState:
    """A cluster of three nodes that are up, and one operation."""
    chosen = asked or operation("cleanup")
    base = state(*(nodes or (up(0), up(1), up(2))), operations={chosen.kind: chosen})
    return replace(base, steps={item.key: item for item in steps}, memory=QUIET, **changes)


def spare(index: int, mem: float = 64, executors: tuple[str, ...] | None = None) -> Offer:
    """The share that is kept beside a node, offered by its agent."""
    (reservation,) = new_hold(ROLE, PRINCIPAL, f"reservation-{index}", "").reservations
    pieces = [scalar("cpus", 0.1), scalar("mem", mem)]
    names = (f"node-{index}_executor__a",) if executors is None else executors
    return offer(
        index,
        resources=[{**piece, "reservations": [reservation]} for piece in pieces],
        executor_ids=[{"value": name} for name in names],
    )


def launched(accept: Accept) -> tuple[dict[str, Any], JobLaunch]:
    (launch,) = accept.operations
    assert launch["type"] == "LAUNCH"
    (task,) = launch["launch"]["task_infos"]
    job = parse_task(task["data"])
    assert isinstance(job, JobLaunch)
    return task, job


def test_a_job_takes_the_share_that_is_kept_for_it_and_the_executor_that_runs() -> None:
    asked = operation("backup", sealed="sealed-words", tuning={"throttle": 5})
    decision, after = run(known(asked), spare(1))
    (accept,) = decision.accepts
    task, job = launched(accept)
    assert (accept.node, accept.offer_ids, accept.job) == ("node-1", ("O1",), "backup.Snapshot.node-1")
    assert (task["name"], task["task_id"]["value"]) == ("snapshot-node-1", "snapshot-node-1__id-1")
    assert task["agent_id"] == {"value": "S1"}
    amounts = [(item["name"], item["scalar"]["value"]) for item in task["resources"]]
    assert amounts == [("cpus", 0.1), ("mem", 64.0)]
    labels = {item["key"]: item["value"] for item in task["labels"]["labels"]}
    assert labels == {"task_type": "CASSANDRA_MAINTENANCE", "job": "snapshot", "operation": "first"}
    assert task["kill_policy"] == {"grace_period": {"nanoseconds": 30_000_000_000}}
    assert (job.job, job.operation, job.node, job.node_task_id) == ("snapshot", "first", "node-1", "node-1__a")
    assert (job.tuning, job.secret, job.parameters["tag"]) == ({"throttle": 5}, True, "backup-first")
    assert "sealed-words" not in str(accept)
    begun = after.steps["backup.Snapshot.node-1"]
    assert begun.task is not None
    assert (begun.state, begun.started_at, begun.task.state) == (StepState.RUNNING, NOW, TaskState.STAGING)
    assert (begun.task.id, begun.task.node_task_id) == ("snapshot-node-1__id-1", "node-1__a")


def test_the_executor_of_a_job_is_that_of_the_nodes_own_launch_whatever_the_target_is_by_now() -> None:
    old = Configuration("configuration-0", 0.0, replace(spec(3), executor=replace(spec().executor, command="old")))
    first = up(0)
    assert first.task is not None
    first = replace(first, task=replace(first.task, configuration="configuration-0"))
    found = known(nodes=(first, up(1), up(2)))
    found = replace(found, configurations={**found.configurations, "configuration-0": old})
    decision, after = run(found, spare(0))
    task, job = launched(decision.accepts[0])
    assert task["executor"]["command"]["value"] == "old"
    assert task["executor"]["executor_id"] == {"value": "node-0_executor__a"}
    begun = after.steps[KEY].task
    assert begun is not None
    hold = new_hold(ROLE, PRINCIPAL, "reservation-0", "")
    again = build_job(begun, Executor("node-0", "node-0_executor__a", old, "framework-1", hold), job)
    assert task["executor"] == again["executor"]


@pytest.mark.parametrize("form", [1, 2])
def test_the_command_of_a_job_has_the_form_of_the_nodes_own_launch(form: int) -> None:
    uris = (Uri("/executor.tgz"), Uri("/cassandra.tgz"))
    usual = replace(spec().executor, command=DEFAULT_COMMAND, uris=uris)
    target = Configuration(TARGET, 0.0, replace(spec(3), executor=usual))
    first = up(0)
    assert first.task is not None
    digests = {uri.value: "d" for uri in uris}
    first = replace(first, task=replace(first.task, digests=digests, command_form=form))
    found = replace(known(nodes=(first, up(1), up(2))), configurations={TARGET: target})
    decision, _ = run(found, spare(0))
    task, _ = launched(decision.accepts[0])
    assert task["executor"]["command"] == build_command(usual, spec().user, digests, form)
    assert ("unpack.py" in task["executor"]["command"]["value"]) == (form == 2)


@pytest.mark.parametrize(
    ("offers", "words", "decline"),
    [
        ((), "waits for 127.0.0.2 to offer the share that is reserved for jobs of node-0", None),
        ((spare(1),), "waits for 127.0.0.2 to offer the share", ("NO_WORK", 3600.0)),
        ((spare(0, mem=63),), "is not offered whole: 0.1 cpus and 63 MB of 0.1 cpus and 64", ("RESERVATION_PART", 5.0)),
        ((spare(0, executors=()),), "the executor of node-0 is not among those that run on 127", ("RESERVATION_", 5.0)),
        (
            (spare(0, executors=("node-0_executor__old",)),),
            "the executor of node-0 is not among",
            ("RESERVATION_", 5.0),
        ),
    ],
)
def test_a_step_says_what_it_waits_for(
    offers: tuple[Offer, ...], words: str, decline: tuple[str, float] | None
) -> None:
    decision, after = run(known(), *offers)
    assert decision.accepts == ()
    assert words in after.memory.waits[KEY]
    assert Need(NeedKind.JOB, KEY) in after.memory.wanted
    assert decision.revive
    found = [(item.reason[: len(decline[0])], item.seconds) for item in decision.declines] if decline else []
    assert found == ([decline] if decline else [])


def test_what_waits_for_anything_else_calls_for_no_offers() -> None:
    interrupted = operation("cleanup", interrupted=True)
    for found in (known(interrupted), known(nodes=(down(0, TaskState.UNREACHABLE), up(1), up(2)))):
        decision, after = run(replace(found, suppressed=True), now=NOW)
        assert Need(NeedKind.JOB, KEY) not in after.memory.wanted
    assert not decision.accepts


def test_only_as_many_are_launched_as_may_run() -> None:
    offers = [spare(index) for index in range(3)]
    one, _ = run(known(), *offers)
    assert [accept.job for accept in one.accepts] == [KEY]
    two = known(operation("cleanup", request={"parallelism": 2}), RUNS)
    assert [accept.job for accept in run(two, *offers)[0].accepts] == ["cleanup.Cleanup.node-1"]
    everyone, _ = run(known(operation("backup")), *offers)
    assert [accept.node for accept in everyone.accepts] == ["node-0", "node-1", "node-2"]


def test_a_step_that_is_down_does_not_take_anothers_place() -> None:
    found = known(nodes=(down(0, TaskState.UNREACHABLE), up(1), up(2)))
    assert [accept.node for accept in run(found, spare(1), spare(2))[0].accepts] == ["node-1"]


STOPPING = operation("cleanup", OperationState.STOPPING)


def test_the_message_of_an_operation_names_nodes() -> None:
    address = up(1).address
    said = step(KEY, StepState.COMPLETE, result={"message": f"{address} was not asked"})
    _, after = run(known(operation("cleanup", nodes=1), said))
    assert after.operations["cleanup"].message == f"node-1 ({address}) was not asked"


def test_a_stop_is_told_to_the_job_every_ten_seconds() -> None:
    decision, after = run(known(STOPPING, RUNS))
    assert decision.kills == (Kill(JOB, "S0", 30.0, "the operation cleanup is being stopped"),)
    assert after.memory.told == {JOB: NOW}
    assert run(after, now=NOW + 9.9)[0].kills == ()
    assert len(run(after, now=NOW + 10.0)[0].kills) == 1


def test_what_tidies_up_is_not_stopped() -> None:
    clear = step("backup.Clear.node-0", StepState.RUNNING)
    snapshot = step("backup.Snapshot.node-0", StepState.COMPLETE)
    assert run(known(operation("backup", OperationState.STOPPING), snapshot, clear))[0].kills == ()


def lost(found: StepRecord) -> StepRecord:
    assert found.task is not None
    return replace(found, task=replace(found.task, state=TaskState.UNREACHABLE))


def test_a_stop_does_not_wait_for_a_job_that_cannot_be_seen() -> None:
    decision, after = run(known(STOPPING, lost(RUNS)))
    assert decision.kills == ()
    assert after.steps[KEY].state is StepState.PENDING
    assert after.steps[KEY].interruptions == 0
    _, after = run(after)
    assert after.operations["cleanup"].state is OperationState.STOPPED
    kept = run(known(operation("cleanup"), lost(RUNS)))[1]
    assert kept.steps[KEY] == lost(RUNS)


@pytest.mark.parametrize(
    ("used", "told"),
    [({"throttle": 5}, False), ({"throttle": 9}, True), ({}, False), ({"other": 1}, False), (None, False)],
)
def test_a_job_is_told_what_it_does_not_use_yet(used: dict[str, int] | None, told: bool) -> None:
    upload = step("backup.Upload.node-0", StepState.RUNNING)
    jobs = (
        {upload.key: JobSighting("upload-node-0__a", JobProgress(tuning=used or {}), 1.0)} if used is not None else {}
    )
    done = [step(f"backup.Snapshot.node-{index}", StepState.COMPLETE) for index in range(3)]
    asked = operation("backup", tuning={"throttle": 5})
    found = known(asked, *done, step("backup.Describe.cluster", StepState.COMPLETE), upload, jobs=jobs)
    decision, after = run(found)
    expected = (Tuning("node-0", "node-0_executor__a", "S0", "upload-node-0__a", {"throttle": 5}),) if told else ()
    assert decision.tunings == expected
    assert run(after, now=NOW + 9.9)[0].tunings == ()
    assert run(after, now=NOW + 10.0)[0].tunings == expected
    stale = replace(found, jobs={key: replace(item, task_id="older") for key, item in jobs.items()})
    assert run(stale)[0].tunings == ()


def test_whom_something_was_told_is_forgotten_with_the_job() -> None:
    found = known(operation("cleanup"), RUNS)
    memory = replace(QUIET, told={JOB: NOW, "gone": NOW})
    assert run(replace(found, memory=memory))[1].memory.told == {JOB: NOW}


@pytest.mark.parametrize(
    ("record", "interrupted", "state"),
    [
        pytest.param(up(0), False, StepState.RUNNING, id="runs"),
        pytest.param(down(0), True, StepState.PENDING, id="ended"),
        pytest.param(down(0, TaskState.UNREACHABLE), False, StepState.RUNNING, id="cannot be seen"),
        pytest.param(
            node(0, TaskState.STAGING, deployed="configuration-1"), False, StepState.RUNNING, id="the same task"
        ),
        pytest.param(None, True, StepState.COMPLETE, id="has left, without a record"),
    ],
)
def test_a_job_ends_with_the_node_beside_which_it_runs(
    record: NodeRecord | None, interrupted: bool, state: StepState
) -> None:
    members = (up(1), up(2)) if record is None else (record, up(1), up(2))
    after = run(known(operation("cleanup"), RUNS, nodes=members))[1].steps[KEY]
    assert after.state is state
    assert after.interruptions == int(interrupted)


@pytest.mark.parametrize("state", [StepState.PENDING, StepState.FAILED])
def test_a_node_that_has_left_is_not_waited_for(state: StepState) -> None:
    left = node(0, None, deployed=None, left=True)
    steps = {KEY: replace(RUNS, state=state, task=None)}
    after = run(replace(known(operation("cleanup"), RUNS, nodes=(left, up(1), up(2))), steps=steps))[1].steps[KEY]
    assert (after.state, after.result["message"]) == (StepState.COMPLETE, "skipped: the node has left the ring")


def test_a_job_ends_when_its_node_was_launched_anew() -> None:
    again = up(0)
    assert again.task is not None
    again = replace(again, task=replace(again.task, id="node-0__b", executor_id="node-0_executor__b"))
    after = run(known(operation("cleanup"), RUNS, nodes=(again, up(1), up(2))))[1].steps[KEY]
    assert (after.state, after.interruptions) == (StepState.PENDING, 1)


@pytest.mark.parametrize("lost_", ["operation", "id"])
def test_steps_without_their_operation_are_removed(lost_: str) -> None:
    found = known(operation("cleanup"), RUNS)
    if lost_ == "operation":
        found = replace(found, operations={})
    else:
        found = replace(found, steps={KEY: replace(RUNS, operation="older")})
    assert run(found)[1].steps == {}


# --- jobs of which nothing is heard, and those that nobody wants


def silent(word: str, updated: float, seen: float | None = None, task_id: str = JOB) -> ClusterState:
    assert RUNS.task is not None
    task = replace(RUNS.task, state=TaskState(f"TASK_{word}"), updated_at=updated)
    jobs = {} if seen is None else {KEY: JobSighting(task_id, JobProgress(), seen)}
    return known(operation("cleanup"), replace(RUNS, task=task), jobs=jobs)


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        (silent("STAGING", NOW - 29), False),
        (silent("STAGING", NOW - 30), True),
        (silent("STARTING", NOW - 30), True),
        (silent("UNREACHABLE", NOW - 30), True),
        (silent("RUNNING", NOW - 59), False),
        (silent("RUNNING", NOW - 60), True),
        (silent("RUNNING", NOW - 600, NOW - 59), False),
        (silent("RUNNING", NOW - 600, NOW - 60), True),
        (silent("RUNNING", NOW - 600, NOW, "cleanup-node-0__old"), True),
    ],
)
def test_mesos_is_asked_about_jobs_of_which_nothing_is_heard(found: ClusterState, asked: bool) -> None:
    decision, after = run(found)
    assert decision.reconcile == (Reconcile(((JOB, "S0"),)) if asked else None)
    assert run(after, now=NOW + 0.5)[0].reconcile is None


@pytest.mark.parametrize(
    ("task_id", "killed"),
    [
        ("cleanup-node-0__old", True),
        ("restore-check-node-2__x", True),
        ("upload-node-1__x", True),
        ("upload-node-7__x", False),
        ("strange-node-1__x", False),
        ("cleanup", False),
    ],
)
def test_jobs_that_nobody_waits_for_are_ended(task_id: str, killed: bool) -> None:
    memory = replace(QUIET, strays={task_id: Stray("S9", TaskState.RUNNING, NOW - 5.0)})
    decision, after = run(replace(known(operation("cleanup"), RUNS), memory=memory))
    name = task_id.partition("__")[0]
    reason = f"no step waits for the job {name} any more"
    assert decision.kills == ((Kill(task_id, "S9", 120.0, reason),) if killed else ())
    assert (after.memory.strays[task_id].killed_at == NOW) is killed
