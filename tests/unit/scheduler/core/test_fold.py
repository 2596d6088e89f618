"""What an update does to a node: state recorded, state told, and what comes of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest

from executor.figures import Figures
from executor.protocol import StatusReply, encode_status
from scheduler.core.fold import REFUSALS, STRAYS, fold_updates
from scheduler.core.mesos.offer_operations import UNRESERVE, release_id
from scheduler.core.mesos.updates import (
    Disconnected,
    Event,
    ExecutorEnded,
    ExecutorWords,
    OperationUpdate,
    Registered,
    TaskUpdate,
    parse_operation_update,
    parse_task_update,
)
from scheduler.core.state.cluster import Asked, ClusterState, Reconciliation
from scheduler.core.state.lifecycle import ENDED, FINAL, LIVE, UNSEEN, delay_after, may_live
from scheduler.core.state.node import Failures, NodeRecord, TaskState
from tests.unit.scheduler.core.samples import node, state, status, up

S = TaskState


def update(told: TaskState, index: int = 0, **changes: Any) -> TaskUpdate:
    return replace(TaskUpdate(f"node-{index}__a", told, agent_id=f"S{index}"), **changes)


def fold(record: NodeRecord, *events: Event, now: float = 200.0) -> NodeRecord:
    return fold_updates(state(record), events, now).nodes[record.name]


def told_state(record: NodeRecord) -> TaskState:
    assert record.task is not None
    return record.task.state


def test_every_state_is_either_alive_unseen_or_over() -> None:
    assert set(TaskState) == LIVE | UNSEEN | ENDED
    assert not LIVE & UNSEEN
    assert not (LIVE | UNSEEN) & ENDED


FORWARD = [S.STAGING, S.STARTING, S.RUNNING, S.KILLING]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(TaskState, TaskState)))
def test_which_word_is_believed(before: TaskState, after: TaskState) -> None:
    found = told_state(fold(node(0, before), update(after)))
    if before is after or before in FINAL:
        expected = after if after is S.GONE_BY_OPERATOR else before
    elif before in ENDED:
        expected = after if after in LIVE or after is S.GONE_BY_OPERATOR else before
    elif before in LIVE and after in LIVE:
        expected = max(before, after, key=FORWARD.index)
    else:
        expected = after
    assert found is expected


@pytest.mark.parametrize(
    ("told", "count"),
    [
        (S.FAILED, 1),
        (S.FINISHED, 1),
        (S.ERROR, 1),
        (S.DROPPED, 1),
        (S.KILLED, 0),
        (S.LOST, 0),
        (S.GONE, 0),
        (S.GONE_BY_OPERATOR, 0),
        (S.UNREACHABLE, 0),
        (S.UNKNOWN, 0),
        (S.KILLING, 0),
    ],
)
def test_which_ends_count_as_failures(told: TaskState, count: int) -> None:
    after = fold(up(), update(told, message="words"))
    assert after.failures.count == count
    assert after.failures.message == ("words" if count else "")
    assert after.mode == ("NORMAL" if may_live(after) else "UNKNOWN")
    assert after.deployed is not None, "a fact is never taken back"


@pytest.mark.parametrize(
    ("before", "delay", "count"),
    [(0, 0, 1), (1, 5, 2), (2, 10, 3), (3, 20, 4), (4, 40, 5), (9, 300, 10), (99, 300, 100)],
)
def test_failures_in_a_row_wait_longer_and_longer(before: int, delay: float, count: int) -> None:
    after = fold(node(0, failures=Failures(before)), update(S.FAILED))
    assert after.failures == Failures(count, 200.0 + delay, "TASK_FAILED")
    assert delay_after(count) == delay


def test_a_dropped_launch_slows_down_but_never_gives_up() -> None:
    record = node(0, S.STAGING)
    for _ in range(10):
        record = fold(replace(record, task=node(0, S.STAGING).task), update(S.DROPPED))
    assert record.failures.count == 4
    assert fold(node(0, S.STAGING, failures=Failures(5)), update(S.DROPPED)).failures.count == 5


def test_the_same_update_again_changes_nothing() -> None:
    record = fold(node(), update(S.FAILED))
    assert fold(record, update(S.FAILED), update(S.FAILED), now=900.0) is record


@pytest.mark.parametrize(("told", "seen"), [(S.STARTING, True), (S.RUNNING, True), (S.FAILED, True), (S.KILLED, True),
                                            (S.ERROR, False), (S.DROPPED, False), (S.LOST, False), (S.GONE, False),
                                            (S.UNREACHABLE, False)])  # fmt: skip
def test_which_words_show_that_the_reservation_exists(told: TaskState, seen: bool) -> None:
    record = node(0, S.STAGING)
    assert record.reservation is not None
    record = replace(record, reservation=replace(record.reservation, seen=False))
    after = fold(record, update(told)).reservation
    assert after is not None
    assert after.seen is seen


def test_status_data_is_learned_and_seen() -> None:
    data = encode_status(status("JOINING", host_id="h9", endpoint="10.0.0.9"))
    after = fold_updates(state(node()), [update(S.RUNNING, data=data)], 200.0)
    record = after.nodes["node-0"]
    assert (record.mode, record.host_id, record.address) == ("JOINING", "h9", "10.0.0.9")
    assert after.sightings["node-0"].at == 200.0


def test_what_was_known_stays_while_it_is_not_said() -> None:
    after = fold(up(), update(S.RUNNING, data=encode_status(status("STARTING", host_id=None, endpoint=None))))
    assert (after.mode, after.host_id, after.address) == ("STARTING", "h0", "127.0.0.2")


@pytest.mark.parametrize("word", ["10.0.0.9\n[ssl]", "10.0.0.9'", "10.0.0.9 -", "", "a" * 254, "١٠"])
def test_an_address_that_is_none_is_not_taken(word: str) -> None:
    """It would be in other nodes' seeds, so that none of them starts, and in the files of clients."""
    told = status(host_id="h0", endpoint=word)
    for event in (update(S.RUNNING, data=encode_status(told)), StatusReply("", "node-0", "node-0__a", told)):
        after = fold_updates(state(up()), [event], 200.0)
        assert after.nodes["node-0"].address == "127.0.0.2"
        assert after.sightings["node-0"].status.endpoint in (None, "")
        assert after.sightings["node-0"].at == 200.0


