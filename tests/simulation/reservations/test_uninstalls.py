"""The service is removed for good, told line by line: nothing is left, whatever happens on the way."""

from __future__ import annotations

import random

import pytest

from scheduler.core.commands.command import ForceComplete, Interrupt, RefusalKind, RestartNodes
from scheduler.core.cycle.decision import Decision
from scheduler.core.plans.plan import Status
from tests.simulation.engine.machines import Agent
from tests.simulation.engine.samples import agents, begin, spec
from tests.simulation.engine.scheduler import CrashError
from tests.simulation.engine.script import Expect, Line, Send, World, play, wrongs
from tests.simulation.nodes.test_replacements import REPLACE
from tests.simulation.nodes.test_restarts import UP
from tests.simulation.reservations.test_garbage import told


def reserved(world: World) -> list[str]:
    """Hosts where something of the service is left."""
    world.mesos.rescind()
    return [agent.hostname for agent in world.mesos.agents.values() if _holds(agent)]


def _holds(agent: Agent) -> bool:
    return bool(agent.volumes or agent.tasks) or any(name and not it.empty for name, it in agent.available.items())


def until_over(cycles: int = 200) -> Line:
    def run(world: World) -> None:
        for _ in range(cycles):
            if world.scheduler.over:
                return
            world.go_on(1.0)
        raise AssertionError(f"not over after {cycles} cycles: {world.scheduler.plans()}")

    return Line("until_over", run)


@pytest.fixture(params=[False, True], ids=["a start", "a command"])
def removal(request: pytest.FixtureRequest) -> Line:
    """Begin the uninstall: at a start of the scheduler, or by a command to the one that runs."""
    return Send.uninstall(by_command=request.param)


NOTHING_LEFT = [
    until_over(),
    Expect.state("nothing is reserved", lambda world: not reserved(world)),
    Expect.state("no task lives", lambda world: not world.mesos.live_tasks()),
    Expect.state("no record is left", lambda world: not world.scheduler.znodes),
]


def test_nothing_is_left(removal: Line) -> None:
    play(
        [
            *UP,
            removal,
            Expect.step("teardown", Status.PENDING, "EARLIER_PHASE", "uninstall"),
            Send.time(1.0),
            Expect.step("node-0", Status.STARTED, "STOPPING_TASK", "uninstall", phase="Tasks"),
            Expect.step("node-0", Status.PENDING, "STOPPING_TASK", "deploy", phase="Reservations"),
            Expect.refused(RestartNodes(("node-0",), "operator"), RefusalKind.CONFLICT, "is being removed"),
            Expect.refused(Interrupt("deploy"), RefusalKind.CONFLICT, "is being removed"),
            *NOTHING_LEFT,
            Expect.launched(),
        ]
    )


def test_in_the_middle_of_the_first_deployment(removal: Line) -> None:
    play([Send.time(1.0, cycles=4), removal, *NOTHING_LEFT])


def test_before_anything_was_done(removal: Line) -> None:
    play([removal, *NOTHING_LEFT])


@pytest.mark.parametrize("linger", [0, 1, 3, 8])
def test_executors_that_end_later_than_their_tasks(linger: int, removal: Line) -> None:
    """As s14 of the recordings: first the volume and what the task held, later, alone, what its executor held."""
    world = play(UP)
    world.mesos.linger = linger
    play([removal, *NOTHING_LEFT], world)
    assert not told(world, "GARBAGE")


def test_the_plan_says_that_an_executor_is_waited_for(removal: Line) -> None:
    world = play(UP)
    world.mesos.linger = 1000
    play(
        [
            removal,
            Send.time(1.0, cycles=30),
            Expect.step(
                "node-1", Status.WAITING, "STOPPING_TASK", "uninstall", "node-1_executor__", phase="Reservations"
            ),
        ],
        world,
    )
    for agent in world.mesos.agents.values():
        world.mesos.end_executors(agent)
    play(NOTHING_LEFT, world)


def test_the_plan_says_for_what_it_waits_when_all_is_released(removal: Line) -> None:
    words = "waits until no offer has shown another one for 10 s"
    play(
        [
            *UP,
            removal,
            Send.time(1.0, cycles=8),
            Expect.step("teardown", Status.IN_PROGRESS, "RUNNING", "uninstall", words),
            *NOTHING_LEFT,
        ]
    )


def test_again_when_nothing_is_left(removal: Line) -> None:
    play([*UP, removal, *NOTHING_LEFT, Send.uninstall(), *NOTHING_LEFT])


def test_with_a_maintenance_job_under_way(removal: Line) -> None:
    play(
        [
            *UP,
            Send.hold("cleanup-node-0"),
            Send.command(begin("cleanup")),
            Send.until_running("cleanup-node-0"),
            removal,
            *NOTHING_LEFT,
        ]
    )


