"""`./dev up --secure`, again, `down`, `up`, `clean`, with one real node in a cluster of its own."""

from __future__ import annotations

import io
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable, Session
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError

from devcluster import executors, s3, security
from devcluster.__main__ import run
from devcluster.checks import ROOT
from devcluster.layout import Address, ClusterLayout
from devcluster.processes import Process, ProcessTable
from devcluster.progress import Printer
from devcluster.requests import UnreachableError, get
from tests.certificates import Authority, Issued
from tests.waiting import patient

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

_HOST = "127.0.95.1"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterLayout]:
    directory = tmp_path_factory.mktemp("dev")
    (ROOT / ".dev" / "bundles").mkdir(parents=True, exist_ok=True)
    # The bundles are the same for every cluster of this checkout.
    (directory / "bundles").symlink_to(ROOT / ".dev" / "bundles")
    layout = ClusterLayout(
        directory,
        nodes=1,
        network="127.0.95",
        zookeeper=Address(_HOST, 2181),
        zookeeper_tls=Address(_HOST, 2281),
        master=Address(_HOST, 5050),
        api=Address(_HOST, 9000),
        s3=Address(_HOST, 9090),
    )
    yield layout
    run(["down"], layout, Printer(io.StringIO()))


def command(layout: ClusterLayout, *arguments: str) -> str:
    out = io.StringIO()
    assert run(arguments, layout, Printer(out)) == 0, out.getvalue()
    return out.getvalue()


def all_processes(layout: ClusterLayout) -> set[Process]:
    table = ProcessTable(layout.directory)
    return {found for name in table.names() if (found := table.find(name))} | set(executors.find(layout.directory))


def test_the_life_of_a_secure_cluster(layout: ClusterLayout) -> None:
    printed = command(layout, "up", "--secure")
    assert "The cluster is up." in printed
    assert "CQL         127.0.95.2:9042" in printed
    connects_as_printed(layout, printed)
    with session(layout) as cql:
        cql.execute("CREATE KEYSPACE kept WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}")
        cql.execute("CREATE TABLE kept.words (id int PRIMARY KEY, word text)")
        cql.execute("INSERT INTO kept.words (id, word) VALUES (1, 'here')")
        cql.execute("GRANT SELECT ON KEYSPACE kept TO app")
    secure = layout.remembered()
    assert secure is not None
    everything_is_on(secure)
    certificates_stand_for_users(secure)
    certificates_are_required(secure, printed)
    before = all_processes(layout)
    assert len(before) >= 6
    assert "The cluster was already up; nothing was changed." in command(layout, "up")
    assert all_processes(layout) == before
    assert "NORMAL" in command(layout, "status")

    printed = command(layout, "down")
    assert "Not everything ended in order" not in printed
    assert all_processes(layout) == set()

    printed = command(layout, "up")
    assert "The cluster is up." in printed
    assert not all_processes(layout) & before
    assert reads(layout, client_of(layout))

    command(layout, "clean")
    assert not Path(layout.directory).exists()
    assert (ROOT / ".dev" / "bundles" / "zookeeper").is_dir()


def connects_as_printed(layout: ClusterLayout, printed: str) -> None:
    """Run what `up` prints as the next commands, in one shell as a person does."""
    script = printed.partition("Next:\n")[2].replace("  ./dev status\n  ./dev down\n", "")
    script += f".venv/bin/cassandra-mesos backup start first -l s3://{s3.BUCKET} --wait\n"
    ran = run_script(script)
    assert "127.0.95.2 5.0" in ran.stdout, "the driver"
    assert "\napp\n" in ran.stdout, "the driver, with a certificate alone"
    assert "mesos_service_1" in ran.stdout, "cqlsh"
    assert '"COMPLETE"' in ran.stdout, "the API"
    assert '"principal": "cassandra-principal"' in ran.stdout, "Mesos"
    objects = get(layout.s3, f"/{s3.BUCKET}?list-type=2").body.decode()
    assert re.search(r"<Key>[^<]*signature\.json</Key>", objects), "the backup is signed"
    assert re.search(r"<Key>[^<]*vaults/[^<]*\.json</Key>", objects), "the backup is sealed"


