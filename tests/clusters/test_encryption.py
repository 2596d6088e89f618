"""Real nodes go from plain text to TLS while a client reads and writes; certificates are renewed.

The way back is a part of `./dev chaos -k security`.
"""

from __future__ import annotations

import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import ConstantReconnectionPolicy, RoundRobinPolicy
from cryptography import x509

from devcluster import processes
from devcluster.layout import ClusterLayout
from tests.cluster.test_9_roll_out import deploy_steps, is_rolled_out
from tests.cluster.traffic import Request, traffic
from tests.cluster.world import World, deployed, make_layout
from tests.waiting import NotInTimeError, patient, wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(1200), pytest.mark.xdist_group("encryption")]

NAME = "SECURITY_TRANSPORT_ENCRYPTION"
ROLL_OUT_SECONDS = 400.0


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three nodes in plain text, with a table of three replicas."""
    layout = make_layout(tmp_path_factory.mktemp("tls") / "local", nodes=3, network="127.0.26")
    with pytest.MonkeyPatch.context() as patch:
        # A busy machine answers late from a JVM that has just started; what a peer cannot be asked is still an error.
        patch.setenv("CASSANDRA_YAML", "{write_request_timeout: 10s, read_request_timeout: 10s}")
        yield from _deployed(layout)


def _deployed(layout: ClusterLayout) -> Iterator[World]:
    with deployed(layout) as world:
        with session(world) as cql:
            cql.execute("CREATE KEYSPACE t WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}")
            cql.execute("CREATE TABLE t.rows (id int PRIMARY KEY, text text)")
        yield world


def addresses(world: World) -> list[str]:
    return [node.partition(":")[0] for node in world.read("/v1/connection")["nodes"]]


def trusted(world: World) -> str:
    """The certificate of the cluster's authority, as a client gets it."""
    return "".join(item["certificate"] for item in world.read("/v1/certificates")["authorities"])


