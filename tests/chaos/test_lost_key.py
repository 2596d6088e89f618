"""The key of SECRETS_KEY_FILE is lost while nodes have TLS and users: what is told, and the way back in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import scheduler_process
from devcluster.secret_files import new_key, write
from tests.cluster.test_9_roll_out import deploy_steps, is_rolled_out
from tests.cluster.world import World, deployed, make_layout
from tests.clusters.test_authentication import SHOP, current, is_accepted, is_ready, stage_of
from tests.clusters.test_encryption import phase_of, proven, wait_rolled_out
from tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(2400)]

USERS = ("SECURITY_AUTHENTICATION", "SECURITY_AUTHORIZATION")
ROWS = set(range(100))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[World]:
    """Two nodes with TLS by the scheduler's own authority, and with users."""
    with pytest.MonkeyPatch.context() as patch:
        for name in USERS:
            patch.setenv(name, "on")
        patch.setenv("SECURITY_TRANSPORT_ENCRYPTION", "optional")
        with deployed(make_layout(tmp_path / "local", nodes=2, network="127.0.81")) as world:
            yield world


def rows(world: World, login: tuple[str, str] | None, table: str = "shop.t") -> set[int]:
    with world.cql(login) as session:
        return {row.id for row in session.execute(f"SELECT id FROM {table}")}


def warnings(world: World) -> str:
    return "\n".join(world.read("/v1/health")["warnings"])


def switch(world: World, value: str) -> None:
    code, answer = world.put("/v1/config", dict.fromkeys(USERS, value))
    assert code == 200, answer


def wait_switched(world: World, value: str) -> None:
    wait_rolled_out(world, f"authentication is {value}", lambda: stage_of(world) == {value} and is_rolled_out(world))


def test_the_way_back_in(two: World) -> None:
    world = two
    wait_for("the superusers are made", lambda: is_ready(world), 180.0)
    wait_for("certificates are proven", lambda: len(proven(world)) == 2, 120.0)
    old = current(world)
    with world.cql(old) as session:
        session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 2}")
        session.execute("CREATE TABLE shop.t (id int PRIMARY KEY)")
        session.execute(f"CREATE ROLE {SHOP[0]} WITH PASSWORD = '{SHOP[1]}' AND LOGIN = true")
        session.execute(f"GRANT SELECT ON KEYSPACE shop TO {SHOP[0]}")
        for number in ROWS:
            session.execute("INSERT INTO shop.t (id) VALUES (%s)", (number,))
    place = {"external_location": world.location, "key_spaces": ["shop"]}
    world.run("backup", {**place, "backup_name": "before"})
    tasks = world.task_ids()

    write(scheduler_process.secrets_key(world.layout), new_key())
    world.crash("scheduler")
    wait_for("it is told", lambda: "No node could start again" in warnings(world), 60.0)
    assert "The service cannot log in to Cassandra" in warnings(world)
    code, answer = world.put("/v1/users/rotate")
    assert (code, "change SECURITY_AUTHENTICATION to off" in answer["message"]) == (409, True), answer
    # Clients do not notice.
    assert rows(world, SHOP) == ROWS

    # No node is stopped before it can get a certificate again.
    switch(world, "off")
    wait_for("the roll-out waits", lambda: deploy_steps(world)["node-0"]["reason"] == "CERTIFICATE", 60.0)
    assert world.task_ids() == tasks
    assert world.put("/v1/certificates/rotate")[0] == 200
    wait_for("all nodes trust both", lambda: phase_of(world, "Trust both") == "COMPLETE", 300.0)
    assert world.put("/v1/plans/certificates/continue")[0] == 200
    wait_for("the rotation is complete", lambda: phase_of(world, "Trust the new one") == "COMPLETE", 300.0)
    wait_switched(world, "off")
    assert warnings(world) == ""
    assert rows(world, None) == ROWS

    switch(world, "on")
    wait_switched(world, "on")
    wait_for("all plans are complete", lambda: is_ready(world), 120.0)
    new = current(world)
    assert new[1] != old[1]
    assert not is_accepted(world, None)
    wait_for("the old password is refused", lambda: not is_accepted(world, old), 60.0)
    assert rows(world, SHOP) == rows(world, new) == ROWS

    world.run("backup", {**place, "backup_name": "after", "count_rows": True})
    again = {**place, "rename": {"shop": "again"}}
    world.run("restore", {**again, "backup_name": "after"}, 180.0)
    # A backup of before was signed with the lost key.
    code, answer = world.put("/v1/restore/start", {**again, "backup_name": "before", "rename": {"shop": "third"}})
    assert "trust" in str(answer if code >= 400 else world.wait_ended("restore", 180.0)), answer
    world.put("/v1/restore/stop")
    trusted = {**again, "backup_name": "before", "rename": {"shop": "third"}, "trust": True}
    wait_for("it is restored", lambda: world.put("/v1/restore/start", trusted)[0] == 202, 60.0)
    assert world.wait_ended("restore", 180.0)["state"] == "COMPLETE"
    assert rows(world, new, "again.t") == rows(world, new, "third.t") == ROWS
