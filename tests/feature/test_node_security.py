"""One real Cassandra that speaks CQL over TLS alone, and whose Jolokia is held by requests that never end."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel

from executor.cassandra.native_transport import answers
from executor.cql.encryption import Encryption, read
from executor.jobs import cql
from executor.jobs.context import JobError
from executor.node.reporting import Report, believed
from tests.feature.cassandra_ring import LAUNCH, RingNode, running_ring
from tests.waiting import wait_for

ADDRESS = "127.0.46.11"
_PASSWORD = "of-the-store"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A keystore, and its certificate as PEM."""
    directory = tmp_path_factory.mktemp("keys")
    store = ["-keystore", str(directory / "node.p12"), "-storepass", _PASSWORD, "-alias", "node"]
    subject = ["-genkeypair", "-keyalg", "RSA", "-dname", "CN=node", "-validity", "30"]
    subprocess.run(["keytool", *subject, *store], check=True, capture_output=True)
    exported = subprocess.run(["keytool", "-exportcert", "-rfc", *store], check=True, capture_output=True, text=True)
    return directory / "node.p12", exported.stdout


@pytest.fixture(scope="module")
def node(certificate: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RingNode]:
    options = {"enabled": True, "optional": False, "keystore": str(certificate[0]), "keystore_password": _PASSWORD}
    launch = replace(LAUNCH, options={**LAUNCH.options, "client_encryption_options": options})
    with running_ring(tmp_path_factory.mktemp("ring"), [ADDRESS], launch) as ring:
        yield ring.nodes[0]


def _release(node: RingNode, encryption: Encryption | None) -> str:
    facts = replace(node.facts(), encryption=encryption)
    with cql.connect(facts, {}, ConsistencyLevel.ONE) as session:
        return str(session.execute("SELECT release_version FROM system.local").one().release_version)


def test_a_session_is_encrypted(node: RingNode, certificate: tuple[Path, str]) -> None:
    own = read(node.launch.options, ADDRESS)
    assert own == Encryption(ADDRESS)
    assert _release(node, own) == "5.0.8"
    assert _release(node, Encryption("10.0.0.1", certificate[1])) == "5.0.8"
    assert answers(ADDRESS, node.launch.ports.native_transport, 5.0)


def test_another_certificate_is_refused(node: RingNode, tmp_path: Path) -> None:
    store = ["-keystore", str(tmp_path / "other.p12"), "-storepass", _PASSWORD, "-alias", "other"]
    subprocess.run(["keytool", "-genkeypair", "-keyalg", "RSA", "-dname", "CN=x", *store], check=True)
    other = subprocess.run(["keytool", "-exportcert", "-rfc", *store], check=True, capture_output=True, text=True)
    with pytest.raises(JobError, match="CERTIFICATE_VERIFY_FAILED"):
        _release(node, Encryption(ADDRESS, other.stdout))


def test_requests_that_never_end_do_not_take_a_node_down(node: RingNode) -> None:
    assert node.cassandra is not None
    told = node.cassandra.status(5.0)
    assert told.mode == "NORMAL"
    node.cassandra.mark_serving()
    with ExitStack() as held:
        for _ in range(40):
            connection = held.enter_context(socket.create_connection((node.jolokia.address, node.jolokia.port)))
            connection.sendall(b"POST /jolokia/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n")
        found = believed(Report(told), node.cassandra.status(2.0))
        assert (found.mode, found.native_transport_running) == ("NORMAL", True)
        wait_for("Jolokia answers again", lambda: node.cassandra.status(2.0).mode == "NORMAL", 40.0)  # type: ignore[union-attr]
