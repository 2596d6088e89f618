"""Who may ask."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api import create_app
from scheduler.core.commands.command import Interrupt
from scheduler.security.tokens import Token, TokenFileError, parse_tokens
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
        ("Bearer alices-token", INVALID),
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


def test_a_file_that_became_unusable_changes_nothing(
    client: FlaskClient, tokens: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert ask(client, "token=alices-token")[0] == 200
    replace_file(tokens, "bad")
    assert ask(client, "token=alices-token")[0] == 200
    tokens.unlink()
    assert ask(client, "token=alices-token")[0] == 200
    assert "the previous tokens stay valid" in caplog.text
    assert "alices-token" not in caplog.text


def test_without_a_file_the_router_is_trusted_and_the_log_says_so(
    gateway: CoreGateway, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        client = create_app(gateway, make_settings()).test_client()
    assert "API_TOKEN_FILE is not set" in caplog.text
    assert client.post("/v1/plan?cmd=interrupt").status_code == 200
    assert gateway.submitted == [(Interrupt("deploy"), "admin-router")]


class TestTokenFile:
    def test_lines(self) -> None:
        assert parse_tokens(FILE) == (Token("alice", "alices-token"), Token("token-4", "nobodys-token"))

    @pytest.mark.parametrize(
        "text", ["", "#\n", "short", "a:short", ":long-enough", "with blank inside", "ünïcödé-token"]
    )
    def test_unusable(self, text: str) -> None:
        with pytest.raises(TokenFileError):
            parse_tokens(text)

    def test_a_token_is_not_shown(self) -> None:
        assert "secret" not in repr(Token("alice", "secret-token"))
