"""TLS to a real ZooKeeper, and one sentence with the cause for each way in which it fails."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from devcluster import processes, zookeeper
from devcluster.bundles import Bundles
from devcluster.java import find_home
from devcluster.layout import Address
from devcluster.processes import ProcessTable
from scheduler.errors import Exit, FatalError, StoreUnavailableError
from scheduler.security.tls import Tls
from scheduler.security.zookeeper import Access, Credentials
from scheduler.storage.zookeeper import ZooKeeper, ZooKeeperStore
from tests.certificates import DAY, Authority, Issued
from tests.contract.conftest import ROOT, SESSION_SECONDS
from tests.ports import free_port
from tests.waiting import patient

pytestmark = pytest.mark.zookeeper

CREDENTIALS = Credentials("alice", "correct-horse")


@dataclass(frozen=True)
class Secure:
    """A server that demands a client's certificate on its secure port, and knows no digest on another's."""

    plain: str
    secure: str
    authority: Authority
    client: Issued

    @property
    def tls(self) -> Tls:
        return Tls(str(self.authority.ca), str(self.client.certificate), str(self.client.key))


@contextmanager
def run_server(directory: Path, lines: list[str], options: list[str]) -> Iterator[Address]:
    """Run a server with more lines in zoo.cfg and more options of Java."""
    java_home = find_home()
    assert java_home is not None, "no JDK 17; ./dev test installs one"
    bundles = Bundles(ROOT / ".dev" / "bundles")
    bundles.build(java_home, lambda _: None)
    address = Address("127.0.0.1", free_port())
    command = zookeeper.prepare(java_home / "bin" / "java", bundles.zookeeper, address, directory / "zk")
    with Path(command[-1]).open("a") as file:
        file.write("\n".join([*lines, ""]))
    table = ProcessTable(directory)
    process = table.start("zookeeper", [command[0], *options, *command[1:]], dict(os.environ))
    try:
        table.wait_ready("zookeeper", lambda: zookeeper.is_serving(address), 30.0)
        yield address
    finally:
        processes.stop([process], 10.0)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secure]:
    directory = tmp_path_factory.mktemp("secure")
    authority = Authority(directory / "pki")
    server, client = authority.issue("server"), authority.issue("client")
    port = free_port()
    lines = [
        f"secureClientPort={port}",
        "secureClientPortAddress=127.0.0.1",
        "serverCnxnFactory=org.apache.zookeeper.server.NettyServerCnxnFactory",
        f"ssl.keyStore.location={server.both}",
        f"ssl.trustStore.location={authority.ca}",
        "ssl.clientAuth=need",
    ]
    with run_server(directory, lines, []) as address:
        yield Secure(str(address), f"127.0.0.1:{port}", authority, client)


@contextmanager
def handshakes(served: Issued) -> Iterator[str]:
    """Serve nothing but TLS handshakes with a certificate; yield host:port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served.certificate, served.key)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        context.wrap_socket(connection, server_side=True).close()
                    except OSError:
                        continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(patient(10))


def failure(hosts: str, tls: Tls | None) -> str:
    """Return the sentence of a connection that fails."""
    connection = ZooKeeper(hosts, "/x", SESSION_SECONDS, lambda: None, Access((CREDENTIALS,), tls=tls))
    with closing(connection), pytest.raises(StoreUnavailableError) as raised:
        connection.connect(3.0)
    return str(raised.value)


def test_records_and_lock_over_tls_with_a_certificate_of_our_own(secure: Secure) -> None:
    access = Access((CREDENTIALS,), tls=secure.tls)
    with closing(ZooKeeper(secure.secure, "/dcos-service-tls", SESSION_SECONDS, lambda: None, access)) as connection:
        connection.connect(patient(15))
        connection.take_lock(patient(5))
        assert connection.protect() == 0
        store = ZooKeeperStore(connection)
        writes: dict[str, bytes | None] = {f"nodes/node-{number}": b"x" * 20_000 for number in range(40)}
        store.commit(writes)
        assert store.load() == writes
        connection.remove_all()


