"""A browser's page of another site cannot command."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Request
from flask.testing import FlaskClient

from api import create_app
from api.http.origin import Hosts
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state

COMMAND = "/v1/plan?cmd=interrupt"
TOKEN = {"Authorization": "token=alices-token"}


@pytest.fixture
def gateway() -> CoreGateway:
    return CoreGateway(make_state(make_settings(), make_node(0)))


def router(gateway: CoreGateway, **settings: str) -> FlaskClient:
    return create_app(gateway, make_settings(**settings)).test_client()


def with_tokens(gateway: CoreGateway, directory: Path, **settings: str) -> FlaskClient:
    (directory / "tokens").write_text("alice:alices-token")
    given = make_settings(API_TOKEN_FILE=str(directory / "tokens"), API_TRUST_ROUTER="false", **settings)
    return create_app(gateway, given).test_client()


FOREIGN: list[dict[str, str]] = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://localhost:8080"},
    {"Origin": "https://localhost.evil.example"},
    {"Origin": "http://localhost@evil.example"},
    {"Origin": "file://"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "Cross-Site", "Origin": "http://localhost"},
    {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_commands_of_another_site(gateway: CoreGateway, tmp_path: Path, headers: dict[str, str], method: str) -> None:
    for client, more in ((router(gateway), {}), (with_tokens(gateway, tmp_path), TOKEN)):
        answer = client.open(COMMAND, method=method, headers={**headers, **more})
        assert answer.status_code == 403, answer.data
        assert document(answer)["message"].startswith("A page of another site cannot command this cluster")
    assert gateway.submitted == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://localhost"},
        {"Origin": "http://localhost:80"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Host": "10.0.0.1:9000", "Origin": "http://10.0.0.1:9000"},
        {"Host": "[::1]:9000", "Origin": "http://[::1]:9000"},
    ],
    ids=str,
)
def test_own_commands(gateway: CoreGateway, tmp_path: Path, headers: dict[str, str]) -> None:
    for client, more in ((router(gateway), {}), (with_tokens(gateway, tmp_path), TOKEN)):
        assert client.post(COMMAND, headers={**headers, **more}).status_code == 200


def test_a_page_may_read_with_a_token(gateway: CoreGateway, tmp_path: Path) -> None:
    headers = {**TOKEN, "Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = with_tokens(gateway, tmp_path).get("/v1/plan", headers=headers)
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name[0].lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:9000", 403),
        ("mesos.evil.example", 403),
        ("evilmesos", 200),
        ("a,b.example", 403),
        ("localhost", 200),
        ("127.0.0.1:9000", 200),
        ("[::1]:9000", 200),
        ("master.mesos", 200),
        ("cassandra.marathon.mesos:9000", 200),
        ("files.example", 200),
        ("FILES.example.", 200),
    ],
)
def test_the_hosts_of_a_trusted_router(gateway: CoreGateway, host: str, status: int) -> None:
    for answer in (router(gateway).get("/v1/plan", headers={"Host": host}), router(gateway).post(
        COMMAND, headers={"Host": host, "Origin": f"http://{host}"} if status == 403 else {"Host": host}
    )):  # fmt: skip
        assert answer.status_code == status
    assert router(gateway).get("/v1/health", headers={"Host": host}).status_code == 200


def test_the_router_forwards_its_own_name(gateway: CoreGateway) -> None:
    forwarded = {"X-Forwarded-Host": "dcos.example"}
    own = {"Host": "10.0.0.5:9000", **forwarded, "Origin": "https://dcos.example"}
    client = router(gateway)
    assert client.post(COMMAND, headers=own).status_code == 200
    assert client.post(COMMAND, headers={**own, "Origin": "https://evil.example"}).status_code == 403
    # One that hands the client's Host on, as DC/OS's does.
    passed = {"Host": "dcos.example", "X-Forwarded-For": "10.1.1.1"}
    assert client.post(COMMAND, headers={**passed, "Origin": "https://dcos.example"}).status_code == 200
    assert client.post(COMMAND, headers={**passed, "Origin": "https://evil.example"}).status_code == 403


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"])
def test_a_page_that_rebinds_its_name_has_the_port_of_the_api(gateway: CoreGateway, name: str) -> None:
    client = router(gateway)
    for host, status in (("evil.example:9000", 403), ("dcos.example:8443", 200)):
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin", name: "10.1.1.1"}
        assert client.post(COMMAND, headers=headers).status_code == status


@pytest.mark.parametrize(("port", "base"), [("80", "http://localhost"), ("443", "https://localhost")])
def test_a_page_that_rebinds_its_name_needs_not_say_the_port_of_the_scheme(
    gateway: CoreGateway, port: str, base: str
) -> None:
    client = router(gateway, API_PORT=port)
    for host, status in (("evil.example", 403), ("dcos.example:8443", 200)):
        headers = {"Host": host, "Sec-Fetch-Site": "same-origin", "X-Forwarded-For": "10.1.1.1"}
        assert client.post(COMMAND, headers=headers, base_url=base).status_code == status


def test_named_hosts_are_the_only_ones(gateway: CoreGateway) -> None:
    client = router(gateway, API_HOSTS="dcos.example,dcos2.example")
    named = {"Host": "dcos.example:443", "Origin": "https://dcos.example"}
    assert client.post(COMMAND, headers=named).status_code == 200
    assert client.post(COMMAND, headers={"Host": "10.0.0.5", "Origin": "https://dcos2.example"}).status_code == 200
    forwarded = {"Host": "evil.example", "X-Forwarded-Host": "dcos.example", "X-Forwarded-For": "1.1.1.1"}
    assert client.post(COMMAND, headers=forwarded).status_code == 403


def test_without_trust_a_forwarded_host_counts_for_nothing(gateway: CoreGateway, tmp_path: Path) -> None:
    headers = {**TOKEN, "X-Forwarded-Host": "evil.example", "Origin": "https://evil.example"}
    assert with_tokens(gateway, tmp_path).post(COMMAND, headers=headers).status_code == 403


def test_a_request_without_host_is_no_browsers() -> None:
    assert Hosts(make_settings()).problem(Request({})) is None


def test_refusals_are_told(gateway: CoreGateway) -> None:
    router(gateway).post(COMMAND, headers={"Origin": "http://evil.example"})
    [sentence] = gateway.noted
    assert sentence.startswith("a request was refused with 403 for admin-router at 127.0.0.1: A page of another site")
