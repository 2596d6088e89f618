"""A cluster that lives on: time goes from one event to the next, and every step is judged.

While anything goes on, steps are short and of random length; while nothing does, each is twice as long as the one
before, up to the next thing that is due.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

from scheduler.core.cycle.decision import Decision
from scheduler.core.state.cluster import ClusterState
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.samples import Ids, agents, spec
from tests.simulation.engine.scheduler import CrashError, Scheduler
from tests.simulation.engine.script import wrongs

PACES = (0.2, 1.0, 1.0, 2.0, 4.0)
LONGEST_PACE = 600.0
SHOWN = 5
WIDTH = 600


class Life:
    """The model, the schedulers that run on it in turn, and what is due to happen to them."""

    def __init__(self, nodes: int, spare: int, seed: int) -> None:
        ids = Ids()
        self.seed = seed
        self.chance = random.Random(seed)
        self.mesos = Mesos(agents(nodes + spare), ids)
        self.scheduler = Scheduler(self.mesos, spec(nodes, seeds=min(3, nodes)), ids)
        self.down: dict[str, int] = {}  # by host name: which absence it is
        self.returns: dict[str, Callable[[], None]] = {}  # by host name: how it comes back
        self.lost: set[str] = set()  # host names that do not come back
        self.ended = False  # the scheduler's process, until the next one starts
        self.busy = True
        self.cycles = 0
        self.before_busy: list[Callable[[], None]] = []  # done before the next cycle that may have something to do
        self.crash_after: int | None = None  # effects of such a cycle
        self.numbers = count()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._pace = PACES[0]
        self._judged: ClusterState | None = None

    @property
    def now(self) -> float:
        return self.mesos.now

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self.now + seconds, next(self.numbers), do))

    def forget_agenda(self) -> None:
        self._agenda.clear()

    def advance(self, end: float) -> None:
        """Go on to the next moment at which anything is to be done."""
        due = self._agenda[0][0] if self._agenda else end
        self.mesos.step(max(0.0, min(self._pace, due - self.now, end - self.now)))
        happened = False
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()
            happened = True
        self.busy = self._cycle() or happened
        self._pace = self.chance.choice(PACES) if self.busy else min(LONGEST_PACE, self._pace * 2)

    def start_scheduler(self) -> None:
        """Start a new process on the same store, unless one runs."""
        if self.ended:
            self.ended = False
            self.scheduler.start()

    def end_scheduler(self, seconds: float) -> None:
        """End the process for so long."""
        self.ended = True
        self.mesos.subscribed = False
        self.later(seconds, self.start_scheduler)

    def hosts(self) -> list[Agent]:
        """Return the agents on which a node's task runs, but for those that are away."""
        found = {task.agent.hostname: task.agent for task in self.mesos.live_tasks() if task.job is None}
        return [agent for name, agent in sorted(found.items()) if name not in self.down]

    def _cycle(self) -> bool:
        """Run one pass of the scheduler, and return whether it acted."""
        if self.ended:
            return False
        crash_after = None
        if self.busy:
            for do in self.before_busy:
                do()
            self.before_busy.clear()
            crash_after, self.crash_after = self.crash_after, None
        before = self.scheduler.state
        self.cycles += 1
        try:
            decision = self.scheduler.cycle(crash_after)
        except CrashError:
            self.end_scheduler(self.chance.choice((0.0, 1.0, 30.0)))
            return True
        self.scheduler.decisions.clear()
        self._judge()
        return acted(decision) or not same(before, self.scheduler.state)

    def _judge(self) -> None:
        """Check the rules on every state whose records differ from those that were checked last."""
        if self._judged is not None and same(self._judged, self.scheduler.state) and not self._complaints():
            return
        self._judged = self.scheduler.state
        found = wrongs(self.mesos, self.scheduler)
        volumes = [name for task in self.mesos.live_tasks() for part in task.used.values() for name in part.volumes]
        if len(volumes) != len(set(volumes)):
            found.append("two tasks on one volume")
        if found:
            shown = "\n".join(text[:WIDTH] for text in found[:SHOWN])
            raise AssertionError(f"seed {self.seed}, after {self.now:.1f} s, cycle {self.cycles}:\n{shown}")

    def _complaints(self) -> bool:
        mesos = self.mesos
        return bool(mesos.illegal or mesos.ring.violations or mesos.jobs.violations or self.scheduler.violations)


def acted(decision: Decision) -> bool:
    """Return whether more was decided than to ask."""
    return bool(decision.accepts or decision.kills or decision.declines or decision.tunings or decision.revive)


def same(one: ClusterState, other: ClusterState) -> bool:
    """Return whether the records are the same."""
    return (one.nodes, one.steps, one.operations, one.plans) == (
        other.nodes,
        other.steps,
        other.operations,
        other.plans,
    )
