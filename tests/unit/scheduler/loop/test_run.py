"""The loop's order: fold, decide, store, send, acknowledge, publish — and what happens when a step fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest

from bench import large
from executor.protocol import (
    Answer,
    NodeStatus,
    Question,
    StatusQuery,
    StatusReply,
    encode_message,
    encode_status,
    parse_message,
)
from scheduler.core.commands.command import Interrupt, Proceed, Refusal
from scheduler.core.cycle.decision import Accept, Ask, Decline, Kill, Reconcile
from scheduler.core.mesos.updates import Disconnected, Registered, TaskUpdate
from scheduler.core.plans.plan import Status
from scheduler.core.state import record_kinds
from scheduler.core.state.cluster import ClusterState, GarbageRecord
from scheduler.core.state.event import EntryKind
from scheduler.core.state.node import TaskState
from scheduler.errors import Exit, FatalError, NotConnectedError
from scheduler.loop.messages import (
    Asked,
    Event,
    Fatal,
    Json,
    Message,
    Noted,
    Offers,
    QuestionAsked,
    Rescinded,
    StatusAsked,
    Update,
)
from scheduler.loop.run import Loop, Sources
from scheduler.loop.snapshot import Snapshot, Unavailable
from scheduler.security.sealing import Sealer
from scheduler.security.secrets import Secrets
from scheduler.storage.port import Writes
from tests.memory_store import Memory, MemoryStore


@dataclass
class Recorder:
    """A sender that writes down what it is told to send, and with what was stored at that moment."""

    memory: Memory
    connected: bool = True
    sent: list[tuple[str, Any]] = field(default_factory=list)
    stored_when_accepted: list[set[str]] = field(default_factory=list)

    def _send(self, kind: str, what: Any) -> None:
        if not self.connected:
            raise NotConnectedError(kind)
        self.sent.append((kind, what))

    def accept(self, accept: Accept) -> None:
        self.stored_when_accepted.append(set(self.memory.records))
        self._send("accept", accept)

    def decline(self, declines: Iterable[Decline]) -> None:
        self._send("decline", tuple(declines))

    def kill(self, kill: Kill) -> None:
        self._send("kill", kill)

    def reconcile(self, reconcile: Reconcile) -> None:
        self._send("reconcile", reconcile)

    def message(self, ask: Ask, data: str) -> None:
        self._send("message", (ask, data))

    def suppress(self) -> None:
        self._send("suppress", None)

    def revive(self) -> None:
        self._send("revive", None)

    def acknowledge(self, acknowledgement: Json) -> None:
        self._send("acknowledge", acknowledgement)

    def acknowledge_operation(self, acknowledgement: Json) -> None:
        self._send("acknowledge_operation", acknowledgement)

    def teardown(self) -> None:
        self._send("teardown", None)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.sent]

    def all(self, kind: str) -> list[Any]:
        return [what for name, what in self.sent if name == kind]


@dataclass
class Bench:
    """A loop on a memory, with a clock that stands still unless moved."""

    memory: Memory
    sender: Recorder
    loop: Loop
    snapshots: list[Snapshot]

    @property
    def last(self) -> Snapshot:
        return self.snapshots[-1]

    def cycle(self, *events: Event) -> None:
        self.loop.cycle(events)


def make(
    state: ClusterState | None = None, kind: type[MemoryStore] = MemoryStore, sealer: Sealer | None = None
) -> Bench:
    memory = Memory()
    sender, numbers = Recorder(memory), count()
    snapshots: list[Snapshot] = []
    store = kind(memory)
    store.load()
    sources = Sources(now=lambda: large.NOW + 100, new_id=lambda: f"id-{next(numbers)}")
    loop = Loop(store, sender, state or large.fresh(3), sources, snapshots.append, Secrets(sealer))
    return Bench(memory, sender, loop, snapshots)


def offers(*indices: int) -> Offers:
    return Offers(tuple(large.offer(index) for index in indices))


def registered() -> Registered:
    return Registered("framework-0001")


def test_a_launch_is_stored_before_it_is_sent() -> None:
    bench = make()
    bench.cycle(registered(), offers(0))
    (accept,) = bench.sender.all("accept")
    assert accept.node == "node-0"
    assert bench.sender.stored_when_accepted == [{"nodes/node-0", "events/000000000001"}]


def test_nothing_is_sent_that_could_not_be_stored_and_the_offer_is_used_later() -> None:
    bench = make()
    bench.memory.available = False
    bench.cycle(registered(), offers(0))
    assert bench.sender.sent == []
    assert bench.snapshots == []
    bench.memory.available = True
    bench.cycle()
    assert len(bench.sender.all("accept")) == 1


def test_a_rescinded_offer_is_not_used() -> None:
    bench = make()
    bench.memory.available = False
    bench.cycle(registered(), offers(0))
    bench.memory.available = True
    bench.cycle(Rescinded("O0"))
    assert bench.sender.all("accept") == []


def test_offers_are_gone_with_the_subscription_that_brought_them() -> None:
    bench = make()
    bench.memory.available = False
    bench.cycle(registered(), offers(0))
    bench.memory.available = True
    bench.cycle(Disconnected())
    bench.cycle(registered())
    assert bench.sender.all("accept") == []


def test_an_offer_is_answered_once() -> None:
    bench = make()
    bench.cycle(registered(), offers(0, 1))
    bench.cycle()
    answered = [name for accept in bench.sender.all("accept") for name in accept.offer_ids]
    answered += [decline.offer_id for declines in bench.sender.all("decline") for decline in declines]
    assert sorted(answered) == ["O0", "O1"]


def update(bench: Bench, state: TaskState, status: NodeStatus | None = None) -> Update:
    task = bench.last.state.nodes["node-0"].task
    assert task is not None
    data = None if status is None else encode_status(status)
    event = TaskUpdate(task.id, state, "agent-0", data=data, uuid="u1")
    return Update(event, {"task_id": {"value": task.id}, "agent_id": {"value": "agent-0"}, "uuid": "u1"})


def test_an_update_is_acknowledged_after_it_is_stored() -> None:
    bench = make()
    bench.cycle(registered(), offers(0))
    bench.memory.available = False
    bench.cycle(update(bench, TaskState.RUNNING, NodeStatus(mode="JOINING")))
    assert bench.sender.all("acknowledge") == []
    bench.memory.available = True
    bench.cycle()
    assert [item["uuid"] for item in bench.sender.all("acknowledge")] == ["u1"]
    assert b'"mode": "JOINING"' in bench.memory.records["nodes/node-0"][1]


def test_an_update_whose_acknowledgement_fails_stays_stored() -> None:
    bench = make()
    bench.cycle(registered(), offers(0))
    event = update(bench, TaskState.RUNNING)
    bench.sender.connected = False
    bench.cycle(event)
    assert bench.last.state.nodes["node-0"].task is not None
    assert bench.last.state.nodes["node-0"].task.state is TaskState.RUNNING
    bench.sender.connected = True
    bench.cycle(event)  # Mesos sends it again
    assert len(bench.sender.all("acknowledge")) == 1


def test_a_send_that_fails_is_no_end_of_the_loop() -> None:
    bench = make()
    bench.sender.connected = False
    bench.cycle(registered(), offers(0))
    assert "nodes/node-0" in bench.memory.records
    assert bench.last.state.nodes["node-0"].task is not None


def test_a_command_is_answered_after_it_is_stored() -> None:
    bench = make(large.deployed(3))
    asked = Asked(Interrupt("deploy"), "somebody")
    bench.cycle(registered(), asked)
    assert asked.answer.result(0) is None
    assert "plans/deploy" in bench.memory.records
    bench.cycle(proceed := Asked(Proceed("deploy"), "somebody"))
    assert proceed.answer.result(0) is None


def test_who_has_an_answer_reads_a_snapshot_that_knows_of_it() -> None:
    bench = make(large.deployed(3))
    seen: list[bool] = []
    asked = Asked(Interrupt("deploy"), "somebody")
    asked.answer.add_done_callback(lambda _: seen.append("deploy" in bench.last.state.plans))
    bench.cycle(registered(), asked)
    assert seen == [True]


def test_a_command_that_was_not_stored_has_not_happened() -> None:
    bench = make(large.deployed(3))
    bench.cycle(registered())
    bench.memory.available = False
    before = bench.last
    asked = Asked(Interrupt("deploy"), "somebody")
    bench.cycle(asked)
    with pytest.raises(Unavailable, match="not stored"):
        asked.answer.result(0)
    assert bench.last is not before, "the loop lives and publishes"
    assert bench.last.at == before.at, "it is the state that grows old"
    bench.memory.available = True
    bench.cycle()
    assert bench.last.state.plans["deploy"].interrupted is False


def test_refused_requests_are_kept_as_events_once_they_can_be_stored() -> None:
    bench = make(large.deployed(3))
    bench.cycle(registered())
    bench.memory.available = False
    bench.cycle(Noted("3 requests were refused"))
    bench.memory.available = True
    bench.cycle()
    bench.cycle()
    kept = [entry for record in bench.last.state.journal.values() for entry in record.entries]
    assert [entry.sentence for entry in kept if entry.kind is EntryKind.ACCESS] == ["3 requests were refused"]
    assert [name for name in bench.memory.records if name.startswith("events/")]


def test_a_command_of_which_its_asker_was_told_that_it_was_not_done_is_not_done() -> None:
    bench = make(large.deployed(3))
    asked = Asked(Interrupt("deploy"), "somebody")
    assert asked.answer.cancel()
    bench.cycle(registered(), asked)
    assert bench.last.state.plans["deploy"].interrupted is False


def test_a_command_that_a_cycle_has_begun_with_cannot_be_called_off() -> None:
    asked = Asked(Interrupt("deploy"), "somebody")
    called_off: list[bool] = []

    class Impatient(MemoryStore):
        """Calls the command off while it is being stored, when an answer would come too late."""

        def commit(self, writes: Writes) -> None:
            called_off.append(asked.answer.cancel())
            super().commit(writes)

    bench = make(large.deployed(3), kind=Impatient)
    bench.cycle(registered(), asked)
    assert called_off == [False]
    assert asked.answer.result(0) is None


def test_a_live_question_whose_asker_has_gone_harms_nothing() -> None:
    bench = make(large.deployed(3))
    bench.cycle(registered(), Offers((large.offer(0),)))
    gone = [StatusAsked("node-1", "question-1"), StatusAsked("node-77", "question-2")]
    for asked in gone:
        assert asked.answer.cancel()
    bench.cycle(*gone)
    task = large.running(1).task
    assert task is not None
    bench.cycle(Message(encode_message(StatusReply("question-1", "node-1", task.id, NodeStatus(mode="NORMAL")))))
    assert bench.last.connected


def test_a_refused_command_says_why_and_changes_nothing() -> None:
    bench = make(large.deployed(3))
    bench.cycle(registered())
    before = dict(bench.memory.records)
    bench.cycle(asked := Asked(Interrupt("nonsense"), "somebody"))
    refusal = asked.answer.result(0)
    assert isinstance(refusal, Refusal)
    assert "nonsense" in refusal.message
    assert bench.memory.records == before


def test_a_live_question_gets_the_executors_answer() -> None:
    bench = make(large.deployed(3))
    bench.cycle(registered())
    asked = StatusAsked("node-1", "question-1")
    bench.cycle(asked)
    sent = [parse_message(data) for _, data in bench.sender.all("message")]
    assert StatusQuery("question-1") in sent
    task = large.running(1).task
    assert task is not None
    status = NodeStatus(mode="NORMAL", endpoint=large.address(1))
    bench.cycle(Message(encode_message(StatusReply("question-1", "node-1", task.id, status))))
    assert asked.answer.result(0) == status


def _about_node_1() -> list[str]:
    task = large.running(1).task
    assert task is not None
    status = NodeStatus(mode="LEAVING", endpoint="203.0.113.9")
    return [encode_message(StatusReply("", "node-1", task.id, status)), encode_message(Answer("q1", "node-1", task.id))]


@pytest.mark.parametrize("data", _about_node_1())
def test_an_executor_speaks_for_its_own_node_alone(data: str, caplog: pytest.LogCaptureFixture) -> None:
    bench = make(large.deployed(3))
    bench.cycle(registered())
    before = bench.last.state
    own, other = large.running(1), large.running(2)
    assert own.task is not None
    assert own.agent is not None
    assert other.task is not None
    assert other.agent is not None
    asked = QuestionAsked("node-1", Question("q1", "schema", {}))
    bench.cycle(asked)
    for sender in ((other.task.executor_id, other.agent.id), (own.task.executor_id, other.agent.id)):
        bench.cycle(Message(data, *sender))
        assert bench.last.state.nodes["node-1"] == before.nodes["node-1"]
        assert not asked.answer.done()
    assert "it is about another's task" in caplog.text
    bench.cycle(Message(data, own.task.executor_id, own.agent.id))
    assert asked.answer.done() or bench.last.state.nodes["node-1"].mode == "LEAVING"


def test_a_live_question_to_a_node_that_does_not_run_is_refused_at_once() -> None:
    bench = make()
    bench.cycle(registered())
    bench.cycle(asked := StatusAsked("node-0", "question-1"))
    with pytest.raises(Unavailable, match="node-0 does not run"):
        asked.answer.result(0)


@pytest.mark.parametrize("data", ["", "not base64!", "e30=", encode_status(NodeStatus(mode="NORMAL"))])
def test_a_message_that_nobody_understands_is_passed_over(data: str) -> None:
    bench = make(large.deployed(3))
    bench.cycle(registered(), Message(data))
    assert bench.last.connected


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"id": {"value": "x"}}, id="an id alone"),
        pytest.param({"id": 1}, id="the id is a number"),
        pytest.param(None, id="null"),
        pytest.param({**large.offer(0), "url": 5}, id="the address is a number"),
        pytest.param({**large.offer(0), "resources": [None]}, id="a resource is null"),
        pytest.param({**large.offer(0), "agent_id": {"value": "\udce9"}}, id="half of a surrogate pair"),
        pytest.param({**large.offer(0), "agent_id": {"value": "a" * 1_000_000}}, id="an endless id"),
        pytest.param(
            {**large.offer(0), "resources": [{"name": "cpus", "scalar": {"value": float("inf")}}]}, id="infinity"
        ),
    ],
)
def test_an_offer_that_cannot_be_parsed_is_declined_and_others_are_used(document: Any) -> None:
    bench = make()
    bench.cycle(registered(), Offers((document, large.offer(1))))
    assert [accept.offer_ids for accept in bench.sender.all("accept")] == [("O1",)]
    assert bench.last.problem == ""
    match document:
        case {"id": {"value": name}}:
            assert [decline.offer_id for declines in bench.sender.all("decline") for decline in declines] == [name]


def test_a_fatal_event_ends_the_loop() -> None:
    bench = make()
    with pytest.raises(FatalError) as raised:
        bench.cycle(Fatal(FatalError(Exit.REMOVED, "gone")))
    assert raised.value.code is Exit.REMOVED


def test_a_foreign_write_ends_the_loop_before_anything_is_sent() -> None:
    bench = make()
    bench.memory.records["nodes/node-0"] = (7, b"somebody else's")
    with pytest.raises(FatalError, match="nodes/node-0") as raised:
        bench.cycle(registered(), offers(0))
    assert raised.value.code is Exit.STALE
    assert bench.sender.all("accept") == []


def test_a_store_that_refuses_access_ends_the_loop_before_anything_is_sent() -> None:
    bench = make()
    bench.memory.owner = "another user"
    with pytest.raises(FatalError, match="refuses access") as raised:
        bench.cycle(registered(), offers(0))
    assert raised.value.code is Exit.UNAUTHORIZED
    assert bench.sender.all("accept") == []


def test_the_framework_id_is_stored_in_the_cycle_that_learns_it() -> None:
    state = large.fresh(3)
    bench = make(ClusterState(state.target, configurations=state.configurations))
    bench.cycle(registered())
    (content,) = (content for path, (_, content) in bench.memory.records.items() if path == record_kinds.FRAMEWORK_ID)
    assert b"framework-0001" in content


def test_the_snapshot_shows_plans_and_counts() -> None:
    bench = make()
    bench.cycle(registered(), offers(0))
    assert bench.last.plans["deploy"].status is Status.IN_PROGRESS
    assert bench.last.counters is not None
    assert bench.last.counters["launches_total"] == 1
    assert [item["node"] for item in bench.last.evaluations] == ["node-0"]


def test_the_duration_of_a_stored_cycle_is_observed() -> None:
    memory, durations = Memory(), list[float]()
    store, times = MemoryStore(memory), count(large.NOW + 100)
    store.load()
    sources = Sources(now=lambda: float(next(times)), new_id=lambda: "id")
    loop = Loop(store, Recorder(memory), large.fresh(3), sources, lambda _: None, observe=durations.append)
    loop.cycle([])
    assert durations == [1.0]
    memory.available = False
    loop.cycle([registered()])
    assert durations == [1.0]


@pytest.mark.parametrize("step", [-3600.0, 3600.0], ids=["back", "ahead"])
def test_a_jump_of_the_clock_is_no_duration_of_a_cycle(step: float) -> None:
    """A negative one would let the sum of the histogram fall, which Prometheus reads as a restart."""
    memory, durations = Memory(), list[float]()
    store, times, seconds = MemoryStore(memory), count(large.NOW + 100_000.0, step), count(10.0)
    store.load()
    sources = Sources(lambda: next(times), lambda: "id", lambda: float(next(seconds)))
    Loop(store, Recorder(memory), large.fresh(3), sources, lambda _: None, observe=durations.append).cycle([])
    (duration,) = durations
    assert 0.0 < duration < 10.0


@pytest.mark.parametrize(
    ("clock", "uptime", "later"),
    [(500.0, 1.0, 499.0), (500.0, 500.0, 0.0), (30.0, 1.0, 0.0), (-500.0, 1.0, 0.0)],
    ids=["ahead", "time passes", "a little", "back"],
)
def test_a_jump_ahead_of_the_clock_does_not_count_for_garbage(clock: float, uptime: float, later: float) -> None:
    memory, times = Memory(), {"clock": large.NOW, "uptime": 10.0}
    store = MemoryStore(memory)
    store.load()
    found = GarbageRecord("r", "agent", "host", ("v",), 1.0, 32.0, 100.0, found_at=large.NOW - 1000.0)
    state = replace(large.fresh(3), garbage={"r": found})
    snapshots: list[Snapshot] = []
    sources = Sources(lambda: times["clock"], lambda: "id", lambda: times["uptime"])
    loop = Loop(store, Recorder(memory), state, sources, snapshots.append)
    loop.cycle([])
    times["clock"] += clock
    times["uptime"] += uptime
    for _ in range(2):
        loop.cycle([])
    assert snapshots[-1].state.garbage["r"].found_at == found.found_at + later


def test_the_log_tells_of_changes_only(caplog: pytest.LogCaptureFixture) -> None:
    bench = make()
    with caplog.at_level("INFO"):
        bench.cycle(registered())
        assert [line for line in caplog.messages if line.startswith("plan deploy")] == ["plan deploy: IN_PROGRESS"]
        caplog.clear()
        bench.cycle(offers(0))
        assert any(line.startswith("launching node-0__") for line in caplog.messages)
        assert any(line.startswith("plan deploy, step node-0: STARTING: ") for line in caplog.messages)
        caplog.clear()
        bench.cycle()
        assert caplog.messages == []


def test_stopping_ends_run() -> None:
    bench = make()
    bench.loop.stop()
    bench.loop.run()
    assert bench.snapshots == []
