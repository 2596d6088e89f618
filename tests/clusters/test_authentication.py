"""Authentication of real nodes: from the first start, and switched on while a client is connected.

`./dev chaos -k security` switches it on and off on three nodes, under a client at QUORUM.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cassandra import Unauthorized
from cassandra.cluster import NoHostAvailable, Session

from devcluster import scheduler_process
from executor.key_spaces import SERVICE_ROLES
from scheduler.security.sealing import sealer
from tests.cluster.world import World, deployed, make_layout
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(1500)]

SHOP = ("shop", "of-the-shop")
DEFAULT = ("cassandra", "cassandra")
DBA = ("dba", "a-password-of-the-operator")


def passwords(world: World) -> dict[str, str]:
    """Return the service's users and their passwords, opened with the scheduler's key."""
    record = world.records()[f"/dcos-service-{world.layout.service_name}/logins"]
    opener = sealer(str(scheduler_process.secrets_key(world.layout)), "")
    assert opener is not None
    return {user["name"]: opener.open(user["sealed_as"], user["sealed"])["password"] for user in record["users"]}


def current(world: World) -> tuple[str, str]:
    """Return the login that the service uses now."""
    name = next(user["name"] for user in world.read("/v1/users")["users"] if user["current"])
    return name, passwords(world)[name]


def is_accepted(world: World, login: tuple[str, str] | None) -> bool:
    """Return whether the cluster accepts a login."""
    try:
        with world.cql(login) as session:
            session.execute("SELECT release_version FROM system.local")
    except NoHostAvailable:
        return False
    return True


def is_ready(world: World) -> bool:
    """Return whether the superusers are made, and nothing is left to do."""
    return world.is_whole() and bool(world.read("/v1/users")["ready"])


def places_with(world: World, secret: str) -> list[str]:
    """Return where a secret can be read: files, records, task data, command lines and environments of processes."""
    layout = world.layout
    ended = subprocess.run(
        ["grep", "-rlaF", "--", secret, str(layout.directory)], capture_output=True, text=True, check=False
    )
    # Cassandra hashes passwords, so they are not on its volume either.
    found = ended.stdout.split()
    found += [path for path, record in world.records().items() if secret in str(record)]
    found += [path for path in ("/state", "/tasks", "/frameworks") if secret in str(world.master(path))]
    found += [path for path in ("/v1/plan", "/v1/users", "/v1/config", "/v1/events") if secret in str(world.read(path))]
    for process in Path("/proc").glob("[0-9]*"):
        for name in ("cmdline", "environ"):
            try:
                text = (process / name).read_bytes()
            except OSError:
                continue
            if secret.encode() in text:
                found.append(f"{process}/{name}")
    return found


def rotate(world: World) -> None:
    """Rotate, and wait until the operation is complete."""
    code, answer = world.put("/v1/users/rotate")
    assert code == 202, answer
    found = world.wait_ended("rotation", 120.0)
    assert (found["state"], found["id"]) == ("COMPLETE", answer["id"]), found


def test_a_new_cluster_has_it_from_its_first_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECURITY_AUTHENTICATION", "on")
    monkeypatch.setenv("SECURITY_AUTHORIZATION", "true")
    file = tmp_path / "superuser"
    file.write_text(":".join(DBA) + "\n")
    monkeypatch.setenv("SECURITY_SUPERUSER_FILE", str(file))
    with deployed(make_layout(tmp_path / "local", nodes=1, network="127.0.48")) as world:
        wait_for("the superusers are made", lambda: is_ready(world), 180.0)
        assert world.read("/v1/users")["nodes"] == {"node-0": {"authentication": "on", "authorization": "on"}}
        for login in (None, DEFAULT, SHOP):
            assert not is_accepted(world, login), login
        first = current(world)
        assert is_accepted(world, first)
        assert is_superuser(world, DBA)

        with world.cql(first) as session:
            assert {row.role for row in session.execute("LIST ROLES")} == {*SERVICE_ROLES, DBA[0]}
            session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}")
            session.execute("CREATE TABLE shop.t (id int PRIMARY KEY)")
            session.execute("INSERT INTO shop.t (id) VALUES (1)")
        place = {
            "backup_name": "b1",
            "external_location": world.location,
            "s3_access_key": "a",
            "s3_secret_key": "secret",
        }
        world.run("backup", {**place, "count_rows": True})
        world.run("restore", {**place, "key_spaces": ["shop"], "rename": {"shop": "shop2"}})
        world.run("repair", {})
        with world.cql(first) as session:
            assert [row.id for row in session.execute("SELECT id FROM shop2.t")] == [1]

        rotate(world)
        second = current(world)
        assert second[0] != first[0]
        assert is_accepted(world, first), "the other one stays valid until the next rotation"
        world.crash("scheduler")
        wait_for("the scheduler is back", world.is_whole, 60.0)
        rotate(world)
        third = current(world)
        assert third[0] == first[0]
        assert third[1] != first[1]
        wait_for("the old password is refused", lambda: not is_accepted(world, first), 30.0)

        code, answer = world.put("/v1/config", {"SECURITY_PASSWORD_DAYS": "0.0001"})
        assert (code, answer["restarts"]) == (200, []), answer
        wait_for("the schedule has rotated", lambda: current(world)[0] != third[0], 120.0)
        assert is_accepted(world, current(world))
        for secret in (first[1], second[1], third[1], DBA[1]):
            assert places_with(world, secret) == []


def stage_of(world: World) -> set[str]:
    """Return the stages of authentication of all nodes."""
    return {node["authentication"] for node in world.read("/v1/users")["nodes"].values()}


def messages(world: World) -> str:
    """Return what the steps of the deployment say."""
    plan: dict[str, Any] = world.read("/v1/plans/deploy")
    return "\n".join(step["message"] for phase in plan["phases"] for step in phase["steps"])


def test_a_running_node_is_switched_on(tmp_path: Path) -> None:
    with deployed(make_layout(tmp_path / "local", nodes=1, network="127.0.49")) as world:
        # A client without a right login, which connects again after each restart.
        with world.cql(SHOP) as shop:
            shop.execute("CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}")
            shop.execute("CREATE TABLE shop.t (id int PRIMARY KEY)")
            shop.execute("INSERT INTO shop.t (id) VALUES (1)")
            before = world.task_ids()
            code, answer = world.put("/v1/config", {"SECURITY_AUTHENTICATION": "on"})
            assert (code, answer["restarts"]) == (200, ["node-0"]), answer
            # The plan goes on as soon as the node is transitional, unless the client has connected again by then.
            wait_for("the node is launched again", lambda: world.task_ids() != before, 120.0)
            assert world.put("/v1/plans/deploy/interrupt")[0] == 200
            wait_for("the node is transitional", lambda: stage_of(world) == {"transitional"}, 300.0)
            wait_for("the client is back", lambda: reads(shop), 60.0)
            assert world.put("/v1/plans/deploy/continue")[0] == 200
            world.crash("scheduler")
            wait_for("the plan names the client", lambda: "as shop (wrong user or password)" in messages(world), 180.0)
            assert stage_of(world) == {"transitional"}
            assert not is_superuser(world, DEFAULT)

            with world.cql(current(world)) as session:
                session.execute(f"CREATE ROLE {SHOP[0]} WITH PASSWORD = '{SHOP[1]}' AND LOGIN = true")
            wait_for("authentication is on", lambda: stage_of(world) == {"on"}, 300.0)
            wait_for("all plans are complete", lambda: is_ready(world), 120.0)
            for login in (None, DEFAULT, ("shop", "wrong")):
                assert not is_accepted(world, login), login
            wait_for("the client is back", lambda: reads(shop), 60.0)
        rotate(world)
        world.run("repair", {"key_spaces": ["shop"]})


def reads(session: Session) -> bool:
    """Return whether the client can read its row."""
    try:
        return session.execute("SELECT id FROM shop.t").one() is not None
    except NoHostAvailable:
        return False


def is_superuser(world: World, login: tuple[str, str]) -> bool:
    """Return whether a login is a superuser; a transitional node lets a wrong one in as anonymous."""
    with world.cql(login) as session:
        try:
            rows = session.execute("LIST ROLES").all()
        except Unauthorized:
            return False
    return any(row.role == login[0] and row.super for row in rows)