def test_a_record_is_not_touched_by_news_that_are_none() -> None:
    before = state(up())
    data = encode_status(status(live=("10.0.0.1",), endpoint="127.0.0.2", host_id="h0"))
    after = fold_updates(before, [update(S.RUNNING, data=data)], 200.0)
    assert after.nodes["node-0"] is before.nodes["node-0"]
    assert after.sightings["node-0"].status.live == ("10.0.0.1",)


def test_data_that_cannot_be_read_does_not_hide_the_state() -> None:
    assert told_state(fold(node(0, S.STAGING), update(S.RUNNING, data="!"))) is S.RUNNING


def test_the_last_words_are_the_executors_error_and_short() -> None:
    data = encode_status(status("UNKNOWN", error="x" * 5000 + " OutOfMemoryError"))
    message = fold(node(), update(S.FAILED, message="exit 3", data=data)).failures.message
    assert message.endswith("OutOfMemoryError")
    assert len(message.encode()) <= 900


def test_a_message_of_wide_letters_is_short_too() -> None:
    message = fold(node(), update(S.FAILED, message="é" * 5000)).failures.message
    assert len(message.encode()) <= 900


def test_the_end_takes_the_sighting_away() -> None:
    after = fold_updates(replace(state(up())), [update(S.FAILED)], 200.0)
    assert "node-0" not in after.sightings


TERMINATED: dict[str, Any] = {
    "reason": "REASON_EXECUTOR_TERMINATED",
    "message": "Executor terminated",
    "source": "SOURCE_AGENT",
}


@pytest.mark.parametrize("first", [True, False], ids=["before the task's end", "after it"])
@pytest.mark.parametrize(
    ("status", "words"),
    [(768, "its executor ended with exit code 3"), (9, "its executor ended by signal 9"), (0, ""), (-1, "not know")],
)
def test_how_the_executor_ended_is_told_with_its_task(first: bool, status: int, words: str) -> None:
    record = node(0)
    assert record.task is not None
    ended = ExecutorEnded(record.task.executor_id, status)
    failed = update(TaskState.FAILED, **TERMINATED)
    after = fold(record, *((ended, failed) if first else (failed, ended)))
    assert words in after.failures.message
    assert after.failures.message.startswith("Executor terminated")
    assert (after.failures.message == "Executor terminated") == (words == "")


def test_what_was_read_of_the_sandbox_is_told_once() -> None:
    record = node(0)
    assert record.task is not None
    words = ExecutorWords(record.task.id, "its last words: no python3.11")
    after = fold(record, update(TaskState.FAILED, **TERMINATED), words, words)
    assert after.failures.message == "Executor terminated\nits last words: no python3.11"
    assert fold(record, words) == record
    assert fold(record, ExecutorWords("node-0__other", "words")) == record


