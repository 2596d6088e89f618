"""What a decision looks like in the log and in the counters."""

from __future__ import annotations

from collections import Counter

import pytest

from bench import large
from scheduler.core.cycle.decision import Accept, Decision, Decline, Kill, Purpose
from scheduler.loop.dispatch import Dispatch
from tests.memory_store import Memory
from tests.unit.scheduler.loop.test_run import Recorder


def make(connected: bool = True) -> tuple[Dispatch, Recorder, Counter[str]]:
    counted: Counter[str] = Counter()
    sender = Recorder(Memory(), connected)
    return Dispatch(sender, lambda name, by: counted.update({name: int(by)})), sender, counted


@pytest.mark.parametrize(
    ("purpose", "kinds", "words", "counter"),
    [
        pytest.param(
            Purpose.NODE,
            ("RESERVE", "CREATE", "LAUNCH"),
            f"launching node-1__{1:032x} on {large.address(1)} with RESERVE, CREATE: offer O1 fits",
            "launches_total",
            id="first launch",
        ),
        pytest.param(
            Purpose.NODE,
            ("LAUNCH",),
            f"launching node-1__{1:032x} on {large.address(1)} on its own reservation: offer O1 fits",
            "launches_total",
            id="in place",
        ),
        pytest.param(
            Purpose.RELEASE,
            ("DESTROY", "UNRESERVE"),
            "releasing the abandoned reservation of node-1: DESTROY, UNRESERVE",
            "releases_total",
            id="release",
        ),
    ],
)
def test_an_accept_says_what_it_is(
    purpose: Purpose, kinds: tuple[str, ...], words: str, counter: str, caplog: pytest.LogCaptureFixture
) -> None:
    dispatch, sender, counted = make()
    accept = Accept(purpose, "node-1", ("O1",), tuple({"type": kind} for kind in kinds))
    with caplog.at_level("INFO"):
        dispatch.carry_out(Decision(accepts=(accept,)), large.deployed(3))
    assert sender.sent == [("accept", accept)]
    assert words in caplog.messages
    assert counted == {counter: 1}


def test_growth_is_told_and_counted_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    dispatch, sender, counted = make()
    accept = Accept(Purpose.GROW, "node-1", ("O1",), ({"type": "RESERVE"},))
    with caplog.at_level("INFO"):
        dispatch.carry_out(Decision(accepts=(accept,)), large.deployed(3))
    assert sender.sent == [("accept", accept)]
    assert caplog.messages == ["reserving more resources for node-1 on its agent"]
    assert counted == {}


def test_declines_are_counted_and_only_told_who_debugs(caplog: pytest.LogCaptureFixture) -> None:
    dispatch, _, counted = make()
    declines = (Decline("O1", "no_work: nothing is to be launched", 5.0), Decline("O2", "cpus: too few", 60.0))
    with caplog.at_level("INFO"):
        dispatch.carry_out(Decision(declines=declines), large.deployed(3))
    assert caplog.messages == []
    assert counted == {"declines_total": 2, "declined no_work": 1, "declined cpus": 1}


def test_what_cannot_be_sent_is_told_and_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    dispatch, _, counted = make(connected=False)
    dispatch.carry_out(Decision(kills=(Kill("t", "S1", 5.0, "a stray"),)), large.deployed(3))
    assert "kill" in caplog.text
    assert not counted


def test_acknowledgements_end_with_the_first_that_fails_and_are_not_tried_again() -> None:
    dispatch, sender, _ = make(connected=False)
    dispatch.acknowledge_later({"uuid": "u1"})
    dispatch.acknowledge_operation_later({"uuid": "u2"})
    dispatch.acknowledge_later(None)
    dispatch.acknowledge()
    sender.connected = True
    dispatch.acknowledge()
    assert sender.sent == []


def test_what_came_with_a_subscription_that_is_gone_is_not_acknowledged() -> None:
    dispatch, sender, _ = make()
    dispatch.acknowledge_later({"uuid": "u1"})
    dispatch.forget()
    dispatch.acknowledge()
    assert sender.sent == []
