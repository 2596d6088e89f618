"""An authority in files that a company's root has signed: TLS, maintenance and a rotation, and who is no peer."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import pytest

from tests.certificates import Authority, Issued
from tests.chaos.test_security import put
from tests.cluster.world import World, deployed, make_layout
from tests.clusters.test_encryption import addresses, phase_of, proven, session
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.chaos, pytest.mark.cassandra, pytest.mark.timeout(1200)]

# A peer that was taken waits for the first message; one that was not is answered at once.
PEER_SECONDS = 3.0


def chained(folder: Path, name: str, root: Authority) -> Authority:
    """Return an authority that the root has signed, with the whole chain in its file, as companies hand it out."""
    made = Authority(folder / name, name, root)
    made.ca.write_bytes(made.ca.read_bytes() + root.ca.read_bytes())
    return made


def trusting(authority: Authority) -> ssl.SSLContext:
    """Return what a client that trusts the whole chain uses."""
    return ssl.create_default_context(cafile=str(authority.ca))


def is_peer(world: World, issued: Issued, trusted: Authority) -> bool:
    """Return whether a node takes a connection of peers with this certificate."""
    context = ssl.create_default_context(cafile=str(trusted.ca))
    context.load_cert_chain(issued.certificate, issued.key)
    address = addresses(world)[0]
    try:
        with (
            socket.create_connection((address, world.layout.node_ports.storage), 10.0) as plain,
            context.wrap_socket(plain, server_hostname=address) as connection,
        ):
            # With TLS 1.3 a server refuses a certificate after the client's part of the handshake.
            connection.settimeout(patient(PEER_SECONDS))
            return connection.recv(1) != b""
    except TimeoutError:
        return True
    except (ssl.SSLError, ConnectionResetError):
        return False


def check_peers(world: World, ours: Authority, foreign: list[Issued]) -> None:
    """Only the certificates of the authority itself make peers."""
    assert is_peer(world, ours.issue("peer"), ours)
    for issued in foreign:
        assert not is_peer(world, issued, ours), issued


def test_an_authority_that_another_one_has_signed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Authority(tmp_path / "root", "the company")
    ours, following, theirs = (chained(tmp_path, name, root) for name in ("ours", "following", "theirs"))
    foreign = [root.issue("of-the-root"), theirs.issue("of-theirs"), theirs.issue("with-its-chain")]
    foreign[-1].certificate.write_bytes(foreign[-1].certificate.read_bytes() + theirs.ca.read_bytes())
    monkeypatch.setenv("SECURITY_CA_CERTIFICATE_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SECURITY_CA_KEY_FILE", str(tmp_path / "ca-key.pem"))
    monkeypatch.setenv("SECURITY_TRANSPORT_ENCRYPTION", "required")
    put(ours, tmp_path)
    with deployed(make_layout(tmp_path / "local", nodes=2, network="127.0.82")) as world:
        wait_for("certificates are proven", lambda: len(proven(world)) == 2, 120.0)
        with session(world, context=trusting(ours)) as cql:
            cql.execute("CREATE KEYSPACE t WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 2}")
            cql.execute("CREATE TABLE t.rows (id int PRIMARY KEY)")
            for number in range(50):
                cql.execute("INSERT INTO t.rows (id) VALUES (%s)", (number,))
        check_peers(world, ours, foreign)
        place = {"external_location": world.location, "key_spaces": ["t"]}
        world.run("repair", {"nodes": ["*"], "key_spaces": ["t"]})
        world.run("backup", {**place, "backup_name": "b", "count_rows": True})
        with session(world, context=trusting(ours)) as cql:
            cql.execute("TRUNCATE t.rows")
        world.run("restore", {**place, "backup_name": "b"}, 300.0)
        with session(world, context=trusting(ours)) as cql:
            assert len(cql.execute("SELECT id FROM t.rows").all()) == 50

        tasks = world.task_ids()
        put(following, tmp_path)
        wait_for("all nodes trust both", lambda: phase_of(world, "Trust both") == "COMPLETE", 180.0)
        assert world.put("/v1/plans/certificates/continue")[0] == 200
        wait_for("the rotation is complete", lambda: phase_of(world, "Trust the new one") == "COMPLETE", 240.0)
        assert world.task_ids() == tasks
        check_peers(world, following, [*foreign, ours.issue("of-before")])
        world.run("repair", {"nodes": ["*"], "key_spaces": ["t"]})
        world.run("backup", {**place, "backup_name": "after", "count_rows": True})
