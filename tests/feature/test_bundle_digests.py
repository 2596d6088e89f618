"""A scheduler, a master and an agent: bundles that are as the scheduler knows them run, and no others."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devcluster.layout import Address
from devcluster.processes import ProcessTable
from executor.bundle import Builder
from tests.contract.test_driver import Mesos
from tests.feature.scheduler_process import Make, Scheduler
from tests.ports import free_port
from tests.waiting import wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
RESOURCES = "cpus:4;mem:8192;disk:20480;ports:[7000-9999]"


@pytest.fixture
def mesos(tmp_path: Path) -> Iterator[Mesos]:
    port = free_port()
    made = Mesos(
        ProcessTable(tmp_path / "mesos"),
        Address("127.0.0.1", port),
        Address("127.0.0.7", free_port("127.0.0.7")),
        resources=RESOURCES,
    )
    made.start_master()
    made.start_agent()
    yield made
    made.stop()


def make_bundle(directory: Path, name: str, files: dict[str, str]) -> None:
    with tarfile.open(directory / name, "w:gz") as tar:
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))


def make_bundles(directory: Path, word: str) -> None:
    make_bundle(directory, "executor.tar.gz", {"executor-bundle/run": f"#!/bin/sh\necho {word} >&2\nexit 9\n"})
    make_bundle(directory, "cassandra-5.0.8.tar.gz", {"cassandra/VERSION": word})


def start(make: Make, mesos: Mesos) -> Scheduler:
    return make(
        MESOS_MASTER=str(mesos.address), NODES="1", SEED_NODES="1", CASSANDRA_MEMORY_MB="1024",
        CASSANDRA_HEAP_SIZE_MB="512", CASSANDRA_DISK_MB="512",
    ).start()  # fmt: skip


def sandboxes(mesos: Mesos) -> Iterator[Path]:
    return (mesos.table.directory / "agent").glob("slaves/*/frameworks/*/executors/*/runs/*-*")


def failure(scheduler: Scheduler) -> str:
    """Return the last failure of the node as the plan and the events tell it, empty before."""
    events: Any = json.loads(scheduler.body("/v1/events") or "{}")
    return scheduler.body("/v1/plan") + json.dumps(events)


def test_bundles_run_that_are_as_announced(make: Make, mesos: Mesos, tmp_path: Path) -> None:
    make_bundles(tmp_path, "genuine")
    scheduler = start(make, mesos)
    wait_for("the executor's words", lambda: "genuine" in failure(scheduler), 40.0)
    # The node is launched again and again, so the newest sandbox may not be filled yet.
    filled = [sandbox for sandbox in sandboxes(mesos) if (sandbox / "cassandra" / "VERSION").is_file()]
    assert (filled[0] / "cassandra" / "VERSION").read_text() == "genuine"
    assert not list(filled[0].glob("executor.tar.gz"))


@pytest.mark.parametrize("name", ["executor.tar.gz", "cassandra-5.0.8.tar.gz"])
def test_a_changed_bundle_ends_the_task_and_nothing_of_it_runs(
    make: Make, mesos: Mesos, tmp_path: Path, name: str
) -> None:
    make_bundles(tmp_path, "genuine")
    scheduler = make_changed(make, mesos, tmp_path, name)
    words = f"The bundle {name} is refused: its SHA-256 is "
    wait_for("the node's failure", lambda: words in failure(scheduler), 40.0)
    for sandbox in sandboxes(mesos):
        assert not (sandbox / "cassandra").exists()
        if (sandbox / "stderr").exists():
            assert "evil" not in (sandbox / "stderr").read_text()


def test_a_changed_bundle_that_the_executor_unpacks_ends_the_task(make: Make, mesos: Mesos, tmp_path: Path) -> None:
    make_bundles(tmp_path, "genuine")
    Builder(tmp_path, ROOT / "cassandra", "mvn").executor()
    name = "cassandra-5.0.8.tar.gz"
    scheduler = make_changed(make, mesos, tmp_path, name)
    words = f"bundle: The bundle {name} is refused: its SHA-256 is "
    wait_for("the node's failure", lambda: words in failure(scheduler), 40.0)
    for sandbox in sandboxes(mesos):
        assert not (sandbox / "cassandra").exists()
    assert any(words in (sandbox / "stderr").read_text() for sandbox in sandboxes(mesos))


def make_changed(make: Make, mesos: Mesos, directory: Path, name: str) -> Scheduler:
    """Start a scheduler that knows the bundles, and change one before an agent can fetch it."""
    mesos.kill("agent")
    scheduler = start(make, mesos)
    wait_for("it serves", lambda: scheduler.status("/v1/plan") == 200)
    text = "#!/bin/sh\necho evil >&2\nsleep 60\n"
    make_bundle(directory, name, {"executor-bundle/run": text, "cassandra/VERSION": "evil"})
    mesos.start_agent()
    return scheduler
