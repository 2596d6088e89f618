"""What is kept of what happened: found in the records, numbered, bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from scheduler.core.commands.command import Interrupt, RestartNodes, StartOperation
from scheduler.core.cycle.decision import Accept, Decision, Kill, Purpose
from scheduler.core.events.commands import Outcome
from scheduler.core.events.log import (
    CAUSE_LIMIT,
    KEPT,
    NODE_KEPT,
    RECORD_BYTES,
    add_entries,
    entries_after,
    journal,
    newest_sequence,
    sequence_before,
    start_entries,
)
from scheduler.core.events.maintenance import operation_entries
from scheduler.core.state import codec, record_kinds
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import Entry, EntryKind
from scheduler.core.state.node import Failures, Intent, IntentKind, NodeRecord, Place, TaskRecord, TaskState
from scheduler.core.state.operation import OperationState
from tests.unit.scheduler.core.samples import down, operation, up
from tests.unit.scheduler.core.samples import state as make_state

NOW = 1000.0


def entry(sentence: str = "something happened", at: float = NOW) -> Entry:
    return Entry(0, at, EntryKind.COMMAND, sentence)


def found(before: ClusterState, after: ClusterState, *outcomes: Outcome, decision: Decision | None = None) -> list[str]:
    told = journal(before, after, after, decision or Decision(), outcomes, NOW)
    return [f"{item.kind.value}: {item.sentence}" for item in entries_after(told, newest_sequence(before), KEPT)]


def with_node(state: ClusterState, node: NodeRecord) -> ClusterState:
    return replace(state, nodes={**state.nodes, node.name: node})


def task_of(node: NodeRecord) -> TaskRecord:
    assert node.task is not None
    return node.task


NODE = up(1)
STATE = make_state(up(0), NODE)
INTENT = Intent(IntentKind.RESTART, NOW, task_of(NODE).id, "requested by an operator", "alice")
CASES: list[tuple[NodeRecord, list[str]]] = [
    (NODE, []),
    (
        replace(NODE, task=replace(task_of(NODE), state=TaskState.FAILED, message="killed"), mode="UNKNOWN"),
        ["ENDED: node-1: the task node-1__a ended with TASK_FAILED"],
    ),
    (
        replace(NODE, task=replace(task_of(NODE), state=TaskState.UNREACHABLE)),
        [
            "UNREACHABLE: node-1: Mesos cannot see the task node-1__a (TASK_UNREACHABLE); it may live, so the "
            "scheduler waits for it"
        ],
    ),
    (replace(NODE, mode="DRAINED"), ["DOWN: node-1: it is down: Cassandra is DRAINED"]),
    (replace(NODE, intent=INTENT), ["INTENT: node-1: the restart is stored and waits for its turn"]),
    (
        replace(NODE, intent=replace(INTENT, begun_at=NOW)),
        ["INTENT: node-1: the restart is stored and waits for its turn", "INTENT: node-1: the restart begins"],
    ),
    (
        replace(
            NODE,
            task=replace(task_of(NODE), state=TaskState.FAILED),
            mode="UNKNOWN",
            failures=Failures(5, NOW, "no space left on device"),
        ),
        [
            "ENDED: node-1: the task node-1__a ended with TASK_FAILED",
            "GAVE_UP: node-1: it failed 5 times in a row and waits for an operator to restart its step",
        ],
    ),
]


@pytest.mark.parametrize(("node", "expected"), CASES)
def test_what_became_of_a_node(node: NodeRecord, expected: list[str]) -> None:
    assert found(STATE, with_node(STATE, node)) == expected


def test_an_agent_that_is_gone_ends_no_task_twice() -> None:
    ended = replace(NODE, task=replace(task_of(NODE), state=TaskState.FAILED), mode="UNKNOWN")
    gone = replace(ended, task=replace(task_of(ended), state=TaskState.GONE_BY_OPERATOR))
    words = "Mesos reports TASK_GONE_BY_OPERATOR of the task node-1__a, which had ended before"
    assert found(with_node(STATE, ended), with_node(STATE, gone)) == [f"ENDED: node-1: {words}"]


BEGUN = replace(INTENT, begun_at=NOW)
PAUSED = replace(BEGUN, kind=IntentKind.PAUSE)
REPLACED = replace(BEGUN, kind=IntentKind.REPLACE)
NEXT = replace(NODE, task=replace(task_of(NODE), id="node-1__next"))


@pytest.mark.parametrize(
    ("intent", "after", "words"),
    [
        (INTENT, NODE, "the restart is cancelled"),
        (BEGUN, NEXT, "the restart is done"),
        (BEGUN, replace(NODE, intent=replace(REPLACED, requested_at=NOW + 1)), "the restart gives way to the repl"),
        (INTENT, replace(NODE, intent=replace(PAUSED, requested_at=NOW + 1)), "the restart gives way to the pause"),
        (PAUSED, replace(NODE, intent=replace(BEGUN, requested_at=NOW + 1)), "the pause is done"),
        (PAUSED, replace(NODE, intent=replace(REPLACED, requested_at=NOW + 1)), "the pause gives way to the repl"),
        (REPLACED, NODE, "the replacement is cancelled"),
        (REPLACED, NEXT, "the replacement is done"),
    ],
)
def test_how_an_intent_ended(intent: Intent, after: NodeRecord, words: str) -> None:
    """A replacement that was cancelled after it had begun was said to be done, as was what gave way to it."""
    told = found(with_node(STATE, replace(NODE, intent=intent)), with_node(STATE, after))
    assert any(line.startswith(f"INTENT: node-1: {words}") for line in told), told


def test_a_place_that_a_node_takes_back_is_not_reserved_anew() -> None:
    """Either its launch was given up, or its replacement is cancelled."""
    assert NODE.agent is not None
    assert NODE.reservation is not None
    place = Place(NODE.agent, NODE.reservation, NODE.rack)
    out = replace(NODE, agent=None, reservation=None, given_up=place)
    told = found(with_node(STATE, out), with_node(STATE, NODE))
    assert told == ["RESERVED: node-1: it has its place on 127.0.0.3 again, with the volume volume-1"]


def test_a_node_that_is_down_says_why() -> None:
    seen = STATE.sightings["node-1"]
    sightings = {**STATE.sightings, "node-1": replace(seen, status=replace(seen.status, error="No space left"))}
    isolated = replace(with_node(STATE, replace(NODE, mode="ISOLATED")), sightings=sightings)
    (entry,) = entries_after(journal(STATE, isolated, isolated, Decision(), (), NOW), 0, KEPT)
    assert (entry.kind, entry.cause) == (EntryKind.DOWN, "No space left")


def test_a_launch_says_why() -> None:
    ended = down(1)
    launched = replace(ended, task=replace(task_of(ended), id="node-1__other", state=TaskState.STAGING))
    told = journal(with_node(STATE, ended), with_node(STATE, ended), with_node(STATE, launched), Decision(), (), NOW)
    (entry,) = entries_after(told, 0, KEPT)
    assert entry.sentence == "node-1: the task node-1__other is launched on 127.0.0.3"
    assert entry.cause == "node-1__a ended with TASK_FAILED"


def test_an_end_and_the_launch_after_it_in_one_cycle() -> None:
    ended = replace(NODE, task=replace(task_of(NODE), state=TaskState.KILLED, message="shut down"), mode="UNKNOWN")
    launched = replace(ended, task=replace(task_of(ended), id="node-1__other", state=TaskState.STAGING))
    told = journal(STATE, with_node(STATE, ended), with_node(STATE, launched), Decision(), (), NOW)
    first, second = entries_after(told, 0, KEPT)
    assert (first.kind, first.cause) == (EntryKind.ENDED, "shut down")
    assert (second.kind, second.cause) == (EntryKind.LAUNCHED, "node-1__a ended with TASK_KILLED: shut down")


def test_a_node_that_comes_up_again_and_one_that_is_no_more() -> None:
    down = with_node(STATE, replace(NODE, mode="STARTING"))
    assert found(down, STATE) == ["UP: node-1: it is up again: Cassandra is NORMAL"]
    alone = replace(STATE, nodes={"node-0": STATE.nodes["node-0"]})
    assert found(STATE, alone) == ["LEFT: node-1: it has left for good: its record is removed"]


def test_who_asked_for_what_without_what_may_be_secret() -> None:
    start = StartOperation("backup", "b1", ("node-0",), {"s3_secret_key": "hidden"}, "alice", sealed="hidden")
    interrupted = Outcome(Interrupt("deploy"), "bob", "the disks are slow")
    told = journal(STATE, STATE, STATE, Decision(), [Outcome(start, "alice"), interrupted], NOW)
    first, second = entries_after(told, 0, KEPT)
    assert first.sentence == "alice asked to start operation (plan backup, id b1, nodes node-0)"
    assert (second.sentence, second.principal) == ("bob asked to interrupt (plan deploy)", "bob")
    assert (first.cause, second.cause) == ("", "the disks are slow")
    assert "hidden" not in repr(told.journal)
    restart = Outcome(RestartNodes(("node-0", "node-1"), "alice", forced=True, by_rack=True), "alice")
    (asked,) = found(STATE, STATE, restart)
    assert asked == "COMMAND: alice asked to restart nodes (nodes node-0, node-1, forced yes, by rack yes)"


def test_a_task_that_is_told_again_is_no_news() -> None:
    kill = Kill("node-1__a", "agent-1", 60.0, "the restart of node-1")
    decision = Decision(kills=(kill,))
    assert found(STATE, STATE, decision=decision) == ["KILLED: the task node-1__a is killed, with 60 s of grace"]
    told = replace(STATE, memory=replace(STATE.memory, told={kill.task_id: NOW}))
    assert found(told, told, decision=decision) == []


@pytest.mark.parametrize(
    ("purpose", "kinds", "expected"),
    [
        (Purpose.NODE, ("LAUNCH",), []),
        (Purpose.GROW, ("RESERVE",), ["RESERVED: node-1: additional resources are reserved for it on its agent"]),
        (
            Purpose.RELEASE,
            ("DESTROY", "UNRESERVE"),
            ["RELEASED: node-1: its abandoned reservation is released: DESTROY, UNRESERVE"],
        ),
    ],
)
def test_what_offers_were_taken_for(purpose: Purpose, kinds: tuple[str, ...], expected: list[str]) -> None:
    accept = Accept(purpose, "node-1", ("offer",), tuple({"type": kind} for kind in kinds))
    assert found(STATE, STATE, decision=Decision(accepts=(accept,))) == expected


def test_mesos_and_the_target() -> None:
    away = replace(STATE, registered=False)
    assert found(STATE, away)[0].startswith("MASTER: the connection to Mesos is lost")
    assert found(away, STATE) == ["MASTER: Mesos subscribed the scheduler as framework framework-1"]
    other = replace(STATE, target=replace(STATE.target, id="other"))
    (changed,) = found(STATE, other)
    assert changed.startswith("CONFIGURATION: the configuration other is the target now; before it was")


def test_nothing_happened_nothing_is_written() -> None:
    assert journal(STATE, STATE, STATE, Decision(), (), NOW) is STATE


def test_numbers_go_on_where_they_were_loaded() -> None:
    state = add_entries(STATE, [entry() for _ in range(100)])
    contents = {record_kinds.path_of(record): codec.encode_record(record) for record in state.journal.values()}
    loaded = codec.load({**contents, **target_of(STATE)})
    again = add_entries(replace(STATE, journal=loaded.journal), [entry("one more")])
    assert [item.sequence for item in entries_after(again, 99, KEPT)] == [100, 101]
    assert newest_sequence(again) == 101
    # Of the records that were there only the newest is written again.
    assert len(codec.changes(replace(STATE, journal=loaded.journal), again)) == 1


def target_of(state: ClusterState) -> dict[str, bytes]:
    return {
        record_kinds.path_of(state.target): codec.encode_record(state.target),
        record_kinds.TARGET: codec.encode_record(record_kinds.Target(state.target.id)),
    }


def test_it_is_bounded_in_number_and_in_size() -> None:
    state = STATE
    for number in range(3 * KEPT):
        state = add_entries(state, [replace(entry("x" * 5000), cause="ä" * 5000, at=NOW + number)])
    kept = entries_after(state, 0, 10 * KEPT)
    assert KEPT - 40 < len(kept) <= KEPT
    assert kept[-1].sequence == 3 * KEPT
    assert all(len(codec.encode_record(record)) < 2 * RECORD_BYTES for record in state.journal.values())
    assert all(len(item.cause.encode()) <= CAUSE_LIMIT for item in kept)
    assert sequence_before(state, NOW + 3 * KEPT - 1) == 3 * KEPT - 1
    assert sequence_before(state, 0) == 0


def test_the_newest_are_read_with_the_oldest() -> None:
    """More than a reader asks for were kept, so that the newest were in no answer."""
    state = STATE
    for number in range(KEPT + 60):
        state = add_entries(state, [entry(at=NOW + number)])
        kept = entries_after(state, 0, KEPT)
        assert (len(kept) >= min(number + 1, KEPT - 40), kept[-1].sequence) == (True, number + 1)


def of(node: str, number: int) -> Entry:
    return Entry(0, NOW + number, EntryKind.DOWN, f"{node}: it is down: number {number}", node=node)


@pytest.mark.parametrize(
    ("others", "noise", "kept"),
    [
        # Each line: what the others tell, how often node-9 tells its own after each, and what is kept of the others.
        pytest.param([of("node-1", 1)], 5 * KEPT, 1, id="one event of another node"),
        pytest.param([of("", 1)], 5 * KEPT, 1, id="one event of the cluster"),
        pytest.param([of(f"node-{number}", number) for number in range(8)], KEPT, 8, id="one event of each node"),
        pytest.param([of("", number) for number in range(700)], 3, 700, id="mixed with the noise"),
        pytest.param([of("node-1", number) for number in range(240)], 30, 240, id="rare among the noise"),
        pytest.param([of("", number) for number in range(5 * KEPT)], 1, KEPT - NODE_KEPT - 40, id="as many"),
    ],
)
def test_one_node_cannot_push_out_the_events_of_others(others: list[Entry], noise: int, kept: int) -> None:
    state = STATE
    for number, one in enumerate(others):
        state = add_entries(state, [one, *(of("node-9", number * noise + turn) for turn in range(noise))])
    found = entries_after(state, 0, 10 * KEPT)
    assert len(found) <= KEPT
    assert len([item for item in found if item.node != "node-9"]) >= kept
    assert len([item for item in found if item.node == "node-9"]) >= min(NODE_KEPT, noise) - 1
    assert [item.sequence for item in found] == sorted({item.sequence for item in found})
    # Of each subject the newest are kept.
    for node in {item.node for item in others}:
        told, left = ([item.sentence for item in told if item.node == node] for told in (others, found))
        assert told[-len(left) :] == left


def test_a_flapping_node_writes_little() -> None:
    state = add_entries(STATE, [of(f"node-{number % 7}", number) for number in range(KEPT)])
    written, most = 0, 0
    for number in range(KEPT):
        other = add_entries(state, [of("node-9", number)])
        written += (changes := len(codec.changes(state, other)))
        most = max(most, changes)
        state = other
    assert written < 2 * KEPT
    assert most < 80
    assert len(state.journal) < 80


def test_a_bounded_log_is_loaded_as_it_was() -> None:
    state = STATE
    for number in range(2 * KEPT):
        state = add_entries(state, [of("node-9" if number % 5 else "node-1", number)])
    contents = {record_kinds.path_of(record): codec.encode_record(record) for record in state.journal.values()}
    loaded = codec.load({**contents, **target_of(STATE)})
    assert loaded.journal == state.journal
    assert list(loaded.journal) == list(state.journal) == sorted(state.journal)
    assert newest_sequence(replace(STATE, journal=loaded.journal)) == 2 * KEPT


def test_what_a_start_tells() -> None:
    refused = replace(STATE, configuration_errors=("The configured name can not be changed.",))
    first, second = start_entries(refused, "1.2", NOW)
    assert first.sentence == "a scheduler of version 1.2 starts"
    assert second.cause == "The configured name can not be changed."


def test_who_had_an_operation_stopped_is_told() -> None:
    for by, words in (("alice", "as requested by alice"), ("the scheduler", "because NODES includes its node again")):
        begun = operation("decommission")
        stopping = replace(begun, state=OperationState.STOPPING, stopped_by=by)
        one, other = (replace(make_state(), operations={"decommission": found}) for found in (begun, stopping))
        (entry,) = operation_entries(one, other, 5.0)
        assert entry.sentence.endswith(f"is being stopped, {words}")
        assert entry.principal == by
