"""A cluster's week: it is installed, lives through what happens, and has to come to rest when nothing happens any more.

An operator looks after it now and then, as people do: what failed is tried again, a node whose machine does not come
back is replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from scheduler.core.commands.command import CancelIntent, Proceed, Refusal, ReplaceNode, RestartStep
from scheduler.core.plans.build import ALWAYS
from scheduler.core.plans.plan import Plan, Status, Step
from scheduler.core.reservations.garbage import LOOK_EVERY
from scheduler.core.reservations.release import known_reservations
from scheduler.core.state.operation import is_live
from scheduler.core.state.reason import Code
from scheduler.core.state.spec import Policy
from tests.simulation.engine.faults import HOUR, Faults
from tests.simulation.engine.happenings import Kind, schedule
from tests.simulation.engine.life import WIDTH, Life

ROUND = 600.0  # between two visits of the operator
INSTALL_HOURS = 24.0
HEAL_HOURS = 72.0
QUIET_ROUNDS = 6
GRACE = 60.0  # of garbage, in the end


@dataclass(frozen=True)
class Report:
    """The events of a run: `seconds` are simulated ones; it came to rest `rest_after` the last fault."""

    nodes: int
    seconds: float
    cycles: int
    events: int
    launches: int
    happenings: Mapping[Kind, int]
    rest_after: float


class Week:
    """One cluster, its faults and its operator."""

    def __init__(self, nodes: int, seed: int, spare: int) -> None:
        """`spare` machines are there for replacements: one more than are lost."""
        self.life = Life(nodes, spare, seed)
        self.faults = Faults(self.life)
        self.seed = seed
        self.rested_at = 0.0
        self._refused: set[str] = set()  # nodes whose replacement was refused

    def live(self, seconds: float, counts: Mapping[Kind, int]) -> Report:
        """So many seconds with so many happenings of each kind. Raises AssertionError where a rule is broken."""
        self.install()
        self.run(seconds, counts)
        ended = self.life.now
        self.heal()
        return Report(
            nodes=len(self.life.scheduler.state.nodes),
            seconds=self.life.now,
            cycles=self.life.cycles,
            events=self.life.scheduler.heard,
            launches=len(self.life.mesos.launches),
            happenings={kind: self.faults.done[kind] for kind in counts},
            rest_after=self.rested_at - ended,
        )

    def install(self) -> None:
        """Install the cluster and wait until it is up."""
        self._until_rest(INSTALL_HOURS)

    def run(self, seconds: float, counts: Mapping[Kind, int]) -> None:
        """Live through what happens."""
        began = self.life.now
        for item in schedule(self.seed, seconds, counts):
            self._go_on(began + item.at)
            self.faults.play(item)
            self.life.busy = True
        self._go_on(began + seconds)

    def heal(self) -> None:
        """End all faults; the cluster must come to rest, and stay so."""
        life, faults = self.life, self.faults
        life.forget_agenda()
        life.before_busy.clear()
        life.crash_after = None
        life.mesos.refuse_next.clear()
        life.scheduler.store_is_away = False
        faults.lose_nothing()
        faults.acknowledge_once()
        life.start_scheduler()
        for agent in list(life.mesos.agents.values()):
            if agent.hostname in life.lost:
                life.mesos.mark_unreachable(agent)
                faults.bury(agent)
            elif agent.hostname in life.returns:
                life.returns[agent.hostname]()
            else:
                life.mesos.reconnect(agent)
        for plan in life.scheduler.plans():
            life.scheduler.command(Proceed(plan))
        self._until_rest(HEAL_HOURS)
        self.rested_at = life.now
        self._stay()
        self._take_out_garbage()

    def _go_on(self, end: float) -> None:
        life = self.life
        while life.now < end:
            pause = (life.now // ROUND + 1) * ROUND
            life.advance(min(end, pause))
            if life.now == pause:
                self._operate()

    def _until_rest(self, hours: float) -> None:
        end = self.life.now + hours * HOUR
        while self.life.now < end:
            self._go_on(min(end, self.life.now + ROUND))
            if not (problems := self._unrest()):
                return
        text = "\n".join(problem[:WIDTH] for problem in problems[:5])
        raise AssertionError(f"seed {self.seed}: no rest after {hours:g} hours:\n{text}")

    def _unrest(self) -> list[str]:
        """Return what is not at rest."""
        scheduler, ring = self.life.scheduler, self.life.mesos.ring
        plans = scheduler.plans()
        found = [f"{name}: {step}" for name in ALWAYS for step in _open(plans[name])]
        found += [f"{kind} goes on" for kind, operation in scheduler.state.operations.items() if is_live(operation)]
        if not found and not scheduler.healthy():
            found.append("a node is not up")
        records = {node.name: node.host_id for node in scheduler.state.nodes.values()}
        if records != {name: data.host_id for name, data in ring.owners.items()}:
            found.append("the ring has other members than the records")
        return found

    def _stay(self) -> None:
        """Check that nothing more is done, however long the run waits."""
        launched, killed = len(self.life.mesos.launches), len(self.life.mesos.kills)
        self._go_on(self.life.now + QUIET_ROUNDS * ROUND)
        assert (len(self.life.mesos.launches), len(self.life.mesos.kills)) == (launched, killed)
        assert self._unrest() == []
        assert self.life.mesos.live_jobs() == []

    def _take_out_garbage(self) -> None:
        """After a look at all that is offered nothing is reserved that no record knows."""
        scheduler = self.life.scheduler
        scheduler.state = replace(scheduler.state, policy=Policy(garbage_grace_seconds=GRACE))
        self._go_on(self.life.now + LOOK_EVERY + QUIET_ROUNDS * ROUND)
        known = known_reservations(scheduler.state)
        agents = [agent for agent in self.life.mesos.agents.values() if agent.hostname not in self.life.lost]
        reserved = {owner for agent in agents for owner, bundle in agent.available.items() if not bundle.empty}
        assert reserved - {""} <= known, f"seed {self.seed}: leaked {reserved - known}"
        assert self._unrest() == []

    def _operate(self) -> None:
        """Restart the steps that wait for an operator."""
        life, scheduler = self.life, self.life.scheduler
        if life.ended or scheduler.store_is_away:
            return
        for plan in scheduler.plans().values():
            for phase in plan.phases:
                for step in phase.steps:
                    if step.status is Status.ERROR or step.reason is Code.OWN_AGENT:
                        scheduler.command(RestartStep(plan.name, phase.name, step.name))
        for node in list(scheduler.state.nodes.values()):
            if node.agent is not None and node.agent.hostname in life.lost:
                self._replace(node.name)

    def _replace(self, name: str) -> None:
        """Politely first, then by force."""
        scheduler = self.life.scheduler
        outcome = scheduler.command(ReplaceNode(name, "operator", forced=name in self._refused))
        if not isinstance(outcome, Refusal):
            self._refused.discard(name)
            return
        self._refused.add(name)
        intent = scheduler.state.nodes[name].intent
        if intent is not None and intent.kind.value == "RESTART":
            scheduler.command(CancelIntent(name, "operator"))


def _open(plan: Plan) -> list[Step]:
    return [step for phase in plan.phases for step in phase.steps if step.status is not Status.COMPLETE]
