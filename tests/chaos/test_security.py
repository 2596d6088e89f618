"""One cluster goes from plain text to TLS, users and another authority, and back, with kill -9 at each step.

A client reads and writes at QUORUM all the time, and not one of its requests may fail.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import ConstantReconnectionPolicy, RoundRobinPolicy

from tests.certificates import Authority
from tests.chaos.switches import Killer, kill_cassandra, kill_executor, kill_scheduler, wait_serving
from tests.cluster.test_9_roll_out import is_rolled_out
from tests.cluster.traffic import Request, traffic
from tests.cluster.world import World, deployed, make_layout
from tests.clusters.test_authentication import current, is_accepted, is_ready, messages, stage_of
from tests.clusters.test_encryption import addresses, hang_up, phase_of, proven, shown, trusted
from tests.waiting import wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(5400)]

TLS, USERS = "SECURITY_TRANSPORT_ENCRYPTION", "SECURITY_AUTHENTICATION"
SHOP = ("shop", "of-the-shop")
PHASES = ("Trust both", "New certificates", "Trust the new one")
PROOF_SECONDS = 180.0


@dataclass
class Shop:
    """The client: what it wrote so far has to be there at the end."""

    world: World
    numbers: Iterator[int]
    written: int = 0

    @contextmanager
    def session(self, tls: bool) -> Iterator[Session]:
        """Connect at QUORUM. While nobody must log in, the login is not asked for."""
        profile = ExecutionProfile(
            load_balancing_policy=RoundRobinPolicy(), consistency_level=ConsistencyLevel.QUORUM, request_timeout=30.0
        )
        cluster = Cluster(
            addresses(self.world),
            port=self.world.layout.node_ports.native_transport,
            auth_provider=PlainTextAuthProvider(*SHOP),
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            protocol_version=5,
            connect_timeout=30.0,
            control_connection_timeout=30.0,
            ssl_context=ssl.create_default_context(cadata=trusted(self.world)) if tls else None,
            reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
        )
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    def busy(self, tls: bool) -> AbstractContextManager[list[int]]:
        """Write rows and read each of them; no request may fail."""

        def prepare(cql: Session) -> Request:
            insert = cql.prepare("INSERT INTO shop.t (id) VALUES (?)")
            select = cql.prepare("SELECT id FROM shop.t WHERE id = ?")
            insert.is_idempotent = select.is_idempotent = True

            def request(_: int) -> None:
                number = next(self.numbers)
                cql.execute(insert, (number,))
                assert cql.execute(select, (number,)).one() is not None
                self.written = number + 1

            return request

        return traffic(lambda: self.session(tls), prepare)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder with the files of the authority that the scheduler uses."""
    monkeypatch.setenv("SECURITY_CA_CERTIFICATE_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SECURITY_CA_KEY_FILE", str(tmp_path / "ca-key.pem"))
    monkeypatch.setenv("CASSANDRA_YAML", "{write_request_timeout: 10s, read_request_timeout: 10s}")
    put(Authority(tmp_path / "first", "first"), tmp_path)
    return tmp_path


def put(authority: Authority, folder: Path) -> None:
    """Replace the files of the authority, each at once."""
    for name, content in (("ca-key.pem", authority.key_pem()), ("ca.pem", authority.ca.read_bytes())):
        partial = folder / f"{name}.new"
        partial.touch(0o600)
        partial.write_bytes(content)
        partial.replace(folder / name)


def test_the_way_there_and_back(authority: Path, tmp_path: Path) -> None:
    with deployed(make_layout(tmp_path / "local", nodes=3, network="127.0.43")) as world:
        with world.cql() as session:
            session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}")
            session.execute("CREATE TABLE shop.t (id int PRIMARY KEY)")
        shop, killer = Shop(world, count()), Killer(world)

        with shop.busy(tls=False):
            killer.change("optional", {TLS: "optional"}, lambda: is_rolled_out(world))
            prove(world)
        hang_up(world)
        with shop.busy(tls=True):
            killer.change("required", {TLS: "required"}, lambda: is_rolled_out(world))
            prove(world)
            switch_users_on(world, killer)
        rotate(world, shop, authority)
        with shop.busy(tls=True):
            killer.change("users off", {USERS: "off"}, lambda: stage_of(world) == {"off"} and is_rolled_out(world))
            killer.turn()
            killer.change("back to optional", {TLS: "optional"}, lambda: is_rolled_out(world))
        with shop.busy(tls=False):
            killer.turn()
            killer.change("off", {TLS: "off"}, lambda: is_rolled_out(world))
        assert is_accepted(world, None)
        world.run("repair", {"key_spaces": ["shop"]})
        with shop.session(tls=False) as cql:
            found = {row.id for row in cql.execute("SELECT id FROM shop.t")}
        assert found >= set(range(shop.written))
        print(f"{shop.written} rows, {len(killer.told)} kills in restarts: {os.linesep.join(killer.told)}")


def prove(world: World) -> None:
    wait_for("certificates are proven", lambda: len(proven(world)) == 3, PROOF_SECONDS)
    assert shown(world) == proven(world)


def switch_users_on(world: World, killer: Killer) -> None:
    """Make the client's role while nodes are transitional, as the plan asks for."""
    killer.change("transitional", {USERS: "on"}, lambda: "as shop (wrong user or password)" in messages(world))
    assert stage_of(world) == {"transitional"}
    with superuser(world) as cql:
        cql.execute(f"CREATE ROLE {SHOP[0]} WITH PASSWORD = '{SHOP[1]}' AND LOGIN = true")
    killer.watch("users on", lambda: stage_of(world) == {"on"} and is_ready(world))


@contextmanager
def superuser(world: World) -> Iterator[Session]:
    cluster = Cluster(
        addresses(world),
        port=world.layout.node_ports.native_transport,
        auth_provider=PlainTextAuthProvider(*current(world)),
        ssl_context=ssl.create_default_context(cadata=trusted(world)),
        protocol_version=5,
        connect_timeout=30.0,
        control_connection_timeout=30.0,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def rotate(world: World, shop: Shop, authority: Path) -> None:
    """Put another authority into the files; in each phase every kind of process is killed once."""
    before = world.read("/v1/certificates")["authorities"][0]["fingerprint"]
    put(Authority(authority / "second", "second"), authority)
    wait_for("the rotation has begun", lambda: world.read("/v1/certificates")["rotation"] is not None, 60.0)
    with shop.busy(tls=True):  # which trusts both
        for phase in PHASES:
            strike(world, phase)
            wait_complete(world, phase)
            if phase == PHASES[0]:
                assert world.put("/v1/plans/certificates/continue")[0] == 200
        prove(world)
    (after,) = world.read("/v1/certificates")["authorities"]
    assert after["fingerprint"] != before
    assert world.is_whole()


def wait_complete(world: World, phase: str) -> None:
    wait_for(f"{phase} is complete", lambda: phase_of(world, phase) == "COMPLETE", PROOF_SECONDS)


def strike(world: World, phase: str) -> None:
    """Kill the scheduler, an executor and a Cassandra while a halted executor holds the phase open."""
    wait_for(f"{phase} has begun", lambda: phase_of(world, phase) in ("IN_PROGRESS", "COMPLETE"), PROOF_SECONDS)
    with world.halted(world.executors_on(world.agent_of("node-2"))):
        kill_scheduler(world, world.agent_of("node-2"))
        for name, kill in (("node-0", kill_executor), ("node-1", kill_cassandra)):
            task = world.task_ids()[name]
            kill(world, world.agent_of(name))
            wait_serving(world, name, task)
