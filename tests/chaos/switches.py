"""Kill -9 in the middle of each step of a roll-out: the scheduler, the executor and Cassandra, in turn."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import cycle

from devcluster import processes
from devcluster.layout import Agent
from devcluster.processes import Process
from devcluster.requests import UnreachableError
from tests.chaos.invariants import check_nothing_twice
from tests.cluster.test_9_roll_out import deploy_steps
from tests.cluster.world import World
from tests.waiting import NotInTimeError, wait_for

STAGE_SECONDS = 600.0
_STARTED_SECONDS = 120.0
_SERVES_SECONDS = 240.0


def kill_scheduler(world: World, agent: Agent) -> None:
    """Kill the scheduler, and start it again as Marathon would."""
    world.crash("scheduler")


def kill_executor(world: World, agent: Agent) -> None:
    """Kill the executors on an agent."""
    _kill(lambda: world.executors_on(agent))


def kill_cassandra(world: World, agent: Agent) -> None:
    """Kill the Cassandra on an agent."""
    _kill(lambda: world.cassandras_on(agent))


def _kill(find: Callable[[], Iterable[Process]]) -> None:
    found: list[Process] = []

    def exist() -> bool:
        found[:] = find()
        return bool(found)

    wait_for("there is something to kill", exist, _STARTED_SECONDS)
    for process in found:
        processes.send(process, signal.SIGKILL)
    assert processes.wait_ended(found, 10.0)


KILLS = (kill_scheduler, kill_executor, kill_cassandra)


class Killer:
    """Strikes each node that is being restarted, once for each of its restarts; the kinds of kills take turns."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kills = cycle(KILLS)
        self._known: dict[str, str] = {}
        self._struck: set[str] = set()
        self.told: list[str] = []

    def turn(self) -> None:
        """Skip one kind, so that another node meets each of them in the next stage."""
        next(self._kills)

    def change(self, stage: str, settings: Mapping[str, str], done: Callable[[], bool]) -> None:
        """Change settings, and strike until the stage is done."""
        self._known = self._world.task_ids()
        code, answer = self._world.put("/v1/config", settings)
        assert code == 200, answer
        self.watch(stage, done)

    def watch(self, stage: str, done: Callable[[], bool]) -> None:
        """Strike until the stage is done. A step that stops is shown."""

        def is_done() -> bool:
            self._world.start()
            check_nothing_twice(self._world)
            with suppress(UnreachableError, AssertionError):
                self._strike(stage)
                return not self._struck and done()
            return False

        try:
            wait_for(f"{stage} is done", is_done, STAGE_SECONDS)
        except NotInTimeError as error:
            raise NotInTimeError(f"{error}: {deploy_steps(self._world)}") from error

    def _strike(self, stage: str) -> None:
        world = self._world
        serving = {address.partition(":")[0] for address in world.read("/v1/connection")["nodes"]}
        for name, task in world.task_ids().items():
            info = world.read(f"/v1/nodes/{name}/info")
            if name in self._struck:
                if info["hostname"] in serving and info["mode"] == "NORMAL":
                    self._struck.discard(name)
                    self._known[name] = task
            elif task != self._known[name]:
                self._struck.add(name)
                kill = next(self._kills)
                agent = world.agent_of(name)
                if kill is not kill_scheduler:
                    _wait_started(world, agent)
                kill(world, agent)
                self.told.append(f"{stage}: {kill.__name__} in the restart of {name}")
                print(self.told[-1], flush=True)


def _wait_started(world: World, agent: Agent) -> None:
    wait_for("Cassandra is started", lambda: bool(world.cassandras_on(agent)), _STARTED_SECONDS)


def wait_serving(world: World, name: str, before: str) -> None:
    """Wait until a node whose task was killed serves with another one."""

    def serves() -> bool:
        with suppress(UnreachableError, AssertionError):
            serving = {address.partition(":")[0] for address in world.read("/v1/connection")["nodes"]}
            info = world.read(f"/v1/nodes/{name}/info")
            return info["id"] != before and info["hostname"] in serving
        return False

    wait_for(f"{name} serves again", serves, _SERVES_SECONDS)