def test_a_task_that_was_ended_does_not_tell_how_its_executor_did() -> None:
    record = node(0)
    assert record.task is not None
    after = fold(record, update(TaskState.KILLED), ExecutorEnded(record.task.executor_id, 9))
    assert (after.failures.count, after.failures.message) == (0, "")


@pytest.mark.parametrize("order", [1, -1])
def test_a_refused_operation_is_kept_beside_the_launchs_own_message(order: int) -> None:
    events: list[OperationUpdate | TaskUpdate] = [
        OperationUpdate("reserve.node-0__a", "OPERATION_ERROR", "wrong principal"),
        update(S.ERROR, message="not enough resources"),
    ]
    after = fold(node(0, S.STAGING), *events[::order])
    assert "reserve refused: wrong principal" in after.failures.message
    assert "not enough resources" in after.failures.message


@pytest.mark.parametrize(
    "event",
    [
        OperationUpdate("reserve.node-0__a", "OPERATION_FINISHED"),
        OperationUpdate("reserve.node-0__old", "OPERATION_ERROR", "x"),
        OperationUpdate("strange", "OPERATION_ERROR", "x"),
    ],
)
def test_other_operations_change_nothing(event: OperationUpdate) -> None:
    record = node(0, S.STAGING)
    assert fold(record, event) is record


@pytest.mark.parametrize("before", [S.UNREACHABLE, S.UNKNOWN])
def test_an_executor_that_answers_shows_that_its_task_lives(before: TaskState) -> None:
    after = fold(node(0, before), StatusReply("", "node-0", "node-0__a", status()))
    assert told_state(after) is S.RUNNING
    assert after.mode == "NORMAL"


def test_an_answer_ends_the_waiting_for_it() -> None:
    before = state(up())
    before = replace(before, memory=replace(before.memory, asked={"node-0": Asked(190.0, unanswered=3)}))
    after = fold_updates(before, [StatusReply("", "node-0", "node-0__a", status())], 200.0)
    assert after.memory.asked["node-0"] == Asked(190.0)


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(StatusReply("", "node-0", "node-0__old", status("JOINING")), id="answer of an old task"),
        pytest.param(update(S.FAILED, task_id="node-0__old"), id="end of an old task"),
        pytest.param(update(S.FAILED, task_id="stranger"), id="end of a stranger"),
        pytest.param(update(S.UNKNOWN, task_id="node-7__x"), id="unknown word of a stranger"),
    ],
)
def test_words_about_other_tasks_change_no_record(event: TaskUpdate | StatusReply) -> None:
    before = state(up())
    after = fold_updates(before, [event], 200.0)
    assert after.nodes == before.nodes
    assert after.memory.strays == {}


@pytest.mark.parametrize("told", [TaskState.FAILED, TaskState.KILLING, TaskState.GONE_BY_OPERATOR])
def test_another_agent_says_nothing_about_a_task(told: TaskState) -> None:
    record = up(0)
    assert record.agent is not None
    assert fold(record, update(told, agent_id="another")) is record
    assert told_state(fold(record, update(told, agent_id=record.agent.id))) is told
    assert told_state(fold(record, update(told, agent_id=None))) is told


def test_a_live_task_that_is_not_recorded_is_remembered_until_it_ends() -> None:
    before = state(up())
    stray = update(S.RUNNING, task_id="node-0__old")
    after = fold_updates(before, [stray], 200.0)
    assert after.memory.strays["node-0__old"].seen_at == 200.0
    later = fold_updates(after, [stray], 300.0)
    assert later.memory.strays["node-0__old"].seen_at == 200.0
    assert fold_updates(later, [update(S.KILLED, task_id="node-0__old")], 300.0).memory.strays == {}


def test_names_that_an_agent_makes_up_take_no_more_memory() -> None:
    tasks = [TaskUpdate(f"made-up__{number}", S.RUNNING, agent_id="S0") for number in range(STRAYS + 5)]
    released = [
        OperationUpdate(release_id(UNRESERVE, f"r-{number}", "1"), "OPERATION_FAILED") for number in range(REFUSALS + 5)
    ]
    memory = fold_updates(state(up(0)), [*tasks, *released], 200.0).memory
    assert (len(memory.strays), len(memory.refused)) == (STRAYS, REFUSALS)
    after = fold_updates(state(up(0)), [*tasks, replace(tasks[0], state=S.FINISHED), tasks[-1]], 200.0).memory
    assert tasks[-1].task_id in after.strays


