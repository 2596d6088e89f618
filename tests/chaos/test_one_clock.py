"""The clock of one of three nodes is a day off: deployment, status, certificates and backups."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from devcluster.processes import Process, ProcessTable
from tests.chaos.shifted_clocks import Clock, clocks, compiler
from tests.cluster.world import World, make_layout, make_world
from tests.clusters.test_encryption import proven, session
from tests.waiting import wait_for

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.cassandra,
    pytest.mark.timeout(2400),
    pytest.mark.skipif(compiler() is None, reason="no C compiler"),
]

DAY = 86_400.0
AGENT, HOST, NODE = "agent-2", "127.0.83.3", "node-1"


@contextmanager
def clock_of(name: str, clock: Clock) -> Iterator[None]:
    """Have this process of a cluster, and what it starts, run with the clock."""
    start = ProcessTable.start

    def started(table: ProcessTable, process: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        more = {"LD_PRELOAD": str(clock.library), "CLOCK_OFFSET_FILE": str(clock.file)} if process == name else {}
        return start(table, process, command, {**environment, **more})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ProcessTable, "start", started)
        yield


@pytest.fixture
def ahead(tmp_path: Path) -> Iterator[tuple[World, Clock]]:
    """Three nodes that require TLS, one of them a day ahead from its first start on."""
    (clock,) = clocks(tmp_path, AGENT)
    clock.set(DAY)
    world = make_world(make_layout(tmp_path / "local", nodes=3, network="127.0.83"))
    with pytest.MonkeyPatch.context() as patch, clock_of(AGENT, clock):
        patch.setenv("SECURITY_TRANSPORT_ENCRYPTION", "required")
        try:
            world.start()
            world.wait_deployed()
            yield world, clock
        finally:
            world.stop()


def warnings(world: World) -> list[str]:
    found: list[str] = world.read("/v1/health")["warnings"]
    return found


def wait_told(world: World, *words: str) -> None:
    def is_told() -> bool:
        return len(warnings(world)) == len(words) and all(word in str(warnings(world)) for word in words)

    wait_for(f"{words or 'nothing'} is told", is_told, 90.0)


def are_renewed(world: World, before: Mapping[str, set[str]]) -> Callable[[], bool]:
    """Return a condition: all nodes show other certificates than before."""

    def is_true() -> bool:
        found = proven(world)
        return len(found) == 3 and all(not found[address] & before[address] for address in before)

    return is_true


def check_ring(world: World) -> None:
    """Every node is NORMAL, and sees all three."""
    for name in world.read("/v1/nodes/list"):
        status = world.read(f"/v1/nodes/{name}/status")
        assert (status["mode"], len(status["live"]), status["unreachable"]) == ("NORMAL", 3, []), status


def test_one_clock_of_three(ahead: tuple[World, Clock]) -> None:
    world, clock = ahead
    wait_told(world, f"The clock of {HOST}, the agent of {NODE}, is 24 hours ahead of the scheduler's")
    check_ring(world)
    wait_for("certificates are proven", lambda: len(proven(world)) == 3, 120.0)
    with session(world, tls=True) as cql:
        cql.execute("CREATE KEYSPACE t WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}")
        cql.execute("CREATE TABLE t.rows (id int PRIMARY KEY)")
        for number in range(50):
            cql.execute("INSERT INTO t.rows (id) VALUES (%s)", (number,))
    tasks, place = world.task_ids(), {"external_location": world.location, "key_spaces": ["t"]}
    world.run("repair", {"nodes": ["*"], "key_spaces": ["t"]})
    world.run("backup", {**place, "backup_name": "ahead", "count_rows": True})
    before = proven(world)
    assert world.put("/v1/certificates/renew")[0] == 200
    wait_for("all are renewed", are_renewed(world, before), 150.0)

    clock.set(-DAY)
    wait_told(world, f"The clock of {HOST}, the agent of {NODE}, is 24 hours behind the scheduler's")
    check_ring(world)
    before = proven(world)
    assert world.put("/v1/certificates/renew")[0] == 200
    words = "set the clocks of the agent and of the scheduler's machine"
    wait_for("the renewal is refused", lambda: words in json.dumps(world.read("/v1/certificates")["nodes"]), 150.0)
    # A job of this node finds no certificate valid, and says so; the operation waits for an operator.
    world.begin("backup", {**place, "backup_name": "behind"})
    found = world.wait_ended("backup", 180.0)
    assert found["state"] == "ERROR"
    assert "this agent's clock" in found["nodes"][NODE]["error"], found["nodes"][NODE]
    assert world.task_ids() == tasks

    clock.set(0.0)
    wait_told(world)
    wait_for("all are renewed", are_renewed(world, before), 150.0)
    phase = found["nodes"][NODE]["phase"]
    restart = f"{world.layout.api_url}/v1/plans/backup/restart?phase={phase}&step={NODE}"
    code, answer = world.curl("-X", "POST", "-H", f"Authorization: token={world.token}", restart)
    assert code == 200, answer
    wait_for("the backup goes on", lambda: world.read("/v1/backup/status")["state"] == "COMPLETE", 120.0)
    with session(world, tls=True) as cql:
        cql.execute("TRUNCATE t.rows")
    for name in ("behind", "ahead"):
        world.run("restore", {**place, "backup_name": name, "rename": {"t": name}}, 300.0)
        with session(world, tls=True) as cql:
            assert len(cql.execute(f"SELECT id FROM {name}.rows").all()) == 50
    assert world.task_ids() == tasks
