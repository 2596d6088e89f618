"""Settings are tried by Cassandra itself before a node is stopped for them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from executor.protocol import parse_launch
from scheduler.loop.snapshot import QuestionRefused, Unavailable
from tests.unit.api.cluster import CoreGateway, document

PHI = {"CASSANDRA_PHI_CONVICT_THRESHOLD": 12}
WORDS = "phi_convict_threshold must be between 5 and 16, but was 4.0"
SENTENCE = (
    f"Cassandra would not start with these settings: {WORDS}. Correct them; no node was restarted"
)  # fmt: skip


def test_what_is_tried_is_what_a_node_would_start_with(client: FlaskClient, gateway: CoreGateway) -> None:
    given = {**PHI, "CASSANDRA_HEAP_SIZE_MB": 1024, "CASSANDRA_JVM_OPTIONS": "-XX:+UseNUMA"}
    assert client.put("/v1/config", json=given).status_code == 200
    [(subject, content)] = gateway.asked
    launch = parse_launch(content["launch"])
    assert (subject, gateway.asked_first) == ("settings", ["node-0"])
    assert (launch.heap_mb, launch.jvm_options) == (1024, ("-XX:+UseNUMA",))
    assert launch.options["phi_convict_threshold"] == 12


@pytest.mark.parametrize("method", ["put", "preview", "rollback"])
def test_what_cassandra_refuses_changes_nothing(client: FlaskClient, gateway: CoreGateway, method: str) -> None:
    if method == "rollback":
        assert client.put("/v1/config", json=PHI).status_code == 200
        assert client.put("/v1/config", json={"CASSANDRA_HEAP_SIZE_MB": 1024}).status_code == 200
    gateway.answers["settings"] = {"refused": f"{WORDS}."}
    before = gateway.state
    if method == "preview":
        answer = client.post("/v1/config/preview", json=PHI)
        found = document(answer)
        assert (answer.status_code, found["allowed"], found["refusals"]) == (200, False, [SENTENCE])
        assert (found["restarts"], found["cassandra_check"]) == ([], {"result": "refused", "message": WORDS})
    else:
        answer = client.put("/v1/config", json=PHI) if method == "put" else client.post("/v1/config/rollback")
        assert (answer.status_code, document(answer)) == (409, {"message": f"{SENTENCE}."})
    assert gateway.state is before


@pytest.mark.parametrize(
    "problem",
    [
        Unavailable("no node can answer: no node is NORMAL"),
        Unavailable("node-0 could not answer: this executor does not know the question settings"),
        QuestionRefused("invalid", "no"),
    ],
    ids=str,
)
def test_without_an_answer_they_are_taken_and_it_is_said(
    client: FlaskClient, gateway: CoreGateway, problem: Any
) -> None:
    gateway.answers["settings"] = problem
    answer = client.put("/v1/config", json=PHI)
    assert answer.status_code == 200
    assert document(answer)["cassandra_check"] == {"result": "not made", "message": str(problem)}
    assert gateway.state.target.spec.cassandra.options["phi_convict_threshold"] == 12


@pytest.mark.parametrize(
    ("body", "result", "message"),
    [
        ({"CASSANDRA_CPUS": 2}, "not needed", ""),
        ({"NODES": 4}, "not needed", ""),
        ({**PHI, "check": False}, "not made", "the request has check false"),
    ],
    ids=str,
)
def test_nobody_is_asked(
    client: FlaskClient, gateway: CoreGateway, body: dict[str, Any], result: str, message: str
) -> None:
    answer = client.put("/v1/config", json=body)
    assert answer.status_code == 200, answer.data
    assert document(answer)["cassandra_check"] == {"result": result, "message": message}
    assert gateway.asked == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"EXECUTOR_CASSANDRA_LOCATION": "http://host/cassandra-5.0.9.tar.gz"},
            "the settings name other bundles than the nodes have",
        ),
        ({"EXECUTOR_JAVA_HOME": "/tmp/evil"}, "the settings name code that the scheduler's environment alone sets"),
    ],
    ids=str,
)
def test_no_node_tries_the_code_of_a_preview(
    client: FlaskClient, gateway: CoreGateway, body: dict[str, Any], message: str
) -> None:
    answer = client.post("/v1/config/preview", json={**PHI, **body})
    assert document(answer)["cassandra_check"] == {"result": "not made", "message": message}
    assert gateway.asked == []


def test_nobody_is_asked_for_a_cluster_without_members(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, nodes={})
    assert document(client.put("/v1/config", json=PHI))["cassandra_check"]["result"] == "not needed"
    assert gateway.asked == []


def test_the_flag_is_true_or_false(client: FlaskClient) -> None:
    answer = client.put("/v1/config", json={**PHI, "check": "no"})
    assert (answer.status_code, document(answer)) == (400, {"message": "check must be true or false."})


@pytest.mark.parametrize(("launched", "result"), [((), "accepted"), (("node-2",), "not needed")], ids=str)
def test_settings_with_which_a_node_runs_are_taken_back_at_once(
    client: FlaskClient, gateway: CoreGateway, launched: Collection[str], result: str
) -> None:
    """A check takes seconds, in which the roll-out would go on to the next node."""
    assert client.put("/v1/config", json=PHI).status_code == 200
    before = gateway.state.target.id
    nodes = {
        name: replace(node, task=replace(node.known_task, configuration=before)) if name in launched else node
        for name, node in gateway.state.nodes.items()
    }
    gateway.state = replace(gateway.state, nodes=nodes)
    assert client.put("/v1/config", json={"CASSANDRA_HEAP_SIZE_MB": 1024}).status_code == 200
    gateway.asked.clear()
    found = document(client.post("/v1/config/rollback"))
    assert (found["configuration"], found["cassandra_check"]["result"]) == (before, result)
    assert len(gateway.asked) == (result == "accepted")
