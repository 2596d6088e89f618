"""What a request may hold, and that nothing of it is a 500."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import create_app
from tests.unit.api.cluster import CoreGateway, document, make_settings
from tests.unit.api.maintenance import SCHEMA

JSON = {"Content-Type": "application/json"}


def send(client: FlaskClient, data: bytes, path: str = "/v1/cleanup/start") -> tuple[int, str]:
    answer = client.put(path, data=data, headers=JSON)
    assert len(answer.data) < 10_000
    return answer.status_code, str(document(answer)["message"])


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b"\xff",
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"\\udce9": 1}',
        b'{"a": "\\u0000"}',
        b'{"nodes": ["\\u001b"]}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"[" * 400 + b"]" * 400 + b"}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": ' + b"9" * 400 + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
        b"\xff\xfe{\x00}\x00",
        b'{"' + b"a" * 600 + b'": 1}',
        json.dumps({f"f{number}": 1 for number in range(80_000)}).encode(),
        b'{"a": 1e400}',
        json.dumps({"nodes": [str(number) for number in range(16_000)]}).encode(),
        b'{"nodes": "' + b"a" * 300_000 + b'"}',
        json.dumps({"nodes": [f"n{number}" for number in range(9000)]}).encode(),
        json.dumps({"key_spaces": [f"n{number}" for number in range(9000)]}).encode(),
        json.dumps({"nodes": [[number] for number in range(9000)]}).encode(),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_bodies(client: FlaskClient, gateway: CoreGateway, data: bytes) -> None:
    gateway.answers["schema"] = SCHEMA
    for path in ("/v1/cleanup/start", "/v1/config", "/v1/plan?cmd=proceed"):
        status, message = send(client, data, path)
        assert status == 400
        assert message.endswith((".", "?", "…"))
    assert gateway.submitted == []


def test_a_number_that_would_become_infinity(client: FlaskClient) -> None:
    sentence = "The body is not JSON: 1e400 is no number."
    assert send(client, b'{"CASSANDRA_CPUS": 1e400}', "/v1/config") == (400, sentence)


@pytest.mark.parametrize(
    ("path", "data", "name"),
    [
        ("/v1/cleanup/start", b'{"nodes": ["node-0"], "parallelism": 1, "nodes": ["node-1"]}', "nodes"),
        ("/v1/config", b'{"NODES": "4", "NODES": "5"}', "NODES"),
        ("/v1/restore/start", b'{"rename": {"a": "b", "a": "c"}}', "a"),
    ],
)
def test_a_field_that_is_there_twice(
    client: FlaskClient, gateway: CoreGateway, path: str, data: bytes, name: str
) -> None:
    """Only one of the values could count, and the client would not learn which."""
    assert send(client, data, path) == (400, f"The field {name} must be there once.")
    assert gateway.submitted == []


def test_many_names_of_a_restore(client: FlaskClient, gateway: CoreGateway) -> None:
    backup = {
        "state": "complete",
        "nodes": {"node-0": {}},
        "key_spaces": {f"k{n}": ["t"] for n in range(200)},
        "views": {},
    }
    gateway.answers["backup"] = backup
    names = [f"x{number}" for number in range(9000)]
    body = {
        "backup_name": "b",
        "external_location": "s3://bucket",
        "column_families": names,
        "rename": dict.fromkeys(names, "y"),
    }
    status, message = send(client, json.dumps(body).encode(), "/v1/restore/start")
    assert status == 400
    assert "more problems are not shown" in message


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/artifacts/%00", 404),
        ("/v1/artifacts/a%00b", 404),
        ("/v1/artifacts/" + "a" * 300, 404),
        ("/v1/artifacts/" + "a" * 5000, 404),
        ("/v1/artifacts/%ff%fe", 404),
        ("/v1/artifacts/%ed%a0%80", 404),
        ("/v1/plans/%00", 404),
        ("/v1/nodes/%1b/info", 404),
        ("/v1/nodes/" + "9" * 400 + "/info", 404),
        ("/v1/state/properties/%00", 404),
        ("/v1/backups/%00?external_location=s3://bucket", 404),
        ("/v1/backups/..?external_location=s3://bucket", 404),
        ("/v1/events?since=%00", 400),
        ("/v1/events?node=%1b", 400),
        ("/v1/events?since=" + "9" * 400, 400),
        ("/v1/events?limit=" + "9" * 400, 400),
        ("/v1/events?since=0001-01-01T00:00:00%2B23:59", 200),
        ("/v1/events?since=9999-12-31T23:59:59-23:59", 200),
        ("/v1/events?" + "&".join(f"a{number}=1" for number in range(500)), 400),
        ("/v1/backups?external_location=s3://%00", 400),
        ("/v1/backups?external_location=s3://bucket&endpoint=http://" + "a" * 3000, 400),
    ],
)
def test_paths_and_parameters(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.data
    assert len(answer.data) < 1000
    assert "\x1b" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {"EXECUTOR_CPUS": 10**400},
        {"NODES": 10**17},
        {"NODES": "9" * 400},
        {"CASSANDRA_CPUS": 1e300},
        {"REPLACE_AFTER_S": 1e300},
        {"GARBAGE_GRACE_S": 2**52},
        {"PLACEMENT_CONSTRAINT": "[" * 4000},
        {"PLACEMENT_CONSTRAINT": "hostname:LIKE:a{9999}"},
        {"CASSANDRA_YAML": "num_tokens: !!timestamp x"},
        {"CASSANDRA_YAML": 'num_tokens: "\\U00110000"'},
        {"CASSANDRA_YAML": "a" * 100_001},
        {"RACK_ATTRIBUTE": "a" * 5000},
        {"CASSANDRA_JVM_OPTIONS": "-Dx=\u0000"},
        {"configuration": "x" * 10_000},
    ],
    ids=lambda body: str(body)[:60],
)
def test_settings(client: FlaskClient, gateway: CoreGateway, body: dict[str, Any]) -> None:
    for method, path in (("PUT", "/v1/config"), ("POST", "/v1/config/preview"), ("POST", "/v1/config/rollback")):
        answer = client.open(path, method=method, data=json.dumps(body), headers=JSON)
        assert answer.status_code in (400, 404), (path, answer.data)
        assert len(answer.data) < 1000
    assert gateway.submitted == []


def test_questions_to_stores_leave_threads_for_others(gateway: CoreGateway) -> None:
    """While one waits, another is told so; with four threads there is room for one."""
    client = create_app(gateway, make_settings(API_THREADS="4")).test_client()
    path = "/v1/backups?external_location=s3://bucket"
    inner: list[int] = []

    class Slow(CoreGateway):
        def question(self, subject: str, content: Mapping[str, Any], first: str = "") -> Mapping[str, Any]:
            inner.append(client.get(path).status_code)
            return {"backups": []}

    gateway.__class__ = Slow
    assert client.get(path).status_code == 200
    assert inner == [503]
    assert client.get(path).status_code == 200