@contextmanager
def session(world: World, tls: bool = False, context: ssl.SSLContext | None = None) -> Iterator[Session]:
    """Open a session of a client; with `tls` it trusts the cluster's authority, unless it has a context of its own."""
    if tls and context is None:
        context = ssl.create_default_context(cadata=trusted(world))
    profile = ExecutionProfile(
        load_balancing_policy=RoundRobinPolicy(),
        consistency_level=ConsistencyLevel.QUORUM,
        request_timeout=patient(30.0),
    )
    cluster = Cluster(
        addresses(world),
        port=world.layout.node_ports.native_transport,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        protocol_version=5,
        connect_timeout=patient(30.0),
        control_connection_timeout=patient(30.0),
        ssl_context=context,
        reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def hang_up(world: World) -> None:
    """End what a client left: the driver keeps a connection to a node that comes back while the client ends.

    The plan would wait for that client, and rightly so.
    """
    nodes = {(address, world.layout.node_ports.native_transport) for address in addresses(world)}
    for item in psutil.Process().net_connections("tcp"):
        if tuple(item.raddr) in nodes:
            with suppress(OSError), socket.fromfd(item.fd, item.family, item.type) as left:
                left.shutdown(socket.SHUT_RDWR)


def busy(world: World, tls: bool = False) -> AbstractContextManager[list[int]]:
    """The numbers written so far by a client that writes and reads each of them at QUORUM; no request may fail."""

    def prepare(cql: Session) -> Request:
        insert = cql.prepare("INSERT INTO t.rows (id, text) VALUES (?, ?)")
        select = cql.prepare("SELECT text FROM t.rows WHERE id = ?")
        insert.is_idempotent = select.is_idempotent = True

        def request(number: int) -> None:
            cql.execute(insert, (number, f"row {number}"))
            assert cql.execute(select, (number,)).one().text == f"row {number}"

        return request

    return traffic(lambda: session(world, tls), prepare)


def change(world: World, value: str) -> None:
    code, answer = world.put("/v1/config", {NAME: value})
    assert code == 200, answer


def roll_out(world: World, value: str) -> None:
    tasks = world.task_ids()
    change(world, value)

    def done() -> bool:
        return all(world.task_ids()[name] != task for name, task in tasks.items()) and is_rolled_out(world)

    wait_rolled_out(world, f"all nodes run with {value}", done)


def wait_rolled_out(world: World, what: str, done: Callable[[], bool]) -> None:
    """Wait for the end of a roll-out; one that stops says why."""
    try:
        wait_for(what, done, ROLL_OUT_SECONDS)
    except NotInTimeError as error:
        raise NotInTimeError(f"{error}: {deploy_steps(world)}") from error


def serial(world: World, address: str, port: int) -> str:
    """The serial number of the certificate that a port shows to a client which trusts the cluster's authority."""
    context = ssl.create_default_context(cadata=trusted(world))
    with _connected(context, address, port) as connection:
        found = connection.getpeercert(binary_form=True)
    assert found is not None
    return f"{x509.load_der_x509_certificate(found).serial_number:x}"


@contextmanager
def _connected(context: ssl.SSLContext, address: str, port: int) -> Iterator[ssl.SSLSocket]:
    with (
        socket.create_connection((address, port), 10.0) as plain,
        # The certificate names the address, so that this checks it too.
        context.wrap_socket(plain, server_hostname=address) as connection,
    ):
        yield connection


def shown(world: World) -> dict[str, set[str]]:
    """What each node shows on its two ports."""
    ports = world.layout.node_ports
    return {
        address: {serial(world, address, ports.storage), serial(world, address, ports.native_transport)}
        for address in addresses(world)
    }


def proven(world: World) -> dict[str, set[str]]:
    """What each node says of itself, once its executor has proven it."""
    found: dict[str, Any] = world.read("/v1/certificates")
    return {node["address"]: {node["serial"]} for node in found["nodes"] if node["ports"]}


def phase_of(world: World, name: str) -> str:
    """The status of a phase of the rotation; empty while there is no plan."""
    found = world.get("/v1/plans/certificates")
    phases = found.json()["phases"] if found.status == 200 else []
    return next((phase["status"] for phase in phases if phase["name"] == name), "")


@pytest.mark.in_order
def test_the_way_to_required(secure: World) -> None:
    code, answer = secure.put("/v1/config", {NAME: "required"})
    assert (code, "first" in answer["message"]) == (409, True), answer

    with busy(secure):
        roll_out(secure, "optional")
        wait_for("certificates are proven", lambda: len(proven(secure)) == 3, 180.0)
        assert shown(secure) == proven(secure)

        # The client in plain text holds the next change up, and is named.
        change(secure, "required")
        wait_for("the plan waits", lambda: deploy_steps(secure)["node-0"]["reason"] == "PLAIN_CLIENTS", 30.0)
        assert "127.0.0.1" in deploy_steps(secure)["node-0"]["message"]
    hang_up(secure)

    with busy(secure, tls=True):
        wait_rolled_out(secure, "all nodes require TLS", lambda: is_rolled_out(secure))
        with pytest.raises(Exception, match="Unable to connect"), session(secure):
            pass
        wait_for("certificates are proven", lambda: len(proven(secure)) == 3, 180.0)
        assert shown(secure) == proven(secure)
        code, answer = secure.put("/v1/config", {NAME: "off"})
        assert code == 409, answer


@pytest.mark.in_order
def test_maintenance_works_when_tls_is_required(secure: World) -> None:
    secure.run("repair", {"nodes": ["*"], "key_spaces": ["t"]})
    secure.run("backup", {"backup_name": "tls", "external_location": secure.location, "key_spaces": ["t"]})
    with session(secure, tls=True) as cql:
        before = {row.id for row in cql.execute("SELECT id FROM t.rows")}
        cql.execute("TRUNCATE t.rows")
    secure.run("restore", {"backup_name": "tls", "external_location": secure.location, "key_spaces": ["t"]}, 300.0)
    with session(secure, tls=True) as cql:
        assert {row.id for row in cql.execute("SELECT id FROM t.rows")} == before


@pytest.mark.in_order
def test_certificates_are_renewed_without_a_restart(secure: World) -> None:
    before, tasks = shown(secure), secure.task_ids()
    with busy(secure, tls=True):
        code, answer = secure.put("/v1/certificates/renew")
        assert code in (200, 202), answer

        def renewed() -> bool:
            found = proven(secure)
            return len(found) == 3 and all(not found[address] & before[address] for address in before)

        wait_for("all nodes have other certificates", renewed, 180.0)
        assert shown(secure) == proven(secure)
    assert secure.task_ids() == tasks


@pytest.mark.in_order
def test_the_authority_is_rotated_without_a_restart(secure: World) -> None:
    before, tasks = secure.read("/v1/certificates"), secure.task_ids()
    code, answer = secure.put("/v1/certificates/rotate")
    assert code == 200, answer
    with busy(secure, tls=True):  # a client that trusts both
        secure.crash("scheduler")
        wait_for("all nodes trust both", lambda: phase_of(secure, "Trust both") == "COMPLETE", 180.0)
        assert phase_of(secure, "New certificates") == "WAITING"
        assert secure.put("/v1/plans/certificates/continue")[0] == 200
        wait_for("the rotation is complete", lambda: phase_of(secure, "Trust the new one") == "COMPLETE", 240.0)
    after = secure.read("/v1/certificates")
    (authority,) = after["authorities"]
    assert authority["fingerprint"] != before["authorities"][0]["fingerprint"]
    assert {node["authority"] for node in after["nodes"]} == {authority["fingerprint"]}
    assert {tuple(node["trusted"]) for node in after["nodes"]} == {(authority["fingerprint"],)}
    assert shown(secure) == proven(secure)
    assert secure.task_ids() == tasks
    assert secure.is_whole()
    # Peers talk to one another with the new certificates, also on new connections.
    secure.run("repair", {"nodes": ["*"], "key_spaces": ["t"]})


def test_a_new_cluster_requires_tls_from_its_first_node_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "required")
    with deployed(make_layout(tmp_path / "new", nodes=2, network="127.0.27")) as world:
        wait_for("certificates are proven", lambda: len(proven(world)) == 2, 180.0)
        before = proven(world)
        assert shown(world) == before
        # A killed Cassandra comes back with another certificate.
        address = world.read("/v1/nodes/node-1/info")["hostname"]
        for process in world.cassandras_on(world.agent_of("node-1")):
            processes.send(process, signal.SIGKILL)
        wait_for("it has another certificate", lambda: is_renewed(world, address, before), 240.0)
        assert shown(world) == proven(world)
        # No file that the API or Mesos' state shows holds a private key; sandboxes alone do.
        assert "PRIVATE KEY" not in str(world.records())
        assert "PRIVATE KEY" not in str(world.master("/state"))


def is_renewed(world: World, address: str, before: dict[str, set[str]]) -> bool:
    found = proven(world).get(address)
    return found is not None and not found & before[address] and len(proven(world)) == 2
