"""The API's port: what it says before there is anything to say, and whose answers it passes on."""

from __future__ import annotations

from itertools import count

import pytest

from bench import large
from executor.protocol import NodeStatus
from scheduler.core.commands import Interrupt, Refusal, RefusalKind
from scheduler.events import Asked, Event, StatusAsked
from scheduler.gateway import LoopGateway
from scheduler.questions import refuse
from scheduler.snapshot import Snapshot, Unavailable


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
