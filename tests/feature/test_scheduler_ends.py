"""A scheduler that ends by itself, and its successor: lost session, lost framework, two at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kazoo.client import KazooClient

from devcluster.layout import Address
from devcluster.processes import ProcessTable
from scheduler.errors import Exit
from tests import sessions
from tests.contract.conftest import Server
from tests.contract.test_driver import Mesos, teardown
from tests.feature.scheduler_process import Make, Scheduler
from tests.ports import free_port
from tests.waiting import wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper, pytest.mark.timeout(120)]


def serves(scheduler: Scheduler) -> bool:
    return scheduler.status("/v1/plan") == 200


def records(zookeeper: KazooClient, path: str) -> dict[str, bytes]:
    """All that is stored, but for the lock and what is told to people."""
    found: dict[str, bytes] = {}
    for name in zookeeper.get_children(path):
        if name not in ("lock", "events"):
            found[f"{path}/{name}"] = zookeeper.get(f"{path}/{name}")[0]
            found |= records(zookeeper, f"{path}/{name}")
    return found


def test_a_session_that_the_server_ends_ends_it_and_the_next_one_goes_on(
    make: Make, running: Server, zookeeper: KazooClient
) -> None:
    scheduler = make().start()
    wait_for("it serves", lambda: serves(scheduler))
    before = records(zookeeper, scheduler.root)
    began = time.monotonic()
    sessions.expire(running.hosts, f"{scheduler.root}/lock")
    assert scheduler.exit_code() == Exit.SESSION_LOST
    print(f"ended {time.monotonic() - began:.1f} s after its session")
    scheduler.start()
    wait_for("the next one serves", lambda: serves(scheduler), 15.0)
    assert records(zookeeper, scheduler.root) == before


def test_zookeeper_gone_for_longer_than_the_session(make: Make, running: Server) -> None:
    """Nobody can end the session meanwhile, and who is back soon enough after the server finds it again."""
    scheduler = make(ZOOKEEPER_SESSION_TIMEOUT_S="6").start()
    wait_for("it serves", lambda: serves(scheduler))
    running.kill()
    wait_for("an answer says how old it is", lambda: (scheduler.age() or 0) > 10, 20.0)
    assert scheduler.post("/v1/plan/interrupt") == 503
    assert scheduler.status("/v1/health") == 200, "it waits, and is not to be killed for that"
    running.start()
    began = time.monotonic()
    wait_for("it goes on", lambda: scheduler.post("/v1/plan/interrupt") == 200)
    print(f"it takes commands {time.monotonic() - began:.1f} s after ZooKeeper is back")
    assert scheduler.age() is None
    assert scheduler.runs()


def test_of_two_that_are_started_at_once_one_serves_and_the_other_changes_nothing(
    make: Make, zookeeper: KazooClient
) -> None:
    both = [make(NODES=nodes, ZOOKEEPER_SESSION_TIMEOUT_S="6") for nodes in ("3", "5")]
    for scheduler in both:
        scheduler.start()
    wait_for("one of them ends", lambda: not all(item.runs() for item in both))
    loser, winner = sorted(both, key=Scheduler.runs)
    assert loser.exit_code() == Exit.LOCKED
    assert "another scheduler" in loser.said()
    assert serves(winner)
    (configuration,) = zookeeper.get_children(f"{winner.root}/configurations")
    stored = zookeeper.get(f"{winner.root}/configurations/{configuration}")[0].decode()
    assert f'"nodes": {winner.environment["NODES"]}' in stored


@pytest.fixture
def mesos(tmp_path: Path) -> Iterator[Mesos]:
    made = Mesos(ProcessTable(tmp_path / "mesos"), Address("127.0.0.1", free_port()), Address("127.0.46.2", 5051))
    made.start_master()
    yield made
    made.stop()


def test_a_framework_that_mesos_has_removed_is_a_clear_end_and_its_lost_id_a_new_beginning(
    make: Make, mesos: Mesos, zookeeper: KazooClient
) -> None:
    """As docs/operations/exit-codes.md has it: REMOVED at each start, until an operator removes the id."""
    scheduler = make(MESOS_MASTER=str(mesos.address)).start()
    id_path = f"{scheduler.root}/framework-id"
    wait_for("it has its id", lambda: zookeeper.exists(id_path) is not None)
    before = records(zookeeper, scheduler.root)
    teardown(mesos, mesos.frameworks()[0]["id"])
    assert scheduler.exit_code() == Exit.REMOVED
    scheduler.start()
    assert scheduler.exit_code() == Exit.REMOVED
    assert "SERVICE_FAILOVER_TIMEOUT_S" in scheduler.said()
    assert records(zookeeper, scheduler.root) == before
    zookeeper.delete(id_path)
    scheduler.start()
    wait_for("it has another id", lambda: zookeeper.exists(id_path) is not None)
    wait_for("it serves", lambda: serves(scheduler))
    after = records(zookeeper, scheduler.root)
    assert after.pop(id_path) != before.pop(id_path)
    assert after == before
