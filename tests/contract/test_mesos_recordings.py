"""localmesos against the recorded traffic of a real Mesos: the same requests get the same answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.mesos.processes import Cluster
from tests.contract.mesos.recordings import DIRECTORY, Line, needs_recordings, read
from tests.contract.mesos.replay import Replay

Json = dict[str, Any]

pytestmark = [pytest.mark.feature, needs_recordings]

QUICK = ("--allocation-interval", "60ms")
AGENTS = ("--executor-shutdown-grace-period", "500ms")
SUBSCRIPTIONS = sorted(path.stem for path in DIRECTORY.glob("s1_*.jsonl"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A master and two agents for the recordings that leave nothing behind."""
    cluster = Cluster(tmp_path_factory.mktemp("mesos"), QUICK, AGENTS)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of one test's own, not started."""
    cluster = Cluster(tmp_path, QUICK, AGENTS)
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def replay(cluster: Cluster) -> Iterator[Replay]:
    replay = Replay(cluster.start())
    yield replay
    replay.close()


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
def test_subscribe(shared: Cluster, name: str) -> None:
    replay = Replay(shared)
    try:
        replay.run(read(name))
        replay.finish()
    finally:
        replay.close()


@pytest.mark.parametrize(
    "name",
    [
        "s2_reserve_create_launch_full_caps_alloc",
        "s2_reserve_create_launch_full_caps_noalloc",
        "s2_reserve_create_launch_no_caps",
        "s2_operation_feedback",
    ],
)
def test_reserve_create_launch(replay: Replay, name: str) -> None:
    replay.run(read(name))
    replay.finish()


@pytest.mark.parametrize("name", ["s5_reconcile_full_caps", "s5_reconcile_no_caps"])
def test_reconcile(replay: Replay, name: str) -> None:
    replay.run(read(name))
    replay.finish()


def test_roles_and_teardown(cluster: Cluster) -> None:
    # Which of several frameworks is offered what depends on the time between two allocations.
    cluster.master_options = ("--allocation-interval", "1secs")
    replay = Replay(cluster.start())
    try:
        replay.run(read("s13_roles_and_teardown"))
        replay.finish()
    finally:
        replay.close()


def test_invalid_operations(replay: Replay) -> None:
    replay.run([line for line in read("s6_invalid") if not _is_of_command_executor(line)])
    replay.schedulers["rec6"].drop_updates_of("i11c")
    replay.finish()


def _is_of_command_executor(line: Line) -> bool:
    """How a command executor tells of a missing program, and health checks: neither is localmesos' affair."""
    status = line.content.get("status", {}) if line.kind == "UPDATE" else {}
    missing = status.get("task_id", {}).get("value") == "i11c" and status["state"] != "TASK_STARTING"
    return missing or status.get("reason") == "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"


def test_resubscribe(replay: Replay) -> None:
    replay.run(read("s7_resubscribe"))
    replay.finish()


def test_decline_revive_suppress(replay: Replay) -> None:
    replay.run(read("s4_decline_revive_suppress"))
    replay.finish()


def test_http_level(cluster: Cluster) -> None:
    """Requests that are refused, and some that are not, header by header."""
    replay = Replay(cluster.start())
    try:
        replay.run([line for line in read("s9_http_level") if not _is_of_protobuf_or_agent(line)])
    finally:
        replay.close()


def _is_of_protobuf_or_agent(line: Line) -> bool:
    """localmesos speaks JSON only; the agents' own endpoints are tested elsewhere."""
    return "5051" in line.endpoint
