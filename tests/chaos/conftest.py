"""One cluster of three nodes for all cases. One that a case left broken is replaced by a new one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from devcluster.requests import UnreachableError
from tests.chaos import works
from tests.chaos.client import Client
from tests.chaos.faults import DISK_MB, PING_SECONDS, volumes_of
from tests.cluster.world import World, make_layout, make_world
from tests.disks import CannotMountError, small_disk
from tests.waiting import NotInTimeError, wait_for

NETWORK = "127.0.40"
_SETTLE_SECONDS = 120.0
# Five in a row, which one case after another would bring about, are an operator's to look at. A node that runs for a
# minute has left its failures behind.
_FEW = 2
_FORGET_SECONDS = 120.0


@dataclass(frozen=True)
class Ring:
    """A whole cluster and a client of it."""

    world: World
    client: Client


class Rings:
    """The cluster of the moment."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = 0
        self._open = ExitStack()
        self._ring: Ring | None = None

    def whole(self) -> Ring:
        """Return the settled cluster, or a new one."""
        if self._ring is not None and not _is_settled(self._ring.world):
            self.close()
        if self._ring is None:
            self._ring = self._deploy()
        world = self._ring.world
        wait_for("the failures of cases before are forgotten", lambda: _has_few_failures(world), _FORGET_SECONDS)
        return self._ring

    def close(self) -> None:
        """Stop it; its logs stay."""
        if self._ring is not None:
            self._ring.world.resume()
        self._ring = None
        self._open.close()

    def _deploy(self) -> Ring:
        self._number += 1
        began = time.monotonic()
        layout = make_layout(self._directory / str(self._number), nodes=3, network=NETWORK)
        world = make_world(replace(layout, agent_ping_seconds=PING_SECONDS))
        # Where that is not permitted they share the machine's disk, which no case may fill.
        with suppress(CannotMountError):
            for agent in layout.agents:
                self._open.enter_context(small_disk(volumes_of(agent), DISK_MB))
        self._open.callback(world.stop)
        world.start()
        world.wait_deployed()
        session = self._open.enter_context(world.cql())
        works.prepare(session)
        print(f"three nodes deployed in {time.monotonic() - began:.1f} s")
        return Ring(world, Client(session))


def _has_few_failures(world: World) -> bool:
    """Return whether no node has failed more often in a row than a case can begin with."""
    try:
        infos = [world.read(f"/v1/nodes/{name}/info") for name in world.read("/v1/nodes/list")]
    except UnreachableError:  # it was halted by the case before, and ends only now
        world.start()
        return False
    return all(int(info["failures"]) <= _FEW for info in infos)


def _is_settled(world: World) -> bool:
    """Undo all that a failed case can have left, and return whether the cluster becomes whole."""
    world.resume()
    with suppress(NotInTimeError):
        wait_for("whole", lambda: bool(world.start() or True) and world.is_whole(), 10.0)
        return True
    for work in works.WORKS:
        work.stop(world)
    with suppress(NotInTimeError):
        wait_for("whole", lambda: bool(world.start() or True) and world.is_whole(), _SETTLE_SECONDS)
        return True
    return False


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tell of a failure at once: the summary comes half an hour later."""
    if report.failed:
        print(f"\n{report.longreprtext}")


@pytest.fixture(scope="session")
def rings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rings]:
    """Clusters whose settings a case may change for all later ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CASSANDRA_YAML", "{}")
        # With `periodic`, Cassandra's default, what was acknowledged in the last 100 ms is lost when all replicas are
        # killed at once: its log is replayed up to the last marker, and those are written ten times a second.
        patch.setenv("CASSANDRA_COMMITLOG_SYNC", "batch")
        found = Rings(tmp_path_factory.mktemp("chaos"))
        try:
            yield found
        finally:
            found.close()


@pytest.fixture
def ring(rings: Rings) -> Ring:
    """Return a whole cluster."""
    return rings.whole()