def test_without_a_certificate_of_our_own_the_server_refuses(secure: Secure) -> None:
    words = failure(secure.secure, Tls(str(secure.authority.ca)))
    assert words.startswith("no connection to ZooKeeper after 3 s: ")
    assert "alert bad certificate; ZooKeeper refuses the scheduler's certificate: check" in words


def test_a_certificate_of_another_authority_is_refused(secure: Secure, tmp_path: Path) -> None:
    other = Authority(tmp_path, "another authority")
    words = failure(secure.secure, Tls(str(other.ca)))
    assert "unable to get local issuer certificate; check ZooKeeper's certificate and ZOOKEEPER_CA_FILE" in words


def test_a_plain_port_is_no_tls(secure: Secure) -> None:
    words = failure(secure.plain, secure.tls)
    assert words.endswith("; with ZOOKEEPER_CA_FILE, ZOOKEEPER_SERVERS must name the secure ports"), words


def test_a_secure_port_is_nothing_without_tls(secure: Secure) -> None:
    words = failure(secure.secure, None)
    assert words.endswith(": socket connection broken; if the port is a secure one, set ZOOKEEPER_CA_FILE")


@pytest.mark.parametrize(
    ("address", "lasts", "words"),
    [
        pytest.param("127.0.0.1", -DAY, "certificate has expired", id="expired"),
        pytest.param("127.0.0.9", DAY, "IP address mismatch", id="of another server"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused_in_words_of_the_cause(
    tmp_path: Path, address: str, lasts: timedelta, words: str
) -> None:
    authority = Authority(tmp_path)
    with handshakes(authority.issue("server", address, lasts)) as hosts:
        found = failure(hosts, Tls(str(authority.ca)))
    assert words in found
    assert "_ssl.c" not in found


def test_no_authority_of_the_system_is_trusted(tmp_path: Path) -> None:
    """One of them could be anybody's; kazoo's own context trusts them all."""
    context = Tls(str(Authority(tmp_path).ca)).context()
    assert len(context.get_ca_certs()) == 1
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED


def test_nobody_listens(tmp_path: Path) -> None:
    assert failure(f"127.0.0.1:{free_port()}", None).endswith("Connection refused")


def test_a_server_without_the_scheme_digest_refuses_the_credentials(tmp_path: Path) -> None:
    def begin(connection: ZooKeeper) -> None:
        connection.connect(patient(15))
        connection.take_lock(patient(5))

    with run_server(tmp_path, [], ["-Dzookeeper.DigestAuthenticationProvider.enabled=false"]) as address:
        connection = ZooKeeper(str(address), "/x", SESSION_SECONDS, lambda: None, Access((CREDENTIALS,)))
        with closing(connection), pytest.raises(FatalError, match="AuthFailed") as raised:
            begin(connection)
        assert raised.value.code is Exit.UNAUTHORIZED
        assert "allow the scheme digest" in str(raised.value)


@pytest.mark.parametrize("credentials", [(), (CREDENTIALS,)], ids=["none", "digest"])
def test_a_server_that_demands_credentials(tmp_path: Path, credentials: tuple[Credentials, ...]) -> None:
    def begin(connection: ZooKeeper) -> None:
        connection.connect(patient(15))
        connection.take_lock(patient(5))

    options = ["-Dzookeeper.enforce.auth.enabled=true", "-Dzookeeper.enforce.auth.schemes=digest"]
    with run_server(tmp_path, [], options) as address, ExitStack() as stack:
        connection = ZooKeeper(str(address), "/x", SESSION_SECONDS, lambda: None, Access(credentials))
        stack.callback(connection.close)
        if credentials:
            begin(connection)
            return
        with pytest.raises(FatalError, match="ZOOKEEPER_CREDENTIALS_FILE") as raised:
            begin(connection)
        assert raised.value.code is Exit.UNAUTHORIZED
