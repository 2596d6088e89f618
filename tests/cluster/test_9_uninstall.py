"""The last that becomes of the cluster: the service is removed, with all its data, and nothing of it is left."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
from kazoo.client import KazooClient

from devcluster import scheduler_process
from scheduler.errors import Exit
from tests.cluster.world import World
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(300)]


def uninstall(world: World, typed: str) -> tuple[int, str]:
    """The command, with the scheduler's own settings; its exit code and all that it says."""
    environment = scheduler_process.environment(world.layout, world.bundles, os.environ)
    done = subprocess.run(
        [sys.executable, "-m", "scheduler", "uninstall"],
        env=environment,
        input=f"{typed}\n",
        capture_output=True,
        text=True,
        timeout=patient(200),
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def reserved(world: World) -> list[Any]:
    """What any agent has reserved for anybody."""
    return [item for slave in world.master("/slaves")["slaves"] for item in slave["reserved_resources_full"].values()]


def test_nothing_is_left(world: World) -> None:
    assert len(reserved(world)) == 3
    world.kill("scheduler")
    # One node's record is lost: what it held is found all the same, by this cluster's label.
    root = f"/dcos-service-{world.layout.service_name}"
    client = KazooClient(str(world.layout.zookeeper))
    client.start(timeout=patient(15))
    try:
        client.delete(f"{root}/nodes/node-2")

        code, said = uninstall(world, "other")
        assert (code, len(reserved(world))) == (Exit.SETTINGS, 3)
        assert "Uninstall refused: 'other' is not the service's name" in said

        code, said = uninstall(world, world.layout.service_name)
        assert code == Exit.OK, said
        assert reserved(world) == []
        assert client.exists(root) is None
    finally:
        client.stop()
        client.close()
    state = world.master("/state")
    assert state["frameworks"] == []
    assert world.cassandras() == set()
    volumes = [path for agent in world.layout.agents for path in agent.work_directory.glob("volumes/roles/*/*")]
    assert volumes == []
    assert "plan uninstall, step node-0: COMPLETE" in said

    code, said = uninstall(world, world.layout.service_name)
    assert (code, "all of its records are removed" in said) == (Exit.OK, True), said


def test_the_setting_for_marathon_ends_in_a_plan_that_stays_complete(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_UNINSTALL", world.layout.service_name)
    world.start()
    wait_for("it is over", lambda: world.get("/v1/plan").status == 200, 60.0)
    plan = world.read("/v1/plan")
    assert (plan["status"], plan["phases"][-1]["steps"][0]["name"]) == ("COMPLETE", "teardown")
    assert world.get("/v1/health").status == 200
    code, answer = world.put("/v1/plan?cmd=interrupt")
    assert (code, "message" in answer) == (503, True)
