"""Who may ask."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api import create_app
from api.http.refusals import REFUSED
from scheduler.core.commands.command import Interrupt
from scheduler.security.tokens import Role, new_token
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state

FILE = "# operators\nalice:alices-token\n\nnobodys-token\n"
NEEDED = {"message": "A token is needed: send the header Authorization: token=<token>."}
INVALID = {"message": "The token is not valid."}


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(FILE)
    return path


@pytest.fixture
def gateway() -> CoreGateway:
    return CoreGateway(make_state(make_settings(), make_node(0)))


@pytest.fixture
def client(tokens: Path, gateway: CoreGateway) -> FlaskClient:
    return create_app(gateway, make_settings(API_TOKEN_FILE=str(tokens))).test_client()


def ask(client: FlaskClient, header: str | None, path: str = "/v1/plan") -> tuple[int, object]:
    answer = client.get(path, headers={"Authorization": header} if header is not None else {})
    return answer.status_code, document(answer)


@pytest.mark.parametrize("token", ["alices-token", "nobodys-token"])
def test_valid_tokens(client: FlaskClient, token: str) -> None:
    assert ask(client, f"token={token}")[0] == 200
    assert ask(client, f"Bearer {token}")[0] == 200  # Prometheus can send a token from a file in this form alone


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, NEEDED),
        ("", INVALID),
        ("token=", INVALID),
        ("token=alices-toke", INVALID),
        ("token=alices-token2", INVALID),
        ("token=alice:alices-token", INVALID),
        ("token=token-4", INVALID),
        ("alices-token", INVALID),
        ("Bearer alices-toke", INVALID),
        ("Bearer token=alices-token", INVALID),
        ("Bearer ", INVALID),
        ("Basic YWxpY2U6YWxpY2VzLXRva2Vu", INVALID),
        ("token=älices-token", INVALID),
    ],
)
def test_invalid_tokens(client: FlaskClient, header: str | None, message: object) -> None:
    assert ask(client, header) == (401, message)


@pytest.mark.parametrize(
    "path", ["/v1/plan", "/service/cassandra/v1/plan", "/cassandra/v1/nodes/list", "/nowhere", "/v1/openapi.json"]
)
def test_everything_else_needs_a_token_even_what_does_not_exist(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, document(answer)) == (401, NEEDED)
    assert answer.headers["WWW-Authenticate"] == 'token realm="cassandra"'


@pytest.mark.parametrize(
    "path",
    ["/admin/ping", "/admin/healthcheck", "/v1/health", "/service/cassandra/v1/health", "/cassandra/admin/ping"],
)
def test_health_is_open(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_command_without_token_changes_nothing(client: FlaskClient, gateway: CoreGateway) -> None:
    assert client.post("/v1/plan?cmd=interrupt").status_code == 401
    assert gateway.submitted == []


@pytest.mark.parametrize(("token", "name"), [("alices-token", "alice"), ("nobodys-token", "token-4")])
def test_a_command_carries_the_holders_name(client: FlaskClient, gateway: CoreGateway, token: str, name: str) -> None:
    client.post("/v1/plan?cmd=interrupt", headers={"Authorization": f"token={token}"})
    assert gateway.submitted == [(Interrupt("deploy"), name)]


def replace_file(path: Path, text: str) -> None:
    other = path.with_suffix(".new")
    other.write_text(text)
    other.replace(path)


def test_a_changed_file_is_read_again(client: FlaskClient, tokens: Path) -> None:
    replace_file(tokens, "bob:a-new-token\n")
    assert ask(client, "token=a-new-token")[0] == 200
    assert ask(client, "token=alices-token")[0] == 401


@pytest.mark.parametrize("text", ["", "# none\n", "bad", "alice:read", None], ids=str)
def test_a_file_that_became_unusable_lets_nobody_in(
    client: FlaskClient, tokens: Path, caplog: pytest.LogCaptureFixture, text: str | None
) -> None:
    assert ask(client, "token=alices-token")[0] == 200
    if text is None:
        tokens.unlink()
    else:
        replace_file(tokens, text)
    for header in ("token=alices-token", "token=", "", "token=bad", None):
        assert ask(client, header)[0] == 401
    assert len([record for record in caplog.records if record.levelname == "ERROR"]) == 1
    assert "alices-token" not in caplog.text


def test_a_file_of_other_bytes_lets_nobody_in(client: FlaskClient, tokens: Path) -> None:
    tokens.write_bytes(b"\xff\xfealices-token\n")
    assert ask(client, "token=alices-token")[0] == 401


def test_a_wrong_line_does_not_lock_the_others_out(
    client: FlaskClient, tokens: Path, caplog: pytest.LogCaptureFixture
) -> None:
    replace_file(tokens, "bob:raed:bobs-token\nalice:alices-token\n")
    assert ask(client, "token=alices-token")[0] == 200
    assert ask(client, "token=raed:bobs-token")[0] == 401
    assert "line 1 must have a role before the token or hash: read, operate, configure, admin" in caplog.text


def test_without_a_file_the_router_is_trusted_and_the_log_says_so(
    gateway: CoreGateway, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        client = create_app(gateway, make_settings()).test_client()
    assert "API_TOKEN_FILE is not set" in caplog.text
    assert client.post("/v1/plan?cmd=interrupt").status_code == 200
    assert gateway.submitted == [(Interrupt("deploy"), "admin-router")]


def test_without_a_file_and_without_a_router_nobody_is_let_in(gateway: CoreGateway) -> None:
    client = create_app(gateway, make_settings(API_TRUST_ROUTER="false")).test_client()
    assert client.get("/v1/plan").status_code == 401
    assert client.post("/v1/plan?cmd=interrupt", headers={"Authorization": "token=anything"}).status_code == 401
    assert client.get("/v1/health").status_code == 200
    assert gateway.submitted == []


def test_refusals_are_metrics_and_events(client: FlaskClient, gateway: CoreGateway) -> None:
    for header in ("token=alices-toke", None):
        ask(client, header)
    text = client.get("/metrics", headers={"Authorization": "token=alices-token"}).text
    assert 'cassandra_scheduler_requests_refused_total{status="401"} 2.0\n' in text
    assert gateway.noted == ["a request was refused with 401 for 127.0.0.1: The token is not valid."]


def test_who_guesses_is_slowed_down_and_who_was_there_before_is_not(client: FlaskClient) -> None:
    assert ask(client, "token=alices-token")[0] == 200
    answers = [ask(client, f"token=guess-{number}")[0] for number in range(REFUSED + 1)]
    assert answers == [401] * REFUSED + [429]
    answer = client.get("/v1/plan", headers={"Authorization": "token=nobodys-token"})
    assert (answer.status_code, set(document(answer))) == (429, {"message"})
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert ask(client, "token=alices-token")[0] == 200
    assert ask(client, None)[0] == 401
    assert client.get("/v1/health").status_code == 200


def test_a_file_that_is_empty_for_a_moment_makes_no_one_guess(gateway: CoreGateway, tokens: Path) -> None:
    token, line = new_token("metrics", Role.READ)
    tokens.write_text(line)
    client = create_app(gateway, make_settings(API_TOKEN_FILE=str(tokens))).test_client()
    assert ask(client, f"token={token}")[0] == 200
    tokens.write_text("")
    assert {ask(client, f"token={token}")[0] for _ in range(REFUSED + 1)} == {401}
    tokens.write_text(f"# replaced\n{line}\n")
    assert ask(client, f"token={token}")[0] == 200
    assert [ask(client, f"token=guess-{number}")[0] for number in range(REFUSED + 1)][-1] == 429


def test_behind_a_trusted_router_each_client_is_slowed_down_alone(gateway: CoreGateway, tokens: Path) -> None:
    client = create_app(gateway, make_settings(API_TOKEN_FILE=str(tokens))).test_client()
    for _ in range(REFUSED + 1):
        client.get("/v1/plan", headers={"Authorization": "token=guess", "X-Forwarded-For": "1.1.1.1, 10.9.9.9"})
    for forwarded, status in (("10.9.9.9", 429), ("1.1.1.1, 10.9.9.9", 429), ("10.9.9.8", 200), ("\n", 200)):
        headers = {"Authorization": "token=alices-token", "X-Forwarded-For": forwarded.strip()}
        assert client.get("/v1/plan", headers=headers).status_code == status, forwarded
