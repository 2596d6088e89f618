"""The names of keyspaces and tables."""

from __future__ import annotations

from flask.testing import FlaskClient

from scheduler.loop.snapshot import QuestionRefused
from tests.unit.api import maintenance
from tests.unit.api.cluster import CoreGateway, document


def test_a_node_tells_the_names(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.answers["schema"] = maintenance.SCHEMA
    assert document(client.get("/v1/schema")) == {
        "key_spaces": {
            "shop": {"local": False, "tables": ["user", "users"]},
            "system": {"local": True, "tables": ["local"]},
        }
    }


def test_no_node_can_tell_them(client: FlaskClient, gateway: CoreGateway) -> None:
    answer = client.get("/v1/schema")
    assert (answer.status_code, document(answer)) == (503, {"message": "No node can answer: no node is NORMAL."})
    gateway.answers["schema"] = QuestionRefused("invalid", "CQL needs a login")
    answer = client.get("/v1/schema")
    assert answer.status_code == 503
    assert document(answer) == {"message": "The schema cannot be read: CQL needs a login."}