def run_script(script: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run(
        ["bash", "-euxc", script], cwd=ROOT, capture_output=True, text=True, timeout=patient(240), check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran


def certificates_stand_for_users(layout: ClusterLayout) -> None:
    """Check who is let in while a certificate is optional."""
    assert reads(layout), "a password is enough"
    assert reads(layout, client_of(layout)), "a certificate is enough"
    assert not reads(layout, foreign(layout)), "a certificate of another authority is refused, with a password too"
    # The authority of clients makes no peers of the nodes.
    node, ports = "127.0.95.2", layout.node_ports
    assert handshakes(layout, node, ports.native_transport)
    assert not handshakes(layout, node, ports.storage)


def certificates_are_required(layout: ClusterLayout, printed: str) -> None:
    """Let the cluster require certificates, under the service's own work."""
    exports = "\n".join(line for line in printed.splitlines() if "export CASSANDRA_MESOS" in line)
    mesos = ".venv/bin/cassandra-mesos"
    run_script(f"{exports}\n{mesos} config set SECURITY_CLIENT_CERTIFICATES=required --yes --wait\n")
    assert reads(layout, client_of(layout))
    assert not reads(layout), "a password is not enough"
    assert not reads(layout, foreign(layout))
    run_script(f"{exports}\n{mesos} backup start second -l s3://{s3.BUCKET} --wait\n{mesos} user rotate --wait\n")


def client_of(layout: ClusterLayout) -> Issued:
    """Return the files of the certificate that `up` made for a client."""
    folder = layout.security_directory
    return Issued(folder / "client.pem", folder / "client-key.pem", folder)


def foreign(layout: ClusterLayout) -> Issued:
    """Return a certificate with the identity of that client, of another authority."""
    return Authority(layout.directory / "foreign").issue("app", uri=security.client_identity(layout))


def reads(layout: ClusterLayout, certificate: Issued | None = None) -> bool:
    """Return whether a client is let in and reads: with a certificate's files, else with the superuser's password."""
    try:
        with session(layout, certificate) as cql:
            return str(cql.execute("SELECT word FROM kept.words WHERE id = 1").one().word) == "here"
    except NoHostAvailable:
        return False


def handshakes(layout: ClusterLayout, address: str, port: int) -> bool:
    """Return whether a port takes the certificate of a client."""
    context = ssl.create_default_context(cafile=str(layout.security_directory / "cassandra-ca.pem"))
    context.load_cert_chain(client_of(layout).certificate, client_of(layout).key)
    with socket.create_connection((address, port), 10.0) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=address) as connection:
                connection.settimeout(patient(2))
                # With TLS 1.3 a server refuses a certificate after the client's handshake has ended.
                connection.sendall(b"\0")
                return connection.recv(1) != b""
        except TimeoutError:
            return True
        except OSError:
            return False


@contextmanager
def session(layout: ClusterLayout, certificate: Issued | None = None) -> Iterator[Session]:
    """Open a session of the superuser, or with a certificate alone, with the files that `up` wrote."""
    folder = layout.security_directory
    user, _, password = (folder / "superuser").read_text().strip().partition(":")
    context = ssl.create_default_context(cafile=str(folder / "cassandra-ca.pem"))
    login = PlainTextAuthProvider(user, password)
    if certificate is not None:
        context.load_cert_chain(certificate.certificate, certificate.key)
    if certificate == client_of(layout):
        login = PlainTextAuthProvider("by certificate", "")
    with Cluster(
        ["127.0.95.2"],
        connect_timeout=patient(30),
        control_connection_timeout=patient(30),
        ssl_context=context,
        auth_provider=login,
    ) as cluster:
        found = cluster.connect()
        found.default_timeout = 60
        yield found


def everything_is_on(layout: ClusterLayout) -> None:
    """Check each channel as a client without the secret meets it."""
    assert layout.api_url.startswith("https://")
    tokens = (layout.security_directory / "tokens").read_text()
    assert ":scrypt:" in tokens
    assert layout.token_file.read_text().strip() not in tokens
    assert get(layout.api, "/v1/plan", ca=layout.api_ca).status == 401
    sandboxes = [path.read_text(errors="replace") for path in layout.directory.rglob("stderr")]
    assert any(f"Fetched '{layout.api_url}/v1/artifacts/" in text for text in sandboxes)
    assert get(layout.master, "/state", ca=layout.mesos_ca).status == 401
    assert get(layout.api, "/v1/plan").status == 400, "without TLS"
    for address in (layout.master, layout.agents[0].address):
        with pytest.raises(UnreachableError):
            get(address, "/")
    zookeeper = KazooClient(str(layout.zookeeper))
    zookeeper.start(timeout=patient(15))
    try:
        with pytest.raises(NoAuthError):
            zookeeper.get(f"/dcos-service-{layout.service_name}/target")
    finally:
        zookeeper.stop()
        zookeeper.close()
    with pytest.raises(NoHostAvailable), Cluster(["127.0.95.2"]) as cluster:
        cluster.connect()
    modes = [path.stat().st_mode & 0o077 for path in layout.security_directory.iterdir()]
    assert set(modes) == {0}


def test_plain_and_secure_are_not_mixed(layout: ClusterLayout, capsys: pytest.CaptureFixture[str]) -> None:
    layout.remember()
    assert run(["up", "--secure"], layout, Printer(io.StringIO())) == 1
    assert "was made without --secure; a secure one needs `./dev clean` first." in capsys.readouterr().err
