"""The API's port: what it says before there is anything to say, and whose answers it passes on."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import count

import pytest

from bench import large
from executor.protocol import Answer, NodeStatus
from scheduler.core.commands.command import Interrupt, Refusal, RefusalKind
from scheduler.loop.gateway import LoopGateway
from scheduler.loop.messages import Asked, Event, QuestionAsked, StatusAsked
from scheduler.loop.questions import refuse
from scheduler.loop.snapshot import QuestionRefused, Snapshot, Unavailable


def make() -> LoopGateway:
    numbers = count()
    return LoopGateway(lambda: f"question-{next(numbers)}")


def with_snapshot() -> LoopGateway:
    gateway = make()
    gateway.publish(Snapshot(large.deployed(3), {}, large.NOW, connected=True))
    return gateway


def test_before_the_first_snapshot_it_says_what_is_waited_for() -> None:
    gateway = make()
    gateway.explain("waiting for ZooKeeper at zk:2181")
    with pytest.raises(Unavailable, match="waiting for ZooKeeper at zk:2181"):
        gateway.snapshot()
    with pytest.raises(Unavailable, match="waiting for ZooKeeper at zk:2181"):
        gateway.submit(Interrupt("deploy"), "somebody")


def test_a_clock_that_jumps_is_no_loop_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = with_snapshot()  # by the wall clock, it is of another year
    assert 0.0 <= gateway.silent_seconds() < 60.0
    later = time.monotonic() + 500.0
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert gateway.silent_seconds() >= 500.0 - 60.0


@pytest.mark.parametrize("outcome", [None, Refusal(RefusalKind.UNKNOWN, "there is no such plan")])
def test_a_commands_outcome_is_passed_on(outcome: Refusal | None) -> None:
    gateway = make()

    def put(event: Event) -> None:
        assert isinstance(event, Asked)
        assert event.principal == "somebody"
        event.answer.set_result(outcome)

    gateway.open(put)
    assert gateway.submit(Interrupt("deploy"), "somebody") == outcome


def test_a_node_answers_under_the_questions_id() -> None:
    gateway = with_snapshot()
    status = NodeStatus(mode="NORMAL")

    def put(event: Event) -> None:
        assert isinstance(event, StatusAsked)
        assert (event.node, event.id) == ("node-1", "question-0")
        event.answer.set_result(status)

    gateway.open(put)
    assert gateway.ask("node-1") == status


def test_a_question_that_is_lost_is_put_again() -> None:
    gateway = with_snapshot()
    status = NodeStatus(mode="NORMAL")
    asked: list[StatusAsked] = []

    def put(event: Event) -> None:
        assert isinstance(event, StatusAsked)
        asked.append(event)
        if len(asked) == 2:
            event.answer.set_result(status)

    gateway.open(put)
    assert gateway.ask("node-1") == status
    assert asked[0] is asked[1]


def test_a_node_that_nobody_knows_is_no_question() -> None:
    gateway = with_snapshot()
    gateway.open(lambda _: pytest.fail("nothing is to be asked"))
    with pytest.raises(KeyError):
        gateway.ask("node-7")


def test_a_node_that_cannot_be_asked_is_unavailable() -> None:
    gateway = with_snapshot()

    def put(event: Event) -> None:
        assert isinstance(event, StatusAsked)
        refuse(event.answer, "node-1 does not run")

    gateway.open(put)
    with pytest.raises(Unavailable, match="node-1 does not run"):
        gateway.ask("node-1")


class Nodes:
    """Executors: what each says, and who was asked. One that is not there is silent."""

    def __init__(self, **words: Answer | Unavailable) -> None:
        self.words = {name.replace("_", "-"): word for name, word in words.items()}
        self.asked: list[str] = []

    def put(self, event: Event) -> None:
        assert isinstance(event, QuestionAsked)
        assert (event.question.subject, event.question.content) == ("backups", {"a": 1})
        self.asked.append(event.node)
        word = self.words.get(event.node)
        if isinstance(word, Unavailable):
            event.answer.set_exception(word)
        elif word is not None:
            event.answer.set_result(replace(word, id=event.question.id, node=event.node))


GOOD = Answer("", "", "", {"backups": []})
FAILED = Answer("", "", "", kind="failed", problem="connection refused")


@pytest.mark.parametrize(
    ("nodes", "asked"),
    [
        pytest.param(Nodes(node_0=GOOD), ["node-0"], id="the first"),
        pytest.param(Nodes(node_0=FAILED, node_1=GOOD), ["node-0", "node-1"], id="the first fails"),
        pytest.param(
            Nodes(node_0=Unavailable("node-0 does not run"), node_1=FAILED, node_2=GOOD),
            ["node-0", "node-1", "node-2"],
            id="only the last",
        ),
        pytest.param(Nodes(node_1=GOOD), ["node-0", "node-1"], id="the first is silent"),
    ],
)
def test_one_node_after_another_is_asked_until_one_has_the_answer(nodes: Nodes, asked: list[str]) -> None:
    gateway = with_snapshot()
    gateway.open(nodes.put)
    assert gateway.question("backups", {"a": 1}) == {"backups": []}
    assert nodes.asked == asked


@pytest.mark.parametrize("kind", ["unknown", "invalid"])
def test_a_refusal_is_final(kind: str) -> None:
    gateway = with_snapshot()
    nodes = Nodes(node_0=Answer("", "", "", kind=kind, problem="AccessDenied"), node_1=GOOD)
    gateway.open(nodes.put)
    with pytest.raises(QuestionRefused, match="AccessDenied") as raised:
        gateway.question("backups", {"a": 1})
    assert (raised.value.kind, nodes.asked) == (kind, ["node-0"])


def test_when_all_fail_the_last_one_says_why() -> None:
    gateway = with_snapshot()
    nodes = Nodes(node_0=FAILED, node_1=FAILED, node_2=FAILED)
    gateway.open(nodes.put)
    with pytest.raises(Unavailable, match="node-2 could not answer: connection refused"):
        gateway.question("backups", {"a": 1})
    assert nodes.asked == ["node-0", "node-1", "node-2"]


def test_without_a_node_that_is_up_nobody_is_asked() -> None:
    gateway = make()
    gateway.publish(Snapshot(large.fresh(3), {}, large.NOW, connected=True))
    gateway.open(lambda _: pytest.fail("nothing is to be asked"))
    with pytest.raises(Unavailable, match="no node is NORMAL"):
        gateway.question("backups", {"a": 1})


def test_each_node_is_asked_its_own_question_and_again_if_it_is_silent() -> None:
    gateway = with_snapshot()
    asked: list[tuple[str, object]] = []

    def put(event: Event) -> None:
        assert isinstance(event, QuestionAsked)
        asked.append((event.node, event.question.content["share"]))
        if event.node == "node-2":
            event.answer.set_exception(Unavailable("node-2 does not run"))
        elif event.node == "node-1" or (event.node == "node-0" and asked.count(("node-0", 0)) == 2):
            event.answer.set_result(Answer(event.question.id, event.node, "t", {"found": event.question.content}))

    gateway.open(put)
    contents = {f"node-{index}": {"share": index} for index in range(3)}
    found = gateway.question_each("restore-plan", contents, 1.0)
    assert {node: found[node] for node in ("node-0", "node-1")} == {
        node: {"found": contents[node]} for node in ("node-0", "node-1")
    }
    assert str(found["node-2"]) == "node-2 does not run"
    assert sorted(asked) == [("node-0", 0), ("node-0", 0), ("node-1", 1), ("node-2", 2)]


def test_a_node_that_stays_silent_or_fails_is_told_of() -> None:
    gateway = with_snapshot()

    def put(event: Event) -> None:
        assert isinstance(event, QuestionAsked)
        if event.node == "node-1":
            event.answer.set_result(replace(FAILED, node="node-1"))

    gateway.open(put)
    found = gateway.question_each("restore-plan", {"node-0": {}, "node-1": {}}, 0.2)
    assert {node: str(words) for node, words in found.items()} == {
        "node-0": "no answer within 0 s",
        "node-1": "connection refused",
    }
