"""`./dev up --secure`, again, `down`, `up`, `clean`, with one real node in a cluster of its own."""

from __future__ import annotations

import io
import re
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

from devcluster import executors, s3
from devcluster.__main__ import run
from devcluster.checks import ROOT
from devcluster.layout import Address, ClusterLayout
from devcluster.processes import Process, ProcessTable
from devcluster.progress import Printer
from devcluster.requests import UnreachableError, get

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
    secure = layout.remembered()
    assert secure is not None
    everything_is_on(secure)
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
    with session(layout) as cql:
        assert cql.execute("SELECT word FROM kept.words WHERE id = 1").one().word == "here"

    command(layout, "clean")
    assert not Path(layout.directory).exists()
    assert (ROOT / ".dev" / "bundles" / "zookeeper").is_dir()


def connects_as_printed(layout: ClusterLayout, printed: str) -> None:
    """Run what `up` prints as the next commands, in one shell as a person does."""
    script = printed.partition("Next:\n")[2].replace("  ./dev status\n  ./dev down\n", "")
    script += f".venv/bin/cassandra-mesos backup start first -l s3://{s3.BUCKET} --wait\n"
    ran = subprocess.run(["bash", "-euxc", script], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "127.0.95.2 5.0" in ran.stdout, "the driver"
    assert "mesos_service_1" in ran.stdout, "cqlsh"
    assert '"COMPLETE"' in ran.stdout, "the API"
    assert '"principal": "cassandra-principal"' in ran.stdout, "Mesos"
    objects = get(layout.s3, f"/{s3.BUCKET}?list-type=2").body.decode()
    assert re.search(r"<Key>[^<]*signature\.json</Key>", objects), "the backup is signed"
    assert re.search(r"<Key>[^<]*vaults/[^<]*\.json</Key>", objects), "the backup is sealed"


@contextmanager
def session(layout: ClusterLayout) -> Iterator[Session]:
    """Open a session of the superuser, with the files that `up` wrote."""
    user, _, password = (layout.security_directory / "superuser").read_text().strip().partition(":")
    context = ssl.create_default_context(cafile=str(layout.security_directory / "cassandra-ca.pem"))
    login = PlainTextAuthProvider(user, password)
    with Cluster(["127.0.95.2"], connect_timeout=30, ssl_context=context, auth_provider=login) as cluster:
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
    zookeeper.start(timeout=15)
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
