"""Changed settings go over real nodes one after another; those with which a node does not start stop at the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.cluster.test_8_restart import writing
from tests.cluster.world import World
from tests.command_lines import arguments
from tests.waiting import wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]

MORE_MB = 16


def restart_scheduler(world: World) -> None:
    """With the settings of the world's layout and of the environment."""
    world.crash("scheduler")


def deploy_steps(world: World) -> dict[str, Any]:
    """The steps of the plan deploy by node."""
    phases = world.read("/v1/plans/deploy")["phases"]
    return {step["name"]: step for phase in phases if phase["name"] == "Deploy" for step in phase["steps"]}


def is_rolled_out(world: World) -> bool:
    """Whether nothing is left to be changed or restarted."""
    plans = [world.read(f"/v1/plans/{name}")["status"] for name in ("deploy", "recovery")]
    return plans == ["COMPLETE", "COMPLETE"]


@pytest.fixture
def table(world: World) -> None:
    with world.cql() as session:
        session.execute(
            "CREATE KEYSPACE IF NOT EXISTS rolled WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}"
        )
        session.execute("CREATE TABLE IF NOT EXISTS rolled.rows (id int PRIMARY KEY, text text)")


def test_settings_that_cassandra_refuses_stop_no_node(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = world.task_ids()
    monkeypatch.setenv("CASSANDRA_YAML", "{authenticator: NoAuthenticator}")
    restart_scheduler(world)
    words = "Unable to find class NoAuthenticator"
    wait_for("the plan says why", lambda: words in "".join(world.read("/v1/plans/deploy")["errors"]), 120.0)
    assert deploy_steps(world)["node-0"]["reason"] == "SETTINGS_REFUSED"
    assert "waits for node-0" in deploy_steps(world)["node-1"]["message"]
    monkeypatch.undo()
    restart_scheduler(world)
    wait_for("the old settings heal it", lambda: is_rolled_out(world), 60.0)
    assert world.task_ids() == tasks


@pytest.mark.usefixtures("table")
def test_settings_with_which_a_node_does_not_start_stop_at_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = world.task_ids()
    others = {name: identifier for name, identifier in tasks.items() if name != "node-0"}
    # The trial loads no agents.
    words = "/no/agent.jar"
    monkeypatch.setenv("CASSANDRA_JVM_OPTIONS", f"-javaagent:{words}")
    with writing(world):
        restart_scheduler(world)
        wait_for("Cassandra says why", lambda: words in deploy_steps(world)["node-0"]["message"], 120.0)
        steps = deploy_steps(world)
        assert "settings changed: jvm_options" in steps["node-0"]["message"]
        assert steps["node-1"]["status"] == "PENDING"
        assert "waits for node-0" in steps["node-1"]["message"]
        assert others.items() <= world.task_ids().items()

        monkeypatch.delenv("CASSANDRA_JVM_OPTIONS")
        restart_scheduler(world)
        wait_for("the old settings heal it", lambda: is_rolled_out(world), 120.0)
    assert others.items() <= world.task_ids().items()
    assert world.task_ids()["node-0"] != tasks["node-0"]


@pytest.mark.usefixtures("table")
def test_more_heap_and_memory_goes_over_all_nodes_and_no_row_is_lost(world: World) -> None:
    larger = replace(world, layout=replace(world.layout, heap_mb=world.layout.heap_mb + MORE_MB))
    tasks = world.task_ids()
    with writing(world) as written:
        restart_scheduler(larger)

        def one_at_a_time() -> bool:
            infos = {name: world.read(f"/v1/nodes/{name}/info") for name in tasks}
            down = [name for name, info in infos.items() if info["state"] != "TASK_RUNNING"]
            assert len(down) <= 1, down
            return all(info["id"] != tasks[name] for name, info in infos.items()) and is_rolled_out(world)

        wait_for("every node has the new settings", one_at_a_time, 240.0)
    flag = f"-Xmx{larger.layout.heap_mb}M"
    with world.cql() as session:
        found = {row.id for row in session.execute("SELECT id FROM rolled.rows")}
    assert found >= set(range(len(written)))
    assert [flag in arguments(pid) for pid in world.cassandras()] == [True] * len(tasks)
