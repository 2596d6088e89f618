"""What other settings would do."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from api import BLUEPRINTS
from api.openapi.document import describe
from tests.unit.api.cluster import CoreGateway, document

PATH = "/v1/config/preview"
ALL = ["node-0", "node-1", "node-2"]


@pytest.mark.parametrize(
    ("body", "changes", "restarts"),
    [
        ({}, [], []),
        ({"CASSANDRA_HEAP_SIZE_MB": 1024}, [("heap_mb", "2048", "1024", "restart")], ALL),
        ({"CASSANDRA_CPUS": "1.5"}, [("cpus", "0.5", "1.5", "restart")], ALL),
        (
            {"CASSANDRA_YAML": "{native_transport_idle_timeout: 10m}"},
            [("native_transport_idle_timeout", "unset", "10m", "restart")],
            ALL,
        ),
        ({"NODES": 4}, [("nodes", "3", "4", "none")], []),
        (
            {"EXECUTOR_COMMAND": "exec ./other"},
            [("executor command", "exec ./executor-bundle/run", "exec ./other", "none")],
            [],
        ),
        (
            {"CASSANDRA_YAML": "audit_logging_options: {included_users: abc@x}"},
            [("audit_logging_options", "unset", "(not shown)", "restart")],
            ALL,
        ),
        ({"CASSANDRA_HEAP_SIZE_MB": None}, [], []),
        ({"REPLACE_AFTER_S": 900}, [("replace after", "unset", "900.0", "none")], []),
    ],
    ids=str,
)
def test_allowed(
    client: FlaskClient, gateway: CoreGateway, body: dict[str, Any], changes: list[tuple[str, ...]], restarts: list[str]
) -> None:
    before = gateway.state
    answer = client.post(PATH, json=body)
    assert answer.status_code == 200, answer.data
    found = document(answer)
    assert found == {
        "allowed": True,
        "refusals": [],
        "changes": [dict(zip(("name", "old", "new", "effect"), row, strict=True)) for row in changes],
        "restarts": restarts,
        "leaves": [],
        "warnings": [],
        "cassandra_check": {"result": "accepted" if gateway.asked else "not needed", "message": ""},
    }
    assert gateway.state is before
    description = describe(BLUEPRINTS)
    schema = description["components"]["schemas"]["Preview"]
    jsonschema.Draft202012Validator({**schema, "components": description["components"]}).validate(found)


def test_writes_that_wait_for_the_commit_log_are_a_warning(client: FlaskClient) -> None:
    body = {"CASSANDRA_YAML": "{periodic_commitlog_sync_lag_block: 0ms}"}
    (warning,) = document(client.post(PATH, json=body))["warnings"]
    assert "a write waits up to 10 s for the commit log" in warning
    assert document(client.put("/v1/config", json=body))["warnings"] == [warning]
    assert warning in document(client.get("/v1/health"))["warnings"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"CASSANDRA_DISK_MB": 20480}, "The configured disk size can not be changed"),
        ({"SERVICE_ROLE": "other"}, "The configured role can not be changed"),
        ({"CASSANDRA_CLUSTER_NAME": "other"}, "The configured cluster can not be changed"),
        ({"CASSANDRA_STORAGE_PORT": 7777}, "The configured storage port can not be changed"),
    ],
    ids=str,
)
def test_refused(client: FlaskClient, body: dict[str, Any], says: str) -> None:
    found = document(client.post(PATH, json=body))
    assert (found["allowed"], found["restarts"]) == (False, [])
    assert says in found["refusals"][0]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"HEAP": 1}, "HEAP is not a setting."),
        ({"CASSANDRA_YAML_FILE": "/etc/passwd"}, "CASSANDRA_YAML_FILE is read at the scheduler's start only"),
        ({"SECRETS_KEY": "x"}, "SECRETS_KEY is read at the scheduler's start only"),
        ({"NODES": [3]}, "NODES must be a text, a number, true, false or null."),
        ({"NODES": "many", "CASSANDRA_CPUS": "none"}, "CASSANDRA_CPUS"),
        ({"CASSANDRA_HEAP_SIZE_MB": 100_000}, "CASSANDRA_HEAP_SIZE_MB"),
    ],
    ids=str,
)
def test_wrong(client: FlaskClient, body: dict[str, Any], says: str) -> None:
    answer = client.post(PATH, json=body)
    assert answer.status_code == 400
    assert says in document(answer)["message"]
