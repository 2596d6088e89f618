"""Scripts of a test: events for the scheduler and expectations, printed with marks when one fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from executor.protocol import JobResult
from scheduler.core.commands.command import Command, RefusalKind, Uninstall
from scheduler.core.cycle.decision import Decision
from scheduler.core.plans.plan import Status, Step
from scheduler.core.state.operation import OperationState, StepState, is_live
from scheduler.core.state.spec import ClusterSpec
from tests.simulation.engine.invariants import invariants
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.model import Mesos
from tests.simulation.engine.samples import Ids, agents, spec
from tests.simulation.engine.scheduler import CrashError, Scheduler


class World:
    """A cluster to play scripts on; `launched` and `decisions` hold what happened since they were last expected."""

    def __init__(self, wanted: ClusterSpec | None = None, machines: list[Agent] | None = None) -> None:
        ids = Ids()
        self.mesos = Mesos(agents() if machines is None else machines, ids)
        self.scheduler = Scheduler(self.mesos, wanted or spec(), ids)
        self.seen_launches = 0
        self.seen_decisions = 0

    def agent(self, hostname: str) -> Agent:
        return next(agent for agent in self.mesos.agents.values() if agent.hostname == hostname)

    def cut(self, hostname: str, cut: bool) -> None:
        for process in self.mesos.ring.processes.values():
            if process.address == hostname:
                process.cut = cut

    def task_of(self, node: str) -> str:
        return next(task.id for task in self.mesos.live_tasks() if task.node == node)

    def go_on(self, seconds: float, cycles: int = 1) -> None:
        for _ in range(cycles):
            self.mesos.step(seconds)
            self.scheduler.cycle()

    def find_step(self, name: str, plan: str = "deploy", phase: str = "") -> Step | None:
        phases = [found for found in self.scheduler.plans()[plan].phases if phase in ("", found.name)]
        return next((step for found in phases for step in found.steps if step.name == name), None)

    def new_decisions(self) -> list[Decision]:
        found = self.scheduler.decisions[self.seen_decisions :]
        self.seen_decisions = len(self.scheduler.decisions)
        return found


def home(world: World) -> tuple[object, object, object]:
    """Return where node-1 has its data: agent, reservation and host id."""
    node = world.scheduler.state.nodes["node-1"]
    return node.agent, node.reservation, node.host_id


@dataclass(frozen=True)
class Line:
    """One line of a script; an expectation raises AssertionError."""

    text: str
    play: Callable[[World], None]


def play(lines: Iterable[Line], world: World | None = None) -> World:
    """Play a script, on a new world or on what another left; a failure shows all lines with marks."""
    world = world or World()
    script = list(lines)
    for index, line in enumerate(script):
        try:
            line.play(world)
            _check_always(world)
        except AssertionError as error:
            marks = ["ok  "] * index + ["FAIL"] + ["    "] * (len(script) - index - 1)
            shown = "\n".join(f"{mark} {item.text}" for mark, item in zip(marks, script, strict=True))
            raise AssertionError(f"{error}\n\n{shown}") from None
    return world


def wrongs(mesos: Mesos, scheduler: Scheduler) -> list[str]:
    """Everything that was done and must not be."""
    found = [*mesos.illegal, *mesos.ring.violations, *mesos.jobs.violations, *scheduler.violations]
    for step in scheduler.state.steps.values():
        done = step.task is not None and step.task.id in mesos.jobs.finished
        # A backup goes without a node that is down, where that is wanted.
        without = step.task is None and str(step.result.get("message")).startswith(f"{step.name} is left out")
        node = scheduler.state.nodes.get(step.name)
        gone = (node is None or node.left) and str(step.result.get("message")).startswith("skipped")
        if step.state is StepState.COMPLETE and not (step.forced or done or without or gone):
            found.append(f"{step.key} is complete, but its job did not end well")
    return [*found, *invariants(scheduler.state)]


def go_on_crashing(
    world: World, cycles: int, after: int, when: int, period: int = 12, each: Callable[[World], None] | None = None
) -> None:
    """Go on a second a cycle; the scheduler dies after so many effects in those cycles where `number % period == when`.

    Nothing forbidden may happen; `each` is called after every cycle.
    """
    for number in range(cycles):
        world.mesos.step(1.0)
        try:
            world.scheduler.cycle(crash_after=after if number % period == when else None)
        except CrashError:
            world.scheduler.start()
        _check_always(world)
        if each is not None:
            each(world)


def _check_always(world: World) -> None:
    wrong = wrongs(world.mesos, world.scheduler)
    assert not wrong, wrong


class Send:
    """Lines that make something happen."""

    @staticmethod
    def time(seconds: float = 1.0, cycles: int = 1) -> Line:
        return Line(f"Send.time({seconds:g}, cycles={cycles})", lambda world: world.go_on(seconds, cycles))

    @staticmethod
    def clock(seconds: float) -> Line:
        """Set the scheduler's clock ahead, or back."""

        def run(world: World) -> None:
            world.scheduler.ahead += seconds

        return Line(f"Send.clock({seconds:g})", run)

    @staticmethod
    def until_complete(plan: str = "deploy", cycles: int = 100, seconds: float = 1.0) -> Line:
        def run(world: World) -> None:
            for _ in range(cycles):
                world.go_on(seconds)
                if world.scheduler.plans()[plan].status is Status.COMPLETE:
                    return
            raise AssertionError(f"not complete after {cycles} cycles: {world.scheduler.plans()[plan]}")

        return Line(f"Send.until_complete({plan!r})", run)

    @staticmethod
    def until_step(node: str, status: Status, plan: str = "deploy", cycles: int = 100, phase: str = "") -> Line:
        def run(world: World) -> None:
            for _ in range(cycles):
                step = world.find_step(node, plan, phase)
                if step is not None and step.status is status:
                    return
                world.go_on(1.0)
            raise AssertionError(f"{world.find_step(node, plan, phase)} after {cycles} cycles")

        return Line(f"Send.until_step({node!r}, {status}, {plan!r}, phase={phase!r})", run)

    @staticmethod
    def until_ended(kind: str, cycles: int = 100) -> Line:
        """Go on until the newest operation of this kind is over, however it ends."""

        def run(world: World) -> None:
            for _ in range(cycles):
                world.go_on(1.0)
                if not is_live(world.scheduler.state.operations[kind]):
                    return
            raise AssertionError(f"not ended after {cycles} cycles: {world.scheduler.plans()[kind]}")

        return Line(f"Send.until_ended({kind!r})", run)

    @staticmethod
    def until_running(*names: str, cycles: int = 60) -> Line:
        """Go on until exactly these jobs run, as far as Mesos has reported."""

        def run(world: World) -> None:
            found: list[str] = []
            for _ in range(cycles):
                tasks = [task for task in world.mesos.live_tasks() if task.job is not None]
                found = [task.node for task in tasks if task.state == "TASK_RUNNING" and not task.outbox]
                if sorted(found) == sorted(names) and len(tasks) == len(found):
                    return
                world.go_on(1.0)
            raise AssertionError(f"{found} run after {cycles} cycles")

        return Line(f"Send.until_running{names}", run)

    @staticmethod
    def hold(*names: str) -> Line:
        """Jobs of these names (all others not) go on until they are let go."""

        def run(world: World) -> None:
            world.mesos.jobs.held = set(names)

        return Line(f"Send.hold{names}", run)

    @staticmethod
    def job_failures(name: str, *words: str, hopeless: bool = False) -> Line:
        """Let the next attempts of this job fail with these messages."""

        def run(world: World) -> None:
            world.mesos.jobs.failures[name] = [JobResult(error=text, hopeless=hopeless) for text in words]

        return Line(f"Send.job_failures({name!r}, {words}, hopeless={hopeless})", run)

    @staticmethod
    def dropped(name: str) -> Line:
        """Lose the next launch of a task of this name."""
        return Line(f"Send.dropped({name!r})", lambda world: world.mesos.drop_next.add(name))

    @staticmethod
    def failure(node: str, words: str = "killed by a test") -> Line:
        def run(world: World) -> None:
            world.mesos.fail_task(world.task_of(node), words)

        return Line(f"Send.failure({node!r}, {words!r})", run)

    @staticmethod
    def isolated(node: str) -> Line:
        """Stop the transports of a node's Cassandra, as its failure policies do; the process lives on."""

        def run(world: World) -> None:
            process = world.mesos.ring.processes[world.task_of(node)]
            process.mode, process.native = "ISOLATED", False

        return Line(f"Send.isolated({node!r})", run)

    @staticmethod
    def agent_lost(hostname: str, cut: bool = False) -> Line:
        """Mesos cannot reach it; with `cut` nobody can, Cassandra's peers included."""

        def run(world: World) -> None:
            world.mesos.partition(world.agent(hostname))
            world.mesos.mark_unreachable(world.agent(hostname))
            world.cut(hostname, cut)

        return Line(f"Send.agent_lost({hostname!r}, cut={cut})", run)

    @staticmethod
    def agent_back(hostname: str) -> Line:
        def run(world: World) -> None:
            world.mesos.reconnect(world.agent(hostname))
            world.cut(hostname, False)

        return Line(f"Send.agent_back({hostname!r})", run)

    @staticmethod
    def reboot(hostname: str, new_agent_id: bool = False) -> Line:
        def run(world: World) -> None:
            world.mesos.reboot(world.agent(hostname), new_agent_id)

        return Line(f"Send.reboot({hostname!r}, new_agent_id={new_agent_id})", run)

    @staticmethod
    def master_restart() -> Line:
        return Line("Send.master_restart()", lambda world: world.mesos.restart_master())

    @staticmethod
    def scheduler_restart(**changes: Any) -> Line:
        def run(world: World) -> None:
            world.scheduler.spec = replace(world.scheduler.spec, **changes)
            world.scheduler.start()

        return Line(f"Send.scheduler_restart({changes or ''})", run)

    @staticmethod
    def uninstall(by_command: bool = False) -> Line:
        """Start the scheduler anew to remove the service, or have it begin; the data of its volumes is given up."""

        def run(world: World) -> None:
            for agent in world.mesos.agents.values():
                for data in agent.volumes.values():
                    data.given_up = True
            if by_command:
                assert world.scheduler.command(Uninstall("operator")) is None
                return
            world.scheduler.uninstalls = True
            world.scheduler.start()

        return Line(f"Send.uninstall({by_command})", run)

    @staticmethod
    def command(command: Command) -> Line:
        def run(world: World) -> None:
            refusal = world.scheduler.command(command)
            assert refusal is None, refusal

        return Line(f"Send.command({command})", run)

    @staticmethod
    def operation_failure(kind: str) -> Line:
        return Line(f"Send.operation_failure({kind!r})", lambda world: world.mesos.refuse_next.add(kind))

    @staticmethod
    def silence(*kinds: str) -> Line:
        """Lose these events from here on."""

        def run(world: World) -> None:
            world.scheduler.lose = lambda kind: kind in kinds

        return Line(f"Send.silence{kinds}", run)

    @staticmethod
    def partial_offers() -> Line:
        def run(world: World) -> None:
            world.mesos.allocate(partial=True)
            world.scheduler.cycle()

        return Line("Send.partial_offers()", run)