def test_registration_begins_reconciliation_anew() -> None:
    before = state(up(0), up(1), node(2, S.FAILED), replace(node(3), task=None), suppressed=True, registered=False)
    after = fold_updates(before, [Registered("framework-2")], 200.0)
    assert after.registered
    assert after.framework_id == "framework-2"
    assert not after.suppressed
    assert after.reconciliation == Reconciliation(frozenset({"node-0", "node-1"}), True, 0, 200.0, 200.0)


@pytest.mark.parametrize(
    "event",
    [
        update(S.RUNNING, reason="REASON_RECONCILIATION"),
        update(S.UNREACHABLE, reason="REASON_RECONCILIATION"),
        update(S.UNKNOWN, reason="REASON_RECONCILIATION"),
        update(S.GONE, reason="REASON_RECONCILIATION"),
        update(S.FAILED),
        StatusReply("", "node-0", "node-0__a", status()),
    ],
)
def test_any_word_on_the_newest_task_answers_reconciliation(event: TaskUpdate | StatusReply) -> None:
    before = fold_updates(state(up(0), up(1)), [Registered("f")], 200.0)
    after = fold_updates(before, [event], 201.0)
    assert after.reconciliation.pending == {"node-1"}


def test_losing_the_connection_is_known() -> None:
    assert not fold_updates(state(), [Disconnected()], 200.0).registered


def test_events_count_in_their_order() -> None:
    batch = [update(S.UNREACHABLE), update(S.RUNNING), update(S.FAILED, message="x"), update(S.RUNNING)]
    assert told_state(fold(up(), *batch)) is S.FAILED


def test_mesos_json_is_read() -> None:
    document = {
        "task_id": {"value": "t"}, "state": "TASK_RUNNING", "agent_id": {"value": "S"}, "reason": "R", "source": "X",
        "message": "m", "data": "d", "uuid": "u", "timestamp": 1.5, "healthy": True,
    }  # fmt: skip
    assert parse_task_update(document) == TaskUpdate("t", S.RUNNING, "S", "R", "X", "m", "d", "u", 1.5)
    assert parse_task_update({"task_id": {"value": "t"}, "state": "TASK_LOST"}) == TaskUpdate("t", S.LOST)
    operation = {"operation_id": {"value": "o"}, "state": "OPERATION_ERROR", "message": "m"}
    assert parse_operation_update(operation) == OperationUpdate("o", "OPERATION_ERROR", "m")
    assert parse_operation_update({"state": "OPERATION_FINISHED"}) is None


def test_unknown_words_of_mesos_raise() -> None:
    with pytest.raises(ValueError, match="TASK_NEW"):
        parse_task_update({"task_id": {"value": "t"}, "state": "TASK_NEW"})


def test_a_fold_of_nothing_is_nothing() -> None:
    before: ClusterState = state(up())
    assert fold_updates(before, [], 200.0) == before


class TestFigures:
    """They come with replies alone, and stay until the node's next task."""

    def reply(self, figures: Figures | None, mode: str = "NORMAL") -> StatusReply:
        return StatusReply("", "node-0", "node-0__a", status(mode, figures=figures))

    def test_a_status_without_them_keeps_them(self) -> None:
        first = fold_updates(state(up()), [self.reply(Figures(owns=0.5))], 10.0)
        after = fold_updates(first, [self.reply(None, "DRAINING")], 20.0)
        seen = after.sightings["node-0"]
        assert (seen.status.mode, seen.at, seen.figures, seen.figures_at) == ("DRAINING", 20.0, Figures(owns=0.5), 10.0)

    @pytest.mark.parametrize("figures", [Figures(owns=float("inf")), Figures(dropped={"x" * 1000: 1})])
    def test_figures_that_cannot_be_shown_are_not_kept(self, figures: Figures) -> None:
        first = fold_updates(state(up()), [self.reply(Figures(owns=0.5))], 10.0)
        assert fold_updates(first, [self.reply(figures)], 20.0).sightings["node-0"].figures == Figures(owns=0.5)

    def test_no_record_grows_by_them(self) -> None:
        before = fold_updates(state(up()), [self.reply(None)], 10.0)
        after = fold_updates(before, [self.reply(Figures(owns=0.5))], 10.0)
        assert after.nodes == before.nodes

    def test_another_task_has_none(self) -> None:
        first = fold_updates(state(up()), [self.reply(Figures(owns=0.5))], 10.0)
        task = first.nodes["node-0"].known_task
        nodes = {"node-0": replace(first.nodes["node-0"], task=replace(task, id="node-0__b"))}
        update = StatusReply("", "node-0", "node-0__b", status())
        assert fold_updates(replace(first, nodes=nodes), [update], 20.0).sightings["node-0"].figures is None
