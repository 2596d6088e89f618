"""Clients that present a certificate: their names are principals, and a file has their roles."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api import create_app
from api.http.client_roles import ENVIRON
from scheduler.core.commands.command import Interrupt
from scheduler.security.client_names import ClientCertificate
from tests.certificates import Authority
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state

OPS = "spiffe://example.org/ops"
HOUR = 3600.0


@pytest.fixture
def roles(tmp_path: Path) -> Path:
    path = tmp_path / "roles"
    path.write_text(f"{OPS}:operate\nwatcher:read\n")
    return path


@pytest.fixture
def environ(roles: Path, tmp_path: Path) -> dict[str, str]:
    authority = Authority(tmp_path / "authority")
    issued = authority.issue("api")
    return {
        "API_TRUST_ROUTER": "true",
        "API_CERTIFICATE_FILE": str(issued.certificate),
        "API_KEY_FILE": str(issued.key),
        "API_CLIENT_CA_FILE": str(authority.ca),
        "API_CLIENT_ROLES_FILE": str(roles),
    }


@pytest.fixture
def gateway() -> CoreGateway:
    return CoreGateway(make_state(make_settings(), make_node(0)))


@pytest.fixture
def client(environ: dict[str, str], gateway: CoreGateway) -> FlaskClient:
    return create_app(gateway, make_settings(**environ)).test_client()


def ask(
    client: FlaskClient, name: str | None, method: str = "GET", token: str = "", ends_in: float = HOUR
) -> tuple[int, str]:
    """Return the status and the message of `GET /v1/plan`, or of an interrupt."""
    certificate = None if name is None else ClientCertificate(name, time.time() + ends_in)
    headers = {"Authorization": f"token={token}"} if token else {}
    path = "/v1/plan" if method == "GET" else "/v1/plan?cmd=interrupt"
    answer = client.open(path, method=method, headers=headers, environ_base={ENVIRON: certificate})
    return answer.status_code, document(answer).get("message", "")


def test_the_name_is_the_principal(client: FlaskClient, gateway: CoreGateway) -> None:
    assert ask(client, OPS, "POST")[0] == 200
    assert gateway.submitted == [(Interrupt("deploy"), OPS)]


def test_a_role_that_does_not_suffice(client: FlaskClient, gateway: CoreGateway) -> None:
    assert ask(client, "watcher")[0] == 200
    message = "This needs a certificate with the role operate: the certificate of watcher has read."
    assert ask(client, "watcher", "POST") == (403, message)
    assert gateway.noted == [f"a request was refused with 403 for watcher at 127.0.0.1: {message}"]


@pytest.mark.parametrize(("name", "shown"), [("mallory", "mallory"), ("a\x1b[2Jb", "a?[2Jb"), ("", "")])
def test_a_certificate_without_a_role(client: FlaskClient, name: str, shown: str) -> None:
    message = f"The client certificate of {shown} has no role: add a line name:role to API_CLIENT_ROLES_FILE."
    assert ask(client, name) == (403, message)


def test_a_certificate_that_has_expired_on_a_kept_connection(client: FlaskClient) -> None:
    assert ask(client, "watcher", ends_in=-1.0) == (401, "The client certificate of watcher has expired.")


def test_without_a_certificate_the_router_is_not_believed(client: FlaskClient) -> None:
    assert ask(client, None) == (401, "A client certificate is needed, of an authority in API_CLIENT_CA_FILE.")


def test_a_token_counts_before_the_certificate(environ: dict[str, str], gateway: CoreGateway, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("bob:read:bobs-token\n")
    client = create_app(gateway, make_settings(**environ, API_TOKEN_FILE=str(tmp_path / "tokens"))).test_client()
    assert ask(client, OPS, "POST", token="wrong-token") == (401, "The token is not valid.")
    assert ask(client, OPS, "POST", token="bobs-token")[0] == 403
    assert ask(client, OPS, "POST")[0] == 200
    needed = "A token is needed: send the header Authorization: token=<token>, or present a client certificate."
    assert ask(client, None) == (401, needed)


def test_a_line_that_is_removed_is_no_right(client: FlaskClient, roles: Path) -> None:
    assert ask(client, "watcher")[0] == 200
    roles.write_text(f"{OPS}:operate\n")
    assert ask(client, "watcher")[0] == 403
    roles.unlink()
    assert ask(client, OPS)[0] == 403


def test_a_wrong_line_does_not_lock_the_others_out(
    client: FlaskClient, roles: Path, caplog: pytest.LogCaptureFixture
) -> None:
    roles.write_text("watcher:read\nbob\n")
    assert ask(client, "watcher")[0] == 200
    assert "line 2 is not name:role" in caplog.text


def test_pages_of_other_sites_cannot_use_a_browsers_certificate(client: FlaskClient) -> None:
    certificate = ClientCertificate(OPS, time.time() + HOUR)
    headers = {"Origin": "https://evil.example"}
    answer = client.post("/v1/plan?cmd=interrupt", headers=headers, environ_base={ENVIRON: certificate})
    assert answer.status_code == 403


def test_health_has_what_the_server_warns_of(gateway: CoreGateway) -> None:
    client = create_app(gateway, make_settings(), warnings=lambda: ("The certificate expires.",)).test_client()
    assert "The certificate expires." in document(client.get("/v1/health"))["warnings"]


def test_the_page_knows_who_has_a_certificate(client: FlaskClient) -> None:
    certificate = ClientCertificate("watcher", time.time() + HOUR)
    answer = client.get("/ui/plans", environ_base={ENVIRON: certificate})
    assert answer.status_code == 200
    assert "watcher" in answer.text
    assert client.get("/ui/plans").status_code != 200
    assert client.get("/ui/plans", environ_base={ENVIRON: ClientCertificate("mallory", 2e9)}).status_code == 403
