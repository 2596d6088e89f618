"""The status update manager: order, retry, memory."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from localmesos.agent.update_manager import UpdateManager

Json = dict[str, Any]


class Clock:
    """Timers that fire when the test says."""

    class Timer:
        def __init__(self, seconds: float, action: Callable[[], None]) -> None:
            self.seconds, self.action, self.cancelled = seconds, action, False

        def cancel(self) -> None:
            self.cancelled = True

    def __init__(self) -> None:
        self.timers: list[Clock.Timer] = []

    def later(self, seconds: float, action: Callable[[], None]) -> "Clock.Timer":
        self.timers.append(self.Timer(seconds, action))
        return self.timers[-1]

    def pending(self) -> "list[Clock.Timer]":
        return [timer for timer in self.timers if not timer.cancelled]

    def fire(self) -> float:
        """Let the only pending timer fire; its delay."""
        (timer,) = self.pending()
        timer.cancelled = True
        timer.action()
        return timer.seconds


class Bench:
    """A manager with everything it does on record."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sent: list[str] = []
        self.done: list[tuple[str, str]] = []
        self.manager = UpdateManager(
            lambda update: self.sent.append(update["status"]["uuid"]),
            lambda framework, task: self.done.append((framework, task)),
            later=self.clock.later,
        )


def update(uuid: str, state: str = "TASK_RUNNING", task: str = "t") -> Json:
    return {"framework_id": {"value": "f"}, "status": {"task_id": {"value": task}, "state": state, "uuid": uuid}}


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.manager.resume()
    return bench


def test_update_is_sent_again_after_growing_pauses(bench: Bench) -> None:
    bench.manager.update(update("a"), None)
    pauses = [bench.clock.fire() for _ in range(9)]
    assert pauses == [10, 20, 40, 80, 160, 320, 600, 600, 600]
    assert bench.sent == ["a"] * 10


def test_later_update_waits_and_then_begins_with_the_short_pause(bench: Bench) -> None:
    bench.manager.update(update("a"), None)
    bench.manager.update(update("b"), None)
    bench.clock.fire()
    assert bench.sent == ["a", "a"]
    assert bench.manager.acknowledge("f", "t", "a")
    assert bench.sent == ["a", "a", "b"]
    assert bench.clock.fire() == 10


def test_same_update_twice_is_taken_once(bench: Bench) -> None:
    assert bench.manager.update(update("a"), None)
    assert not bench.manager.update(update("a"), None)
    bench.manager.acknowledge("f", "t", "a")
    assert not bench.manager.update(update("a"), None)
    assert bench.sent == ["a"]


@pytest.mark.parametrize(("task", "uuid"), [("t", "b"), ("t", "never"), ("other", "a")])
def test_acknowledgement_of_anything_else_is_refused(bench: Bench, task: str, uuid: str) -> None:
    bench.manager.update(update("a"), None)
    bench.manager.update(update("b"), None)
    assert not bench.manager.acknowledge("f", task, uuid)
    assert bench.sent == ["a"]


def test_acknowledged_end_is_the_end_of_the_task(bench: Bench) -> None:
    bench.manager.update(update("a", "TASK_FINISHED"), None)
    bench.manager.update(update("b", "TASK_FAILED"), None)
    bench.manager.acknowledge("f", "t", "a")
    assert (bench.done, bench.sent, bench.clock.pending()) == ([("f", "t")], ["a"], [])


def test_pause_keeps_and_resume_sends_the_oldest_of_each_task(bench: Bench) -> None:
    bench.manager.update(update("a"), None)
    bench.manager.update(update("b"), None)
    bench.manager.pause()
    assert bench.clock.pending() == []
    bench.manager.update(update("c", task="u"), None)
    assert bench.sent == ["a"]
    bench.manager.resume()
    assert bench.sent == ["a", "a", "c"]


