"""The OpenAPI document tells what the routes are and what they answer."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from api import create_app
from scheduler.core.plans.plan import Status
from scheduler.core.state.cluster import GarbageRecord
from scheduler.settings import Settings
from tests.unit.api.cluster import CoreGateway, document, make_settings, make_status


@pytest.fixture
def description(client: FlaskClient) -> Any:
    return document(client.get("/v1/openapi.json"))


def test_the_document_and_the_routes_are_the_same(gateway: CoreGateway, settings: Settings, description: Any) -> None:
    routes = set()
    for rule in create_app(gateway, settings).url_map.iter_rules():
        if rule.endpoint.startswith("page."):  # for people, not for programs
            continue
        path = re.sub(r"<(?:[^<>]*:)?(\w+)>", r"{\1}", rule.rule)
        routes |= {(path, method) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert {(path, method.upper()) for path, item in description["paths"].items() for method in item} == routes


@pytest.mark.parametrize("prefix", ["/service/cassandra", "/cassandra"])
def test_every_path_works_below_each_mount(client: FlaskClient, prefix: str) -> None:
    for rule in client.application.url_map.iter_rules():
        path = re.sub(r"<\w+>", "0", re.sub(r"<any\((\w+)[^>]*>", r"\1", rule.rule))
        allowed = set(client.options(path).allow)
        assert rule.methods is not None
        assert rule.methods <= allowed
        assert set(client.options(prefix + path).allow) == allowed, path


@pytest.mark.parametrize("name", ["ui", "v1-db", "metrics-db", "dev/cassandra"])
def test_a_service_can_have_nearly_any_name(gateway: CoreGateway, name: str) -> None:
    client = create_app(gateway, make_settings(SERVICE_NAME=name)).test_client()
    for path in ("/v1/plan", f"/{name}/v1/plan", f"/service/{name}/v1/plan", "/ui/plans", f"/{name}/ui/plans",
                 "/metrics", f"/{name}/metrics", "/ui/", f"/{name}/ui/"):  # fmt: skip
        assert client.get(path).status_code == 200, path
    assert client.get("/ui").headers["Location"] == "ui/"
    browser = {"Accept": "text/html"}
    assert client.get(f"/service/{name}/", headers=browser).headers["Location"] == "ui/"
    for path in (f"/{name}/v2", f"/service/{name}x/v1/plan", f"/service/{name}/{name}/v1/plan"):
        assert client.get(path).status_code == 404, path
        assert document(client.get(path)) == {"message": f"There is nothing at {path}."}


def test_the_words_of_a_status(description: Any) -> None:
    words = description["components"]["schemas"]["Plan"]["properties"]["status"]["enum"]
    assert words == [word.value for word in Status]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/plans",
        "/v1/plan",
        "/v1/plans/{plan}",
        "/v1/connection",
        "/v1/connection/address",
        "/v1/connection/dns",
        "/v1/nodes/list",
        "/v1/nodes/status",
        "/v1/nodes/{node}/status",
        "/v1/nodes/{node}/info",
        "/v1/seeds",
        "/v1/datacenter",
        "/v1/config",
        "/v1/config/nodes",
        "/v1/framework",
        "/v1/state/frameworkId",
        "/v1/state/properties",
        "/v1/garbage",
        "/v1/debug/offers",
        "/v1/health",
        "/admin/healthcheck",
    ],
)
def test_answers_are_as_described(client: FlaskClient, gateway: CoreGateway, description: Any, path: str) -> None:
    gateway.statuses["node-0"] = make_status(0)
    forgotten = GarbageRecord("r-1", "S1", "h1", ("v-1",), 0.5, 512.0, 1024.0, 1.0)
    gateway.state = replace(gateway.state, garbage={"r-1": forgotten})
    answer = client.get(path.replace("{plan}", "deploy").replace("{node}", "node-0"))
    assert answer.status_code == 200
    schema = description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    whole = {**schema, "components": description["components"]}
    jsonschema.Draft202012Validator(_closed(whole)).validate(document(answer))


def _closed(schema: Any) -> Any:
    """The schema with every object's fields listed in full, so that a field that is not described fails."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "required" in schema and set(schema.get("required", ())) == set(schema.get("properties", ())):
        closed["additionalProperties"] = False
    return closed


def test_errors_are_as_described(client: FlaskClient, description: Any) -> None:
    for path, code in (("/v1/plans/backup", "404"), ("/v1/nodes/9/info", "404"), ("/v1/nodes/0/status", "503")):
        answer = client.get(path)
        assert answer.status_code == int(code)
        assert set(document(answer)) == set(description["components"]["schemas"]["Message"]["properties"])


def test_what_begins_an_operation_is_a_202(description: Any) -> None:
    for path, item in description["paths"].items():
        for method in item.keys() & {"post", "put"}:
            responses = item[method]["responses"].keys()
            begins = (
                path.endswith(("/replace", "/decommission", "/users/rotate", "/uninstall"))
                or "{kind}/" in path
                or "{work}" in path
            )
            assert ("202" in responses) == begins, path
            assert ("200" in responses) == (path.endswith("/replace") or not begins), path


def test_refusals_are_described_wherever_a_token_is_needed(description: Any) -> None:
    for path, item in description["paths"].items():
        for operation in item.values():
            refusals = {"401", "403", "429"} & operation["responses"].keys()
            assert len(refusals) == (0 if operation.get("security") == [] else 3), path


def test_decommission_and_replace_answer_as_described(client: FlaskClient, description: Any) -> None:
    for path in ("/v1/nodes/{node}/decommission", "/v1/nodes/{node}/replace"):
        answer = client.put(path.replace("{node}", "node-2") + "?decommission=true"[: 99 * path.endswith("replace")])
        assert str(answer.status_code) in description["paths"][path]["put"]["responses"], answer.data
