"""Requests in the metrics."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    ("asked", "labels"),
    [
        ("/v1/plan", 'method="GET",path="/v1/plan",status="200"'),
        ("/v1/nodes/node-0/info", 'method="GET",path="/v1/nodes/{node}/info",status="200"'),
        ("/service/cassandra/v1/plan", 'method="GET",path="/v1/plan",status="200"'),
        ("/cassandra/v1/plan", 'method="GET",path="/v1/plan",status="200"'),
        ("/v1/backup/status", 'method="GET",path="/v1/{kind}/status",status="200"'),
        ("/v1/nodes/9/info", 'method="GET",path="/v1/nodes/{node}/info",status="404"'),
        ("/made/up", 'method="",path="",status="404"'),
    ],
)
def test_a_request_is_counted_under_its_template(client: FlaskClient, asked: str, labels: str) -> None:
    client.get(asked)
    assert f"cassandra_scheduler_request_seconds_count{{{labels}}} 1.0" in client.get("/metrics").text


def test_a_method_of_no_route_is_no_label(client: FlaskClient) -> None:
    client.open("/v1/plan", method="MADEUP")
    assert 'request_seconds_count{method="",path="",status="405"} 1.0' in client.get("/metrics").text
    assert "MADEUP" not in client.get("/metrics").text
