"""The loop over a model of Mesos and Cassandra: it dies between any two effects, or any one of them fails.

Whatever happens, three nodes come up, each launched once, and nothing that Mesos or Cassandra forbids is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import pytest

from executor.protocol import encode_message
from scheduler.core.cycle.decision import Accept, Ask, Decline, Kill, Reconcile
from scheduler.core.mesos.updates import Disconnected
from scheduler.core.plans.plan import Status
from scheduler.driver.mesos_json import translate
from scheduler.errors import NotConnectedError, StoreUnavailableError
from scheduler.loop.messages import Event, Json
from scheduler.loop.run import Loop, Sources
from scheduler.loop.snapshot import Snapshot
from scheduler.settings import parse
from scheduler.storage.port import Writes
from service.startup import begin
from tests.memory_store import Memory, MemoryStore
from tests.simulation.engine.invariants import invariants
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.samples import Ids, agents

CYCLES = 20
SETTINGS = parse(
    {
        "ARTIFACTS_URL": "http://127.0.0.1/",
        "SERVICE_USER": "root",
        "RACK_ATTRIBUTE": "rack",
        "CASSANDRA_MEMORY_MB": "512",
        "CASSANDRA_HEAP_SIZE_MB": "256",
        "CASSANDRA_DISK_MB": "1024",
    }
)


class CrashError(Exception):
    """The process dies here."""


Fault = Callable[[str, Callable[[], None]], None]


def carry_out(_: str, effect: Callable[[], None]) -> None:
    """No fault: the effect happens."""
    effect()


class Unreliable(MemoryStore):
    """A store whose commits may fail as the world has it."""

    def __init__(self, world: World) -> None:
        super().__init__(world.memory)
        self._world = world

    def commit(self, writes: Writes) -> None:
        self._world.fault("store", lambda: super(Unreliable, self).commit(writes))


class Sender:
    """The driver's port over the model; after a send that failed it has no subscription any more."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._mesos = world.mesos

    @property
    def connected(self) -> bool:
        return self._mesos.subscribed

    def _send(self, effect: Callable[[], None]) -> None:
        if not self.connected:
            raise NotConnectedError("the model has no subscription")
        self._world.fault("send", effect)

    def accept(self, accept: Accept) -> None:
        self._send(lambda: self._mesos.accept(accept.offer_ids, accept.operations))

    def decline(self, declines: Iterable[Decline]) -> None:
        for decline in declines:
            self._send(partial(self._mesos.decline, decline.offer_id, decline.seconds))

    def kill(self, kill: Kill) -> None:
        self._send(lambda: self._mesos.kill(kill.task_id))

    def reconcile(self, reconcile: Reconcile) -> None:
        self._send(lambda: self._mesos.reconcile(reconcile.tasks))

    def message(self, ask: Ask, data: str) -> None:
        assert data
        self._send(lambda: self._mesos.ask(ask.task_id, ask.node))

    def suppress(self) -> None:
        self._send(self._mesos.suppress)

    def revive(self) -> None:
        self._send(self._mesos.revive)

    def acknowledge(self, acknowledgement: Json) -> None:
        self._send(lambda: self._mesos.acknowledge(acknowledgement["task_id"]["value"], acknowledgement["uuid"]))

    def acknowledge_operation(self, acknowledgement: Json) -> None:
        raise AssertionError(f"the model wants no such thing: {acknowledgement}")

    def teardown(self) -> None:
        raise AssertionError("nobody asked for an uninstall")


