"""The begin and the end of each kind of happening."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from scheduler.core.commands.command import Command, Interrupt, Proceed, RestartNodes, ResumeOperation, StopOperation
from scheduler.core.state.operation import is_live
from tests.simulation.engine.happenings import Happening, Kind, log_uniform
from tests.simulation.engine.life import Life
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.samples import begin

LOSABLE = ("STATUS", "WORD", "ANSWER", "REPLY", "OPERATION", "REPORT", "TUNING")
REPEATABLE = ("UPDATE", "REPLY", "OPERATION", "REPORT")
REFUSABLE = ("RESERVE", "CREATE", "LAUNCH", "DESTROY", "UNRESERVE")
HOUR = 3600.0
PING_TIMEOUT = 75.0  # after which Mesos gives an agent up
REREGISTER_TIMEOUT = 600.0  # after a failover
PATIENCE = 600.0  # an operator's, until something that was refused is tried again
TRIES = 200


class Faults:
    """The faults of a cluster; `done` counts those that had an effect."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.done: Counter[Kind] = Counter()
        self._play: dict[Kind, Callable[[random.Random], bool | None]] = {
            Kind.CASSANDRA_DIES: self._cassandra_dies,
            Kind.EXECUTOR_DIES: self._executor_dies,
            Kind.AGENT_AWAY: self._agent_away,
            Kind.AGENT_LOST: self._agent_lost,
            Kind.AGENT_REBOOTED: self._agent_rebooted,
            Kind.AGENT_RENAMED: self._agent_renamed,
            Kind.MASTER_FAILOVER: self._master_failover,
            Kind.SCHEDULER_KILLED: self._scheduler_killed,
            Kind.ZOOKEEPER_AWAY: self._zookeeper_away,
            Kind.OFFERS_RESCINDED: self._offers_rescinded,
            Kind.OFFERS_IN_PART: self._offers_in_part,
            Kind.OPERATION_REFUSED: self._operation_refused,
            Kind.EVENTS_LOST: self._events_lost,
            Kind.EVENTS_DOUBLED: self._events_doubled,
            Kind.ACKNOWLEDGEMENTS_LOST: self._acknowledgements_lost,
            Kind.ACKNOWLEDGEMENTS_DOUBLED: self._acknowledgements_doubled,
            Kind.CLOCK_JUMP: self._clock_jump,
            Kind.ROLLING_RESTART: self._rolling_restart,
            Kind.ROLL_OUT: self._roll_out,
            Kind.OPERATION: self._operation,
            Kind.OPERATION_STOPPED: self._operation_stopped,
            Kind.INTERRUPT: self._interrupt,
        }

    def play(self, item: Happening) -> None:
        if self._play[item.kind](random.Random(item.seed)) is not False:
            self.done[item.kind] += 1

    # --- nodes and agents

    def _cassandra_dies(self, chance: random.Random) -> bool:
        return self._die(chance, "REASON_COMMAND_EXECUTOR_FAILED")

    def _executor_dies(self, chance: random.Random) -> bool:
        return self._die(chance, "REASON_EXECUTOR_TERMINATED")

    def _die(self, chance: random.Random, reason: str) -> bool:
        live = [task.id for task in self.life.mesos.live_tasks() if task.job is None]
        if live:
            self.life.mesos.fail_task(chance.choice(live), "died", reason)
        return bool(live)

    def _agent_away(self, chance: random.Random) -> bool:
        agent = self._leave(chance)
        if agent is None:
            return False
        if chance.random() < 0.5:
            self._cut(agent, True)

        def reconnect() -> None:
            self._cut(agent, False)
            self.life.mesos.reconnect(agent)

        self._return(agent, log_uniform(chance, 5.0, 3 * HOUR), reconnect)
        return True

    def _return(self, agent: Agent, seconds: float, how: Callable[[], None]) -> None:
        life = self.life

        def back() -> None:
            del life.down[agent.hostname], life.returns[agent.hostname]
            how()

        life.returns[agent.hostname] = back
        life.later(seconds, back)

    def _agent_lost(self, chance: random.Random) -> bool:
        agent = self._leave(chance)
        if agent is None:
            return False
        self._switch_off(agent)
        self.life.lost.add(agent.hostname)
        self.life.scheduler.given_up |= set(agent.tasks)
        return True

    def _agent_rebooted(self, chance: random.Random) -> bool:
        return self._reboot(chance, new_agent_id=False)

    def _agent_renamed(self, chance: random.Random) -> bool:
        return self._reboot(chance, new_agent_id=True)

    def _reboot(self, chance: random.Random, new_agent_id: bool) -> bool:
        agent = self._leave(chance)
        if agent is None:
            return False
        self._switch_off(agent)
        self._return(agent, log_uniform(chance, 20.0, 1200.0), lambda: self.life.mesos.reboot(agent, new_agent_id))
        return True

    def _leave(self, chance: random.Random) -> Agent | None:
        """Make an agent unreachable for good."""
        life = self.life
        hosts = life.hosts()
        if not hosts:
            return None
        agent = chance.choice(hosts)
        absence = life.down[agent.hostname] = next(life.numbers)
        life.mesos.partition(agent)
        life.later(PING_TIMEOUT, partial(self._mark, agent, absence))
        return agent

    def _mark(self, agent: Agent, absence: int) -> None:
        if self.life.down.get(agent.hostname) == absence:
            self.life.mesos.mark_unreachable(agent)
            self.bury(agent)

    def bury(self, agent: Agent) -> None:
        """Remove the tasks and data of a machine that does not return."""
        if agent.hostname in self.life.lost:
            for task_id in list(agent.tasks):
                del agent.tasks[task_id]
                self.life.mesos.known.pop(task_id, None)

    def _switch_off(self, agent: Agent) -> None:
        for task_id in agent.tasks:
            self.life.mesos.ring.stop(task_id)

    def _cut(self, agent: Agent, cut: bool) -> None:
        for process in self.life.mesos.ring.processes.values():
            if process.address == agent.hostname:
                process.cut = cut

    # --- Mesos

    def _master_failover(self, chance: random.Random) -> None:
        """Restart the master: agents register again one after another, the others are given up after a while."""
        life = self.life
        life.mesos.restart_master()
        for agent in list(life.mesos.agents.values()):
            life.later(chance.randrange(0, 61, 10), partial(self._register, agent))
        for agent in life.mesos.agents.values():
            if (absence := life.down.get(agent.hostname)) is not None:
                life.later(REREGISTER_TIMEOUT, partial(self._mark, agent, absence))

    def _register(self, agent: Agent) -> None:
        if agent.hostname not in self.life.down:
            self.life.mesos.reconnect(agent)

    def _offers_rescinded(self, chance: random.Random) -> None:
        late = chance.random() < 0.5
        self.life.before_busy.append(self._rescind_late if late else self.life.mesos.rescind)

    def _rescind_late(self) -> None:
        """Rescind the offers, with the notice after the decision."""
        mesos = self.life.mesos
        unread = len(mesos.events)
        mesos.rescind()
        late = [mesos.events.pop() for _ in range(len(mesos.events) - unread)]
        self.life.later(0.0, lambda: mesos.events.extend(reversed(late)))

    def _offers_in_part(self, _chance: random.Random) -> None:
        self.life.before_busy.append(lambda: self.life.mesos.allocate(partial=True))

    def _operation_refused(self, chance: random.Random) -> None:
        self.life.mesos.refuse_next.add(chance.choice(REFUSABLE))

    def _events_lost(self, chance: random.Random) -> None:
        kinds = set(chance.sample(LOSABLE, chance.randint(1, len(LOSABLE))))
        self.life.scheduler.lose = lambda kind: kind in kinds
        self.life.later(log_uniform(chance, 1.0, 60.0), self.lose_nothing)

    def lose_nothing(self) -> None:
        self.life.scheduler.lose = lambda _kind: False

    def _events_doubled(self, _chance: random.Random) -> None:
        events = self.life.mesos.events
        self.life.before_busy.append(lambda: events.extend([event for event in events if event[0] in REPEATABLE]))

    def _acknowledgements_lost(self, chance: random.Random) -> None:
        self._acknowledge(chance, 0)

    def _acknowledgements_doubled(self, chance: random.Random) -> None:
        self._acknowledge(chance, 2)

    def _acknowledge(self, chance: random.Random, times: int) -> None:
        self.life.scheduler.acknowledgements = times
        self.life.later(log_uniform(chance, 1.0, 60.0), self.acknowledge_once)

    def acknowledge_once(self) -> None:
        self.life.scheduler.acknowledgements = 1

    # --- the scheduler

    def _scheduler_killed(self, chance: random.Random) -> None:
        """Between any two effects of a cycle that has something to do."""
        self.life.crash_after = chance.randint(0, 8)

    def _zookeeper_away(self, chance: random.Random) -> bool:
        """Fail every store; at the end the session has expired, or not."""
        life = self.life
        if life.ended or life.scheduler.store_is_away:
            return False
        life.scheduler.store_is_away = True
        expired = chance.random() < 0.5

        def back() -> None:
            life.scheduler.store_is_away = False
            if expired and not life.ended:
                life.end_scheduler(chance.uniform(0.0, 30.0))

        life.later(log_uniform(chance, 1.0, 900.0), back)
        return True

    def _clock_jump(self, chance: random.Random) -> None:
        scheduler = self.life.scheduler
        jump = log_uniform(chance, 1.0, HOUR) * chance.choice((-1, 1))
        scheduler.ahead = max(scheduler.ahead + jump, -self.life.now)

    # --- operators

    def _rolling_restart(self, chance: random.Random) -> None:
        names = list(self.life.scheduler.state.nodes)
        chosen = chance.sample(names, min(len(names), chance.randint(2, 30)))
        self.insist(RestartNodes(tuple(chosen), "operator", by_rack=chance.random() < 0.5))

    def _roll_out(self, chance: random.Random) -> None:
        life = self.life
        cassandra = life.scheduler.spec.cassandra
        changed = replace(cassandra, heap_mb=cassandra.heap_mb + chance.randint(1, 9))
        life.scheduler.spec = replace(life.scheduler.spec, cassandra=changed)
        if not life.ended and not life.scheduler.store_is_away:
            life.end_scheduler(5.0)

    def _operation(self, chance: random.Random) -> None:
        kind = chance.choice(("cleanup", "repair"))
        names = list(self.life.scheduler.state.nodes)
        size = len(names) if kind == "cleanup" else min(len(names), 50)
        chosen = sorted(chance.sample(names, size), key=lambda name: int(name.removeprefix("node-")))
        command = replace(begin(kind, f"run-{next(self.life.numbers)}"), nodes=tuple(chosen))
        if kind == "cleanup":
            command = replace(command, request={**command.request, "parallelism": chance.choice((0, 5, 50))})
        self.insist(command)

    def _operation_stopped(self, chance: random.Random) -> bool:
        operations = self.life.scheduler.state.operations.values()
        live = next((operation for operation in operations if is_live(operation)), None)
        if live is None:
            return False
        self.insist(StopOperation(live.kind))
        self.life.later(log_uniform(chance, 60.0, HOUR), lambda: self.insist(ResumeOperation(live.kind), 3))
        return True

    def _interrupt(self, chance: random.Random) -> None:
        plan = chance.choice(list(self.life.scheduler.plans()))
        self.insist(Interrupt(plan))
        self.life.later(log_uniform(chance, 60.0, HOUR), lambda: self.insist(Proceed(plan)))

    def insist(self, command: Command, tries: int = TRIES) -> None:
        """Say it again while it is refused, or cannot be heard."""
        scheduler = self.life.scheduler
        if tries == 0:
            return
        if self.life.ended or scheduler.store_is_away or scheduler.command(command) is not None:
            self.life.later(PATIENCE, lambda: self.insist(command, tries - 1))