def test_forgotten_framework_is_silent(bench: Bench) -> None:
    bench.manager.update(update("a"), None)
    bench.manager.forget("f")
    assert bench.clock.pending() == []
    assert bench.manager.forwarded("f", "t") is None


def test_updates_come_back_from_disk(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "task" / "updates"
    for uuid, state in (("a", "TASK_STARTING"), ("b", "TASK_RUNNING"), ("c", "TASK_FINISHED")):
        bench.manager.update(update(uuid, state), path)
    bench.manager.acknowledge("f", "t", "a")

    later = Bench()
    statuses, done = later.manager.recover("f", "t", path)
    assert ([s["uuid"] for s in statuses], done) == (["a", "b", "c"], False)
    assert later.sent == []
    later.manager.resume()
    assert later.sent == ["b"]
    assert not later.manager.update(update("a"), path)
    later.manager.acknowledge("f", "t", "b")
    later.manager.acknowledge("f", "t", "c")
    assert later.done == [("f", "t")]
    assert Bench().manager.recover("f", "t", path)[1]


def test_line_cut_short_by_a_crash_is_dropped(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "updates"
    bench.manager.update(update("a"), path)
    with path.open("a") as stream:
        stream.write('{"framework_id": {"va')
    later = Bench()
    assert [s["uuid"] for s in later.manager.recover("f", "t", path)[0]] == ["a"]
    later.manager.update(update("b"), path)
    assert [s["uuid"] for s in Bench().manager.recover("f", "t", path)[0]] == ["a", "b"]


class Deliveries(RuleBasedStateMachine):
    """Random events: the framework gets every update, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.path = self.directory / "updates"
        self.bench = Bench()
        self.bench.manager.resume()
        self.taken: list[str] = []
        self.acknowledged: list[str] = []
        self.ever_sent: list[str] = []

    def _collect(self) -> None:
        self.ever_sent += self.bench.sent
        self.bench.sent.clear()

    @rule()
    def new_update(self) -> None:
        uuid = str(len(self.taken))
        self.bench.manager.update(update(uuid), self.path)
        self.taken.append(uuid)

    @precondition(lambda self: len(self.acknowledged) < len(self.taken))
    @rule()
    def acknowledge(self) -> None:
        self._collect()
        uuid = self.taken[len(self.acknowledged)]
        # A framework acknowledges what it has seen, also what an agent sent that has crashed since.
        if uuid in self.ever_sent and self.bench.manager.acknowledge("f", "t", uuid):
            self.acknowledged.append(uuid)

    @precondition(lambda self: bool(self.bench.clock.pending()))
    @rule()
    def retry(self) -> None:
        self.bench.clock.fire()

    @rule()
    def crash(self) -> None:
        self._collect()
        self.bench = Bench()
        self.bench.manager.recover("f", "t", self.path)

    @rule()
    def master_returns(self) -> None:
        self.bench.manager.resume()

    @rule()
    def master_goes(self) -> None:
        self.bench.manager.pause()

    @invariant()
    def in_order_and_nothing_skipped(self) -> None:
        self._collect()
        first_times = list(dict.fromkeys(self.ever_sent))
        assert first_times == self.taken[: len(first_times)]
        assert len(first_times) <= len(self.acknowledged) + 1

    def teardown(self) -> None:
        self.bench.manager.resume()
        while len(self.acknowledged) < len(self.taken):
            self.acknowledge()
        self._collect()
        shutil.rmtree(self.directory)
        assert list(dict.fromkeys(self.ever_sent)) == self.taken


TestDeliveries = Deliveries.TestCase


@given(st.lists(st.sampled_from(["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING"]), max_size=5))
def test_states_that_are_no_end_never_finish_a_task(states: list[str]) -> None:
    bench = Bench()
    bench.manager.resume()
    for number, state in enumerate(states):
        bench.manager.update(update(str(number), state), None)
        bench.manager.acknowledge("f", "t", str(number))
    assert bench.done == []