class World:
    """One loop after another on the same records, against one model."""

    def __init__(self) -> None:
        self.ids = Ids()
        self.mesos = Mesos(agents(), self.ids)
        self.memory = Memory()
        self.effects = 0
        self._fault: Fault = carry_out
        self.snapshots: list[Snapshot] = []
        self.start()

    def fault(self, kind: str, effect: Callable[[], None]) -> None:
        self._fault(kind, effect)
        self.effects += 1

    def start(self) -> None:
        """A new process: nothing is known but what is stored."""
        sources = Sources(now=lambda: self.mesos.now, new_id=self.ids)
        state = begin(MemoryStore(self.memory), SETTINGS, sources)
        store = Unreliable(self)
        store.load()
        self.loop = Loop(store, Sender(self), state, sources, self.snapshots.append)
        self.mesos.subscribe()

    def go_on(self, cycles: int = 1) -> None:
        for _ in range(cycles):
            self.mesos.step(1.0)
            events: list[Event] = []
            if not self.mesos.subscribed:
                events.append(Disconnected())
                self.mesos.subscribe()
            while self.mesos.events:
                event = translate(as_mesos_says_it(*self.mesos.events.popleft()))
                assert event is not None
                events.append(event)
            self.loop.cycle(events)

    def go_on_with(self, fault: Fault) -> None:
        """One cycle with a fault in it."""
        self._fault = fault
        try:
            self.go_on()
        except CrashError:
            self.start()
        finally:
            self._fault = carry_out

    def finish(self) -> None:
        """Run on until all is well; nothing forbidden may have happened on the way."""
        for _ in range(150):
            self.go_on()
            last = self.snapshots[-1]
            if len(self.mesos.ring.members) == 3 and all(p.status is Status.COMPLETE for p in last.plans.values()):
                break
        else:
            pytest.fail(f"not well: {self.snapshots[-1].plans}")
        wrong = [*self.mesos.illegal, *self.mesos.ring.violations, *invariants(last.state)]
        assert not wrong, wrong
        assert self.mesos.kills == []
        assert len(self.mesos.launches) == 3, "a node was launched twice"
        self.go_on(15)
        assert not self.mesos.offers, "offers were never answered"
        assert not any(task.outbox for task in self.mesos.live_tasks()), "updates were never acknowledged"
        stored = begin(MemoryStore(self.memory), SETTINGS, Sources(lambda: 0.0, self.ids))
        assert stored.nodes == self.snapshots[-1].state.nodes, "the store does not say what the loop knows"


def as_mesos_says_it(kind: str, content: Any) -> Json:
    """The model's event as one of the scheduler API."""
    match kind:
        case "OFFER":
            return {"type": "OFFERS", "offers": {"offers": [content]}}
        case "RESCIND":
            return {"type": "RESCIND", "rescind": {"offer_id": {"value": content}}}
        case "SUBSCRIBED":
            return {"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": content}}}
        case "UPDATE":
            return {"type": "UPDATE", "update": {"status": content}}
        case "REPLY":
            return {"type": "MESSAGE", "message": {"data": encode_message(content)}}
    raise AssertionError(f"{kind} is not expected here: {content}")


def crash_before(number: int) -> Fault:
    """Die before the effect with this number."""
    seen = 0

    def fault(_: str, effect: Callable[[], None]) -> None:
        nonlocal seen
        if seen == number:
            raise CrashError
        seen += 1
        effect()

    return fault


def fail(kind: str, error: Exception, happens: bool, number: int, mesos: Mesos) -> Fault:
    """Have the effect of this kind and number fail, whether it happened all the same or not."""
    seen = 0

    def fault(what: str, effect: Callable[[], None]) -> None:
        nonlocal seen
        if what != kind or seen != number:
            seen += what == kind
            effect()
            return
        seen += 1
        if happens:
            effect()
        if kind == "send":
            mesos.subscribed = False
        raise error

    return fault


def count_effects(cycle: int) -> int:
    """How many effects that cycle has when nothing goes wrong."""
    world = World()
    world.go_on(cycle)
    before = world.effects
    world.go_on()
    return world.effects - before


def test_nothing_goes_wrong() -> None:
    world = World()
    world.finish()
    assert world.effects > 20


@pytest.mark.parametrize("cycle", range(CYCLES))
def test_a_crash_between_any_two_effects(cycle: int) -> None:
    for number in range(count_effects(cycle) + 1):
        world = World()
        world.go_on(cycle)
        world.go_on_with(crash_before(number))
        world.finish()


@pytest.mark.parametrize("happens", [True, False], ids=["happened", "did not happen"])
@pytest.mark.parametrize("cycle", range(CYCLES))
def test_a_write_without_an_answer(cycle: int, happens: bool) -> None:
    world = World()
    world.go_on(cycle)
    world.go_on_with(fail("store", StoreUnavailableError("no answer"), happens, 0, world.mesos))
    world.finish()


@pytest.mark.parametrize("happens", [True, False], ids=["happened", "did not happen"])
@pytest.mark.parametrize("cycle", range(CYCLES))
def test_a_send_without_an_answer(cycle: int, happens: bool) -> None:
    for number in range(count_effects(cycle)):
        world = World()
        world.go_on(cycle)
        world.go_on_with(fail("send", NotConnectedError("no answer"), happens, number, world.mesos))
        world.finish()


def test_a_crash_in_every_cycle() -> None:
    world = World()
    for cycle in range(150):
        world.mesos.allocate()
        world.go_on_with(crash_before(1 + cycle % 4))
    world.finish()
