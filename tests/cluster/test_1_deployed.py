"""A new cluster seen from outside: plan, nodes, connection, Mesos, ZooKeeper, ring."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from devcluster.requests import get
from tests.cluster.world import World

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]


def test_plan_is_complete_with_the_phases_of_the_contract(world: World) -> None:
    plan = world.read("/v1/plan")
    assert plan["status"] == "COMPLETE"
    assert [phase["name"] for phase in plan["phases"]] == ["Reconciliation", "Sync Datacenter", "Deploy"]
    steps = plan["phases"][2]["steps"]
    assert [(step["name"], step["status"]) for step in steps] == [(f"node-{i}", "COMPLETE") for i in range(3)]
    assert plan["errors"] == []


def test_two_nodes_joined_at_once_after_the_first_one(world: World) -> None:
    records = world.records()
    root = f"/dcos-service-{world.layout.service_name}/nodes"
    launched = [records[f"{root}/node-{index}"]["task"]["launched_at"] for index in range(3)]
    events = world.read("/v1/events")["events"]
    at = {
        event["node"]: datetime.fromisoformat(event["at"]).timestamp() for event in events if event["kind"] == "MEMBER"
    }
    # The events' times are of whole seconds, and a node needs more than that to join.
    assert at["node-0"] <= min(launched[1:])
    assert max(launched[1:]) < min(at["node-1"], at["node-2"])


def test_connection_lists_the_nodes_that_serve(world: World) -> None:
    connection = world.read("/v1/connection")
    expected = sorted(f"{agent.address.host}:9042" for agent in world.layout.agents)
    assert sorted(connection["nodes"]) == expected
    assert sorted(connection["address"]) == expected
    assert sorted(connection["dns"]) == [f"node-{i}.cassandra.mesos:9042" for i in range(3)]


@pytest.mark.parametrize("name", ["node-0", "node-1", "2"])
def test_node_status_is_live_from_the_node(world: World, name: str) -> None:
    status = world.read(f"/v1/nodes/{name}/status")
    assert status["mode"] == "NORMAL"
    assert status["joined"] is True
    assert status["native_transport_running"] is True
    assert status["gossip_running"] is True
    assert status["token_count"] == 16
    assert status["version"].startswith("5.0")
    assert status["data_center"] == "dc1"


def test_racks_come_from_the_agents_attribute(world: World) -> None:
    racks = {world.read(f"/v1/nodes/{name}/status")["rack"] for name in world.read("/v1/nodes/list")}
    assert racks == {"r1", "r2", "r3"}


def test_mesos_shows_three_tasks_with_reservations_and_volumes(world: World) -> None:
    slaves = get(world.layout.master, "/slaves").json()["slaves"]
    assert len(slaves) == 3
    for slave in slaves:
        reserved = slave["reserved_resources_full"]["cassandra-role"]
        volumes = [item for item in reserved if item.get("disk", {}).get("persistence")]
        assert len(volumes) == 1
    (framework,) = get(world.layout.master, "/state").json()["frameworks"]
    assert sorted(task["name"] for task in framework["tasks"]) == ["node-0", "node-1", "node-2"]
    assert {task["state"] for task in framework["tasks"]} == {"TASK_RUNNING"}


def test_zookeeper_holds_one_readable_record_a_node_and_no_secret(world: World) -> None:
    records = world.records()
    root = f"/dcos-service-{world.layout.service_name}"
    for index in range(3):
        record = records[f"{root}/nodes/node-{index}"]
        assert record["schema_version"] == 1
        assert record["host_id"]
        assert len(json.dumps(record)) < 4096
    assert records[f"{root}/target"]["configuration"] in {
        path.rpartition("/")[2] for path in records if "/configurations/" in path
    }
    assert world.token not in json.dumps({path: str(value) for path, value in records.items()})


def test_offers_are_suppressed_when_idle(world: World) -> None:
    assert world.read("/v1/state/properties/suppressed") is True


def test_scheduler_and_executors_logged_no_secret(world: World) -> None:
    files = [path for path in world.layout.directory.rglob("*") if path.is_file()]
    logs = [path for path in files if path.suffix == ".log" or path.name in {"stdout", "stderr"}]
    assert {"scheduler.log", "stdout", "stderr"} <= {log.name for log in logs}
    for log in logs:
        assert world.token not in log.read_text(errors="replace"), log


def test_jolokia_refuses_strangers(world: World) -> None:
    agent = world.layout.agents[0]
    address = type(agent.address)(agent.address.host, world.layout.node_ports.jolokia)
    assert get(address, "/jolokia/version").status == 401


def test_the_end_of_a_nodes_log_comes_from_its_agent(world: World) -> None:
    found = world.read("/v1/nodes/node-2/logs?lines=1000")
    assert found["file"] == "logs/system.log"
    assert any("Startup complete" in line for line in found["lines"]), found["lines"][-3:]