def test_with_a_replacement_under_way(removal: Line) -> None:
    world = World(spec(3), agents(4))
    play(
        [
            *UP,
            Send.command(REPLACE),
            Send.until_step("node-1", Status.STARTED, plan="recovery"),
            Send.time(1.0, cycles=4),
            removal,
            *NOTHING_LEFT,
        ],
        world,
    )


def test_an_agent_that_is_away_is_waited_for(removal: Line) -> None:
    play(
        [
            *UP,
            Send.agent_lost("127.0.0.3"),
            removal,
            Send.time(5.0, cycles=30),
            Expect.step("node-1", Status.WAITING, "UNREACHABLE", "uninstall", "forceComplete", "Tasks"),
            Expect.step("node-0", Status.COMPLETE, "DONE", "uninstall", phase="Reservations"),
            Expect.refused(ForceComplete("uninstall", "Reservations", "node-1"), RefusalKind.UNKNOWN, "has no step"),
            Send.agent_back("127.0.0.3"),
            *NOTHING_LEFT,
        ]
    )


def test_an_agent_that_does_not_return_is_left_behind_when_an_operator_says_so(removal: Line) -> None:
    play(
        [
            *UP,
            Send.agent_lost("127.0.0.3"),
            removal,
            Send.time(5.0, cycles=10),
            Expect.refused(ForceComplete("uninstall", "Tasks", "node-7"), RefusalKind.UNKNOWN, "node-7"),
            Send.command(ForceComplete("uninstall", "Tasks", "node-1")),
            Send.time(5.0, cycles=10),
            Expect.step("node-1", Status.WAITING, "NO_OFFER", "uninstall", phase="Reservations"),
            Send.command(ForceComplete("uninstall", "Reservations", "node-1")),
            until_over(),
            Expect.state("but for that agent nothing is left", lambda world: reserved(world) == ["127.0.0.3"]),
            Send.agent_back("127.0.0.3"),
            Expect.state("its task ends", lambda world: not world.mesos.live_tasks()),
        ]
    )


def test_what_mesos_does_not_allow_is_shown_and_not_asked_for_all_the_time(removal: Line) -> None:
    def forbid(world: World) -> None:
        world.mesos.forbidden = {"DESTROY"}

    def allow(world: World) -> None:
        world.mesos.forbidden = set()

    def asked(decisions: list[Decision]) -> bool:
        return 3 <= sum(len(decision.accepts) for decision in decisions) <= 9

    play(
        [
            *UP,
            Line("no volume may be destroyed", forbid),
            removal,
            Expect.decided("nothing yet", lambda decisions: True),
            Send.time(1.0, cycles=120),
            Expect.decided("a few times", asked),
            Expect.step(
                "node-1",
                Status.WAITING,
                "RELEASE_REFUSED",
                "uninstall",
                "destroy refused: not authorized",
                "Reservations",
            ),
            Line("all is allowed", allow),
            *NOTHING_LEFT,
        ]
    )


def test_a_task_that_is_seen_cannot_be_given_up(removal: Line) -> None:
    play(
        [
            *UP,
            removal,
            Expect.refused(ForceComplete("uninstall", "Tasks", "node-1"), RefusalKind.CONFLICT, "is being ended"),
        ]
    )


def test_a_master_that_forgets_the_framework_in_the_end(removal: Line) -> None:
    """Torn down, but the scheduler died before it had heard so."""
    world = play([*UP, removal])
    for _ in range(100):
        world.go_on(1.0)
        record = world.scheduler.state.uninstall
        if record is not None and record.released:
            break
    world.mesos.torn_down = True
    play([*NOTHING_LEFT], world)


@pytest.mark.parametrize("seed", range(60))
def test_a_crash_between_any_two_effects(seed: int, removal: Line) -> None:
    """Agents come and go, the scheduler dies all the time, and what is offered comes in parts."""
    chance = random.Random(seed)
    world = play([*UP, removal])
    scheduler, mesos = world.scheduler, world.mesos
    mesos.linger = seed % 6
    for _ in range(600):
        if scheduler.over:
            break
        _disturb(world, chance)
        mesos.step(chance.choice((0.5, 1.0, 5.0)))
        try:
            scheduler.cycle(crash_after=chance.randint(0, 6) if chance.random() < 0.5 else None)
        except CrashError:
            scheduler.start()
        assert not wrongs(mesos, scheduler), wrongs(mesos, scheduler)
    for agent in mesos.agents.values():
        mesos.reconnect(agent)
    play(NOTHING_LEFT, world)


def _disturb(world: World, chance: random.Random) -> None:
    mesos = world.mesos
    agent = chance.choice(list(mesos.agents.values()))
    match chance.randrange(12):
        case 0:
            mesos.partition(agent)
            mesos.mark_unreachable(agent)
        case 1 | 2:
            mesos.reconnect(agent)
        case 3:
            mesos.allocate(partial=True)
        case 4:
            mesos.rescind()
        case 5:
            mesos.refuse_next = {chance.choice(("DESTROY", "UNRESERVE"))}
        case 6:
            mesos.reboot(agent, new_agent_id=chance.random() < 0.3)
