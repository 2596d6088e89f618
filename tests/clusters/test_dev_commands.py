"""`./dev up`, again, `down`, `up`, `clean`, with one real node in a cluster of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Cluster

from devcluster import executors
from devcluster.__main__ import run
from devcluster.checks import ROOT
from devcluster.layout import Address, ClusterLayout
from devcluster.processes import Process, ProcessTable
from devcluster.progress import Printer

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


def test_the_life_of_a_local_cluster(layout: ClusterLayout) -> None:
    printed = command(layout, "up")
    assert "The cluster is up." in printed
    assert "CQL         127.0.95.2:9042" in printed
    with Cluster(["127.0.95.2"], connect_timeout=30) as cluster, cluster.connect() as session:
        session.execute(
            "CREATE KEYSPACE kept WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 1}", timeout=60
        )
        session.execute("CREATE TABLE kept.words (id int PRIMARY KEY, word text)", timeout=60)
        session.execute("INSERT INTO kept.words (id, word) VALUES (1, 'here')")
    before = all_processes(layout)
    assert len(before) >= 6
    assert "The cluster was already up; nothing was changed." in command(layout, "up")
    assert all_processes(layout) == before
    assert "NORMAL" in command(layout, "status")

    printed = command(layout, "down")
    assert "Not everything ended in order" not in printed
    assert all_processes(layout) == set()

    assert "The cluster is up." in command(layout, "up")
    assert not all_processes(layout) & before
    with Cluster(["127.0.95.2"], connect_timeout=30) as cluster, cluster.connect() as session:
        assert session.execute("SELECT word FROM kept.words WHERE id = 1").one().word == "here"

    command(layout, "clean")
    assert not Path(layout.directory).exists()
    assert (ROOT / ".dev" / "bundles" / "zookeeper").is_dir()
