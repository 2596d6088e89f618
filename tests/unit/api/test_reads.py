"""Every GET: what it answers, for healthy clusters and others."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import create_app
from api.documents.cluster import LAST_STATUS
from api.http import access
from bench.large import deployed
from executor.figures import Figures
from executor.protocol import Ports
from scheduler import __version__
from scheduler.core.state.cluster import GarbageRecord, Sighting, UninstallRecord
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.node import Missing, NodeRecord, TaskState
from scheduler.core.state.spec import Policy
from tests.unit.api.cluster import NOW, CoreGateway, document, make_node, make_settings, make_state, make_status

ADDRESSES = ["10.0.0.1:9042", "10.0.0.2:9042", "10.0.0.3:9042"]
DNS = ["node-0.cassandra.mesos:9042", "node-1.cassandra.mesos:9042", "node-2.cassandra.mesos:9042"]
VIP = "node.cassandra.l4lb.thisdcos.directory:9042"
CONNECTION = {"nodes": ADDRESSES, "address": ADDRESSES, "dns": DNS, "vip": VIP}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/plans", ["deploy", "recovery"]),
        ("/v1/connection", CONNECTION),
        ("/v1/nodes/connect", CONNECTION),
        ("/v1/connection/address", ADDRESSES),
        ("/v1/nodes/connect/address", ADDRESSES),
        ("/v1/connection/dns", DNS),
        ("/v1/nodes/connect/dns", DNS),
        ("/v1/nodes/list", ["node-0", "node-1", "node-2"]),
        ("/v1/seeds", {"isSeed": False, "seeds": ["10.0.0.1", "10.0.0.2"]}),
        (
            "/v1/datacenter",
            {
                "data_center": "dc1",
                "url": "http://cassandra.marathon.mesos:9000/v1/datacenter",
                "seeds": ["10.0.0.1", "10.0.0.2"],
            },
        ),
        ("/v1/config/nodes", 3),
        ("/v1/config/seed-nodes", 2),
        ("/v1/state/frameworkId", ["framework-1"]),
        ("/v1/state/properties", ["suppressed"]),
        ("/v1/state/properties/suppressed", False),
        ("/v1/debug/offers", []),
        ("/v1/garbage", []),
        (
            "/v1/framework",
            {
                "name": "cassandra",
                "id": "framework-1",
                "version": __version__,
                "cluster": "cassandra",
                "user": "nobody",
                "role": "cassandra-role",
                "principal": "cassandra-principal",
                "checkpoint": True,
                "failover_timeout_s": 604800,
            },
        ),
        (
            "/v1/health",
            {
                "healthy": True,
                "age_seconds": 0,
                "connected": True,
                "registered": True,
                "reconciled": True,
                "plans": {"deploy": "COMPLETE", "recovery": "COMPLETE"},
                "warnings": [],
            },
        ),
        (
            "/admin/healthcheck",
            {
                "deadlocks": {"healthy": True},
                "registered": {"healthy": True, "message": "Framework registered with id = framework-1"},
                "serverCount": {"healthy": True, "message": "All Cassandra nodes running"},
            },
        ),
        (
            "/v1/nodes/node-1/info",
            {
                "name": "node-1",
                "id": "node-1__uuid",
                "hostname": "host-1.example",
                "slave_id": "agent-1",
                "state": "TASK_RUNNING",
                "operating_mode": "NORMAL",
                "mode": "NORMAL",
                "address": "10.0.0.2",
                "host_id": "host-1",
                "rack": "r1",
                "configuration": "c1",
                "failures": 0,
            },
        ),
    ],
)
@pytest.mark.parametrize("prefix", ["", "/service/cassandra", "/cassandra"])
def test_reads_of_a_healthy_cluster(client: FlaskClient, prefix: str, path: str, expected: Any) -> None:
    answer = client.get(prefix + path)
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert document(answer) == expected


@pytest.mark.parametrize("path", ["/v1/plan", "/v1/plans/deploy"])
def test_the_deploy_plan(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    plan = document(answer)
    assert set(plan) == {"phases", "errors", "status"}
    assert plan["status"] == "COMPLETE"
    assert [phase["name"] for phase in plan["phases"]] == ["Reconciliation", "Sync Datacenter", "Deploy"]
    assert [set(phase) for phase in plan["phases"]] == [{"id", "name", "steps", "status"}] * 3
    steps = plan["phases"][2]["steps"]
    assert [step["name"] for step in steps] == ["node-0", "node-1", "node-2"]
    assert [set(step) for step in steps] == [{"id", "status", "name", "message", "reason", "since"}] * 3


def test_a_plan_is_read_with_200_whatever_its_state(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, nodes={}, configuration_errors=("no way",))
    answer = client.get("/v1/plan")
    assert (answer.status_code, document(answer)["status"], document(answer)["errors"]) == (200, "ERROR", ["no way"])


def test_one_snapshot_is_rendered_once_and_the_next_one_anew(client: FlaskClient, gateway: CoreGateway) -> None:
    assert document(client.get("/v1/nodes/list")) == ["node-0", "node-1", "node-2"]
    gateway.state = replace(gateway.state, nodes={})
    assert document(client.get("/v1/nodes/list")) == []


class TestNodeStatus:
    @pytest.mark.parametrize("name", ["node-1", "1"])
    def test_the_nodes_own_word(self, client: FlaskClient, gateway: CoreGateway, name: str) -> None:
        gateway.statuses["node-1"] = make_status(1)
        assert document(client.get(f"/v1/nodes/{name}/status")) == {
            "mode": "NORMAL",
            "joined": True,
            "rpc_running": False,
            "native_transport_running": True,
            "gossip_initialized": True,
            "gossip_running": True,
            "host_id": "host-1",
            "endpoint": "10.0.0.2",
            "token_count": 16,
            "data_center": "dc1",
            "rack": "r1",
            "version": "5.0.8",
            "schema": "s",
            "live": ["10.0.0.1", "10.0.0.2"],
            "unreachable": [],
            "most_replicas": 3,
            "disregards_racks": None,
            "auth_replicas": 3,
            "error": None,
            "load_bytes": 5 * 2**20,
            "disk_free_bytes": 2**30,
            "figures": {
                "owns": 0.3333,
                "disk_bytes": 10 * 2**30,
                "pending_compactions": 2,
                "dropped_messages": {"MUTATION_REQ": 5},
                "hints": 8,
                "hinted_peers": 1,
                "heap_used_bytes": 104857600,
                "heap_max_bytes": 402653184,
                "gc_count": 12,
                "gc_seconds": 0.345,
                "streamed_in_bytes": 4096,
                "streamed_out_bytes": 8192,
                "read": {"count": 1000, "errors": 1, "p50_ms": 0.18, "p99_ms": 0.95},
                "write": {"count": 2000, "errors": 0, "p50_ms": 0.12, "p99_ms": 0.64},
            },
        }

    @pytest.mark.parametrize("figures", [None, Figures(owns=float("inf"))])
    def test_a_node_without_figures_that_can_be_shown(
        self, client: FlaskClient, gateway: CoreGateway, figures: Figures | None
    ) -> None:
        gateway.statuses["node-1"] = make_status(1, figures=figures)
        assert document(client.get("/v1/nodes/1/status"))["figures"] is None

    def test_a_node_that_does_not_answer(self, client: FlaskClient) -> None:
        answer = client.get("/v1/nodes/0/status")
        assert (answer.status_code, document(answer)) == (503, {"message": "node-0 did not answer within 5 seconds."})

    @pytest.mark.parametrize("what", ["status", "info"])
    @pytest.mark.parametrize("name", ["node-3", "3", "node-01", "node-", "node-x", "-1", "Node-0", "node-0__uuid"])
    def test_unknown_nodes(self, client: FlaskClient, name: str, what: str) -> None:
        answer = client.get(f"/v1/nodes/{name}/{what}")
        assert (answer.status_code, document(answer)) == (404, {"message": f"There is no node {name}."})

    @pytest.mark.parametrize("what", ["status", "info"])
    def test_a_node_that_was_not_launched(self, client: FlaskClient, gateway: CoreGateway, what: str) -> None:
        gateway.state = replace(gateway.state, nodes={"node-2": NodeRecord(2)})
        answer = client.get(f"/v1/nodes/2/{what}")
        assert (answer.status_code, document(answer)) == (404, {"message": "node-2 has not been launched yet."})
        assert document(client.get("/v1/nodes/list")) == []
        gateway.state = replace(gateway.state, nodes={"node-2": NodeRecord(2, left=True)})
        words = "node-2 was decommissioned: restart its step of the plan deploy to start it again."
        assert document(client.get(f"/v1/nodes/2/{what}")) == {"message": words}

    def test_numeric_order(self, client: FlaskClient, gateway: CoreGateway) -> None:
        nodes = [make_node(index) for index in (10, 2, 1)]
        gateway.state = replace(gateway.state, nodes={node.name: node for node in nodes})
        assert document(client.get("/v1/nodes/list")) == ["node-1", "node-2", "node-10"]


class TestAllStatuses:
    """One answer for all nodes, from the published snapshot."""

    def test_each_node_has_its_record_and_its_last_status(self, client: FlaskClient, gateway: CoreGateway) -> None:
        nodes = document(client.get("/v1/nodes/status"))["nodes"]
        assert [node["name"] for node in nodes] == ["node-0", "node-1", "node-2"]
        assert document(client.get("/v1/nodes/1/info")).items() <= nodes[1].items()
        assert nodes[1]["reported"] == "2023-11-14T22:13:20Z"
        assert (nodes[1]["version"], nodes[1]["disk_free_bytes"], nodes[1]["live_count"]) == ("5.0.8", 2**30, 2)
        assert (nodes[1]["load_bytes"], nodes[1]["owns"], nodes[1]["disk_bytes"]) == (5 * 2**20, 0.3333, 10 * 2**30)
        assert gateway.asked == []

    @pytest.mark.parametrize("sightings", [{}, {"node-0": Sighting("node-0__earlier", make_status(0), NOW)}])
    def test_a_status_of_an_earlier_task_does_not_count(self, gateway: CoreGateway, sightings: Any) -> None:
        gateway.state = replace(gateway.state, nodes={"node-0": make_node(0)}, sightings=sightings)
        client = create_app(gateway, make_settings()).test_client()
        (node,) = document(client.get("/v1/nodes/status"))["nodes"]
        assert node["mode"] == "NORMAL"
        assert {node[name] for name in LAST_STATUS} == {None}

    def test_a_thousand_nodes_that_all_see_each_other(self) -> None:
        state = deployed(1000)
        answer = create_app(CoreGateway(state), make_settings()).test_client().get("/v1/nodes/status")
        assert len(document(answer)["nodes"]) == 1000
        assert len(answer.data) < 1_000_000


def task_state(node: NodeRecord, state: TaskState) -> NodeRecord:
    assert node.task is not None
    return replace(node, task=replace(node.task, state=state))


class TestConnection:
    """`nodes` lists only nodes that serve CQL now."""

    @pytest.mark.parametrize(
        ("node", "sighting", "listed"),
        [
            pytest.param(make_node(0), make_status(0), True, id="runs and says so"),
            pytest.param(make_node(0), make_status(0, native_transport_running=False), False, id="no CQL"),
            pytest.param(make_node(0), make_status(0, mode="JOINING"), False, id="joins"),
            pytest.param(make_node(0, mode="DRAINED"), make_status(0, mode="DRAINED"), False, id="drained"),
            pytest.param(task_state(make_node(0), TaskState.UNREACHABLE), make_status(0), False, id="unreachable"),
            pytest.param(task_state(make_node(0), TaskState.KILLING), make_status(0), False, id="is stopped"),
            pytest.param(task_state(make_node(0), TaskState.FAILED), make_status(0), False, id="failed"),
            pytest.param(make_node(0), None, True, id="not asked since the start, recorded as normal"),
            pytest.param(make_node(0, mode="STARTING"), None, False, id="not asked since the start, recorded starting"),
            pytest.param(make_node(0, task=None, deployed=None), None, False, id="never launched"),
        ],
    )
    def test_which_nodes(self, node: NodeRecord, sighting: Any, listed: bool) -> None:
        settings = make_settings()
        sightings = {"node-0": Sighting("node-0__uuid", sighting, NOW)} if sighting else {}
        state = make_state(settings, node, sightings=sightings)
        answer = document(create_app(CoreGateway(state), settings).test_client().get("/v1/connection"))
        assert answer["nodes"] == answer["address"] == (["10.0.0.1:9042"] if listed else [])
        assert answer["dns"] == (["node-0.cassandra.mesos:9042"] if listed else [])

    def test_what_an_earlier_task_said_does_not_count(self) -> None:
        settings = make_settings()
        sightings = {"node-0": Sighting("node-0__earlier", make_status(0), NOW)}
        state = make_state(settings, make_node(0, mode="JOINING"), sightings=sightings)
        assert document(create_app(CoreGateway(state), settings).test_client().get("/v1/connection/address")) == []

    def test_a_node_that_its_peers_do_not_see_is_not_listed(self, client: FlaskClient, gateway: CoreGateway) -> None:
        """Its own last word still says that it serves."""
        assert len(document(client.get("/v1/connection"))["address"]) == 3
        lost = replace(gateway.state.nodes["node-2"], missing=Missing(NOW, NOW - 9.0, ("node-0", "node-1")))
        gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, "node-2": lost})
        assert document(client.get("/v1/connection"))["address"] == ["10.0.0.1:9042", "10.0.0.2:9042"]

    def test_ports_are_those_of_the_nodes_own_configuration(self, gateway: CoreGateway, client: FlaskClient) -> None:
        spec = gateway.state.target.spec
        changed = replace(spec, cassandra=replace(spec.cassandra, ports=Ports(native_transport=19042)))
        target = Configuration("c2", NOW, changed)
        gateway.state = replace(
            gateway.state, target=target, configurations={**gateway.state.configurations, "c2": target}
        )
        answer = document(client.get("/v1/connection"))
        assert answer["address"] == ADDRESSES
        assert answer["vip"] == "node.cassandra.l4lb.thisdcos.directory:19042"

    def test_names_with_folders_and_addresses_of_ipv6(self) -> None:
        settings = make_settings(SERVICE_NAME="prod/db")
        state = make_state(settings, make_node(0), sightings={})
        state = replace(state, nodes={"node-0": make_node(0, address="fd00::1")})
        client = create_app(CoreGateway(state), settings).test_client()
        for prefix in ("", "/service/prod/db", "/prod/db"):
            assert document(client.get(f"{prefix}/v1/connection")) == {
                "nodes": ["[fd00::1]:9042"],
                "address": ["[fd00::1]:9042"],
                "dns": ["node-0.proddb.mesos:9042"],
                "vip": "node.proddb.l4lb.thisdcos.directory:9042",
            }


class TestSeeds:
    def test_fewer_than_configured(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.state = replace(gateway.state, nodes={"node-0": make_node(0), "node-1": make_node(1, mode="JOINING")})
        assert document(client.get("/v1/seeds")) == {"isSeed": True, "seeds": ["10.0.0.1"]}

    def test_a_dead_node_is_no_seed(self, client: FlaskClient, gateway: CoreGateway) -> None:
        nodes = {**gateway.state.nodes, "node-0": task_state(make_node(0), TaskState.LOST)}
        gateway.state = replace(gateway.state, nodes=nodes)
        assert document(client.get("/v1/seeds")) == {"isSeed": False, "seeds": ["10.0.0.2", "10.0.0.3"]}

    def test_a_fresh_cluster(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.state = replace(gateway.state, nodes={})
        assert document(client.get("/v1/seeds")) == {"isSeed": True, "seeds": []}


class TestConfiguration:
    def test_cassandra(self, client: FlaskClient) -> None:
        answer = document(client.get("/v1/config/cassandra"))
        application = answer.pop("application")
        assert answer == {
            "version": "5.0.8",
            "cpus": 0.5,
            "memory_mb": 4096,
            "disk_mb": 10240,
            "disk_type": "ROOT",
            "heap": {"size_mb": 2048, "new_mb": None, "gc_type": "G1"},
            "jvm_options": [],
            "location": {"rack": "rac1", "data_center": "dc1", "rack_attribute": ""},
            "jmx_port": 7199,
            "publish_discovery_info": True,
        }
        assert application["num_tokens"] == 16
        assert application["native_transport_port"] == 9042

    def test_executor(self, client: FlaskClient) -> None:
        answer = document(client.get("/v1/config/executor"))
        assert answer["command"] == "exec ./executor-bundle/run"
        assert answer["uris"][0] == {
            "value": "https://files.example/executor.tar.gz",
            "extract": True,
            "cache": False,
        }

    def test_the_whole_target(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.state = replace(gateway.state, configuration_errors=("disk_mb cannot change",))
        answer = document(client.get("/v1/config"))
        assert (answer["id"], answer["nodes"], answer["errors"]) == ("c1", 3, ["disk_mb cannot change"])
        assert answer["cassandra"] == document(client.get("/v1/config/cassandra"))
        assert answer["executor"] == document(client.get("/v1/config/executor"))

    def test_no_answer_shows_a_secrets_place(self) -> None:
        settings = make_settings(SERVICE_SECRET_FILE=__file__)
        client = create_app(CoreGateway(make_state(settings)), settings).test_client()
        for path in ("/v1/framework", "/v1/config", "/v1/health", "/admin/healthcheck", "/v1/openapi.json"):
            assert __file__ not in client.get(path).text


class TestState:
    def test_no_framework_id_yet(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.state = replace(gateway.state, framework_id=None)
        assert client.get("/v1/state/frameworkId").status_code == 404
        assert document(client.get("/v1/framework"))["id"] == ""

    def test_suppressed(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.state = replace(gateway.state, suppressed=True)
        assert client.get("/v1/state/properties/suppressed").text.strip() == "true"

    def test_an_unknown_property(self, client: FlaskClient) -> None:
        answer = client.get("/v1/state/properties/backup")
        assert (answer.status_code, document(answer)) == (
            404,
            {"message": "There is no property backup; there is suppressed."},
        )


class TestHealth:
    @pytest.mark.parametrize(
        ("state", "message"),
        [
            (TaskState.STAGING, None),
            (TaskState.STARTING, None),
            (TaskState.RUNNING, None),
            (TaskState.FAILED, "Unhealthy nodes = node-1"),
            (TaskState.UNREACHABLE, "Unhealthy nodes = node-1"),
        ],
    )
    def test_nodes(self, client: FlaskClient, gateway: CoreGateway, state: TaskState, message: str | None) -> None:
        nodes = {**gateway.state.nodes, "node-1": task_state(make_node(1), state)}
        gateway.state = replace(gateway.state, nodes=nodes)
        answer = client.get("/admin/healthcheck")
        assert answer.status_code == (500 if message else 200)
        assert document(answer)["serverCount"]["message"] == (message or "All Cassandra nodes running")
        assert client.get("/v1/health").status_code == 200

    def test_not_registered(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.state = replace(gateway.state, registered=False)
        answer = client.get("/admin/healthcheck")
        assert (answer.status_code, document(answer)["registered"]) == (
            500,
            {"healthy": False, "message": "Framework is not yet registered"},
        )
        assert client.get("/v1/health").status_code == 200

    def test_a_loop_that_hangs(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.age = 1000.0
        answer = client.get("/v1/health")
        assert (answer.status_code, document(answer)["healthy"]) == (503, False)
        assert client.get("/admin/healthcheck").status_code == 500

    def test_a_loop_that_waits_for_zookeeper_does_not_hang(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.age, gateway.idle = 1000.0, 1.0
        answer = client.get("/v1/health")
        assert (answer.status_code, document(answer)["age_seconds"]) == (200, 1000)
        gateway.idle = 200.0
        assert client.get("/v1/health").status_code == 503

    def test_a_state_that_cannot_be_read(self, client: FlaskClient, gateway: CoreGateway) -> None:
        gateway.unavailable = "ZooKeeper does not answer"
        answer = client.get("/v1/health")
        assert (answer.status_code, document(answer)) == (
            503,
            {"healthy": False, "message": "ZooKeeper does not answer"},
        )
        assert client.get("/admin/healthcheck").status_code == 500
        assert client.get("/admin/ping").status_code == 200

    def test_ping(self, client: FlaskClient) -> None:
        answer = client.get("/admin/ping")
        assert (answer.text, answer.mimetype) == ("pong\n", "text/plain")


def test_metrics(client: FlaskClient, gateway: CoreGateway) -> None:
    answer = client.get("/metrics")
    assert answer.mimetype == "text/plain"
    assert "cassandra_scheduler_nodes_ready 3.0\n" in answer.text
    assert 'cassandra_scheduler_node_disk_free_bytes{node="node-0"} 1.073741824e+09\n' in answer.text
    gateway.unavailable = "no state"
    assert client.get("/metrics").status_code == 503


def test_garbage_comes_oldest_first_and_without_a_time_of_grace_only_told_of(
    client: FlaskClient, gateway: CoreGateway
) -> None:
    records = [GarbageRecord(name, "S1", "h1", (), 0.5, 512.0, 1024.0, at) for name, at in (("a", 9.0), ("b", 3.0))]
    gateway.state = replace(
        gateway.state, garbage={record.id: record for record in records}, policy=Policy(garbage_grace_seconds=None)
    )
    found = document(client.get("/v1/garbage"))
    assert [(item["resource_id"], item["released_after"]) for item in found] == [("b", None), ("a", None)]
    assert {item["problem"] for item in found} == {""}
    assert "cassandra_scheduler_garbage_reservations 2.0\n" in client.get("/metrics").text


def test_a_service_that_is_removed_has_one_plan(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, uninstall=UninstallRecord(1.0, "alice"))
    assert document(client.get("/v1/plan")) == document(client.get("/v1/plans/uninstall"))
    names = [phase["name"] for phase in document(client.get("/v1/plan"))["phases"]]
    assert names == ["Reconciliation", "Tasks", "Reservations", "Framework"]
    lines = client.get("/metrics").text.splitlines()
    assert len(lines) == len({line.partition("}")[0] for line in lines if line})


def test_evaluations_of_offers(client: FlaskClient, gateway: CoreGateway) -> None:
    evaluation = {"node": "node-0", "outcome": "declined", "reasons": [{"code": "cpus", "message": "too few"}]}
    gateway.evaluations = (evaluation,)
    assert document(client.get("/v1/debug/offers")) == [evaluation]


@pytest.mark.parametrize(("age", "marked"), [(0.0, False), (5.0, False), (30.0, True)])
def test_answers_from_an_old_snapshot_say_so(
    client: FlaskClient, gateway: CoreGateway, age: float, marked: bool
) -> None:
    gateway.age = age
    headers = client.get("/v1/plan").headers
    assert ("X-State-Age" in headers) == marked
    if marked:
        assert int(headers["X-State-Age"]) in (30, 31)


def test_the_time_of_a_question_to_a_node_is_no_age_of_the_state(
    client: FlaskClient, gateway: CoreGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = [0.0]

    def answer(subject: str, content: Mapping[str, Any], first: str = "") -> Mapping[str, Any]:
        """Answer as a node that has started a JVM first."""
        passed[0] += 30.0
        return {"refused": ""}

    monkeypatch.setattr(gateway, "question", answer)
    monkeypatch.setattr(access, "time", SimpleNamespace(time=lambda: time.time() + passed[0]))
    found = client.post("/v1/config/preview", json={"CASSANDRA_HEAP_SIZE_MB": "400"})
    assert (found.status_code, passed[0], "X-State-Age" in found.headers) == (200, 30.0, False)