class Expect:
    """Lines that check the effects."""

    @staticmethod
    def launched(*nodes: str) -> Line:
        """Expect launches of these nodes, in this order, since the last such line."""

        def run(world: World) -> None:
            found = [name.partition("__")[0] for name in world.mesos.launches[world.seen_launches :]]
            world.seen_launches = len(world.mesos.launches)
            assert found == list(nodes), f"launched {found}, not {list(nodes)}"

        return Line(f"Expect.launched{nodes}", run)

    @staticmethod
    def step(
        name: str, status: Status, reason: str = "", plan: str = "deploy", says: str = "", phase: str = ""
    ) -> Line:
        def run(world: World) -> None:
            step = world.find_step(name, plan, phase)
            assert step is not None, f"the plan {plan} has no step {name}"
            assert step.status is status, step
            assert not reason or step.reason == reason, step
            assert says in step.message, step

        return Line(f"Expect.step({name!r}, {status}, {reason!r}, {plan!r}, {says!r}, {phase!r})", run)

    @staticmethod
    def plan(status: Status, name: str = "deploy") -> Line:
        def run(world: World) -> None:
            found = world.scheduler.plans()[name]
            assert found.status is status, found

        return Line(f"Expect.plan({status}, {name!r})", run)

    @staticmethod
    def running(*names: str) -> Line:
        """Expect these jobs, and no others."""

        def run(world: World) -> None:
            found = sorted(job.name for job in world.mesos.live_jobs())
            assert found == sorted(names), f"{found} run, not {sorted(names)}"

        return Line(f"Expect.running{names}", run)

    @staticmethod
    def refused(command: Command, kind: RefusalKind, says: str) -> Line:
        def run(world: World) -> None:
            refusal = world.scheduler.command(command)
            assert refusal is not None, "it was not refused"
            assert refusal.kind is kind, refusal
            assert says in refusal.message, refusal

        return Line(f"Expect.refused({command}, {kind}, {says!r})", run)

    @staticmethod
    def operation(kind: str, state: OperationState) -> Line:
        def run(world: World) -> None:
            found = world.scheduler.state.operations[kind]
            assert found.state is state, found

        return Line(f"Expect.operation({kind!r}, {state})", run)

    @staticmethod
    def snapshots(*hostnames: str) -> Line:
        """Expect snapshots of backups on the volumes of these agents alone."""

        def run(world: World) -> None:
            found = sorted(
                agent.hostname
                for agent in world.mesos.agents.values()
                if any(data.snapshots for data in agent.volumes.values())
            )
            assert found == sorted(hostnames), f"snapshots lie on {found}"

        return Line(f"Expect.snapshots{hostnames}", run)

    @staticmethod
    def decided(text: str, test: Callable[[list[Decision]], bool]) -> Line:
        """Expect of the decisions since the last such line."""

        def run(world: World) -> None:
            decisions = world.new_decisions()
            assert test(decisions), decisions

        return Line(f"Expect.decided({text!r})", run)

    @staticmethod
    def state(text: str, test: Callable[[World], bool]) -> Line:
        def run(world: World) -> None:
            assert test(world), world.scheduler.state

        return Line(f"Expect.state({text!r})", run)
