"""Each route has a role, and a token without it is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import create_app
from api.http import roles
from api.http.refusals import REFUSED
from scheduler.core.state.spec import Uri
from scheduler.security.tokens import Role, new_token
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state, make_status
from tests.unit.sealing_keys import new_key

FILE = "".join(f"{role.word}s:{role.word}:{role.word}-token\n" for role in Role)


@pytest.fixture
def gateway() -> CoreGateway:
    return CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))


@pytest.fixture
def client(tmp_path: Path, gateway: CoreGateway) -> FlaskClient:
    (tmp_path / "tokens").write_text(FILE)
    return create_app(gateway, make_settings(API_TOKEN_FILE=str(tmp_path / "tokens"))).test_client()


def rules(client: FlaskClient) -> list[Any]:
    return list(client.application.url_map.iter_rules())


DOCUMENTS = Path(__file__).parents[4] / "docs"


@pytest.mark.parametrize(
    ("page", "begin"), [("rest-api.md", "These paths need no token:"), ("security.md", "| neither | | the scheduler")]
)
def test_the_documents_name_what_is_open_to_all(client: FlaskClient, page: str, begin: str) -> None:
    passage = (DOCUMENTS / page).read_text().partition(begin)[2][:600]
    open_paths = {rule.rule.partition("<")[0] for rule in rules(client) if rule.endpoint in roles.OPEN}
    assert open_paths
    assert {path for path in open_paths if f"`{path}" not in passage} == set()


@pytest.mark.parametrize("page", ["rest-api.md", "security.md", "ui.md"])
def test_the_documents_have_a_row_for_each_role(page: str) -> None:
    text = (DOCUMENTS / page).read_text()
    assert [role.word for role in Role if f"\n| `{role.word}` | " not in text] == []


def test_every_endpoint_declares_its_role(client: FlaskClient) -> None:
    endpoints = {rule.endpoint for rule in rules(client)}
    assert endpoints == roles.OPEN | roles.SIGNED_OUT | roles.NEEDED.keys()


def test_what_is_not_declared_needs_the_highest_role() -> None:
    assert roles.needed("nodes.explode") is Role.ADMIN


def test_what_a_role_permits(client: FlaskClient) -> None:
    for number, rule in enumerate(rules(client)):
        needed = roles.needed(rule.endpoint)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            if method != "GET" and rule.endpoint not in roles.SIGNED_OUT:
                assert needed is not None
                assert needed > Role.READ, rule
            if needed is not None:
                # From addresses of their own, since one with many refusals is slowed down.
                check(client, method, path_of(rule.rule), needed, f"10.0.0.{number}")


def path_of(rule: str) -> str:
    """A path of this rule: the first word where there is a choice, else anything."""
    return re.sub(r"<\w+>", "0", re.sub(r"<any\((\w+)[^>]*>", r"\1", rule))


def check(client: FlaskClient, method: str, path: str, needed: Role, address: str = "127.0.0.1") -> None:
    sender = {"REMOTE_ADDR": address}
    for role in Role:
        headers = {"Authorization": f"token={role.word}-token"}
        answer = client.open(path, method=method, headers=headers, environ_base=sender)
        if role < needed:
            assert answer.status_code == 403, (method, path, role)
            words = f"This needs a token with the role {needed.word}: the token of {role.word}s has {role.word}."
            assert document(answer) == {"message": words}
        else:
            assert answer.status_code not in (401, 403), (method, path, role)


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/v1/plan", Role.READ),
        ("GET", "/service/cassandra/v1/config", Role.READ),
        ("GET", "/metrics", Role.READ),
        ("GET", "/v1/nowhere", Role.READ),
        ("POST", "/cassandra/v1/plan?cmd=interrupt", Role.OPERATE),
        ("PUT", "/v1/nodes/restart?node=*", Role.OPERATE),
        ("PUT", "/v1/nodes/0/decommission", Role.OPERATE),
        ("PUT", "/v1/backup/start", Role.OPERATE),
        ("GET", "/v1/backups?external_location=s3://bucket", Role.OPERATE),
        ("POST", "/v1/config/rollback", Role.CONFIGURE),
        ("POST", "/v1/config/preview", Role.CONFIGURE),
        ("PUT", "/service/cassandra/v1/config", Role.CONFIGURE),
    ],
)
def test_examples(client: FlaskClient, method: str, path: str, needed: Role) -> None:
    check(client, method, path, needed)


def test_a_command_without_the_right_changes_nothing(client: FlaskClient, gateway: CoreGateway) -> None:
    before = gateway.state
    client.post("/v1/plan?cmd=interrupt", headers={"Authorization": "token=read-token"})
    client.put("/v1/config", headers={"Authorization": "token=operate-token"}, json={"NODES": 4})
    assert (gateway.state, gateway.submitted) == (before, [])
    assert "403 for reads at 127.0.0.1" in gateway.noted[0]


def test_secrets_that_an_earlier_version_took_are_not_shown(client: FlaskClient, gateway: CoreGateway) -> None:
    spec = gateway.state.target.spec
    options = {
        "server_encryption_options": {"keystore_password": "geheim", "parameters": {"pem": "PRIVATE KEY-----geheim"}}
    }
    uris = (Uri("https://user:geheim@files.example/executor.tar.gz", cache=False),)
    changed = replace(
        spec,
        cassandra=replace(spec.cassandra, jvm_options=("-Da.password=geheim", "-Xss1m"), options=options),
        executor=replace(spec.executor, command="exec ./run --secret=geheim", uris=uris),
    )
    target = replace(gateway.state.target, spec=changed)
    gateway.state = replace(gateway.state, target=target, configurations={"c1": target})
    for rule in rules(client):
        if "GET" in (rule.methods or ()) and "stream" not in rule.rule:
            text = client.get(path_of(rule.rule), headers={"Authorization": "token=read-token"}).text
            assert "geheim" not in text, rule
    found = document(client.get("/v1/config", headers={"Authorization": "token=read-token"}))
    assert found["cassandra"]["jvm_options"] == ["(not shown)", "-Xss1m"]
    assert found["executor"]["uris"][0]["value"] == "https://(not shown)@files.example/executor.tar.gz"


def test_no_answer_to_a_reader_holds_a_secret(tmp_path: Path) -> None:
    token, line = new_token("alice", Role.READ)
    (tmp_path / "tokens").write_text(f"{line}\nbob:bobs-plain-token\n")
    key, yaml = new_key(), "audit_logging_options: {included_users: 'a@geheim'}"
    settings = make_settings(API_TOKEN_FILE=str(tmp_path / "tokens"), SECRETS_KEY=key, CASSANDRA_YAML=yaml)
    gateway = CoreGateway(make_state(settings, make_node(0), make_node(1), make_node(2)))
    gateway.statuses["node-0"] = make_status(0)
    client = create_app(gateway, settings).test_client()
    headers = {"Authorization": f"token={token}"}
    client.get("/v1/plan", headers={"Authorization": "token=a-wrong-token"})
    for rule in rules(client):
        if "GET" in (rule.methods or ()) and "stream" not in rule.rule:
            text = client.get(path_of(rule.rule), headers=headers).text
            secrets = (token, line.rpartition(":")[2], "bobs-plain-token", key, "a-wrong-token")
            assert not [secret for secret in secrets if secret in text], rule
    assert "a-wrong-token" not in str(gateway.noted)


def test_who_asks_for_what_is_not_permitted_again_and_again_is_slowed_down(client: FlaskClient) -> None:
    def ask(method: str, path: str, **sender: str) -> Any:
        return client.open(path, method=method, headers={"Authorization": "token=read-token"}, environ_base=sender)

    answers = [ask("PUT", "/v1/nodes/restart?node=*") for _ in range(REFUSED + 1)]
    assert [answer.status_code for answer in answers] == [403] * REFUSED + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert "This needs a token with the role operate" in document(answers[-1])["message"]
    assert ask("GET", "/v1/plan").status_code == 200, "what is permitted is answered"
    assert ask("PUT", "/v1/nodes/restart?node=*", REMOTE_ADDR="10.0.0.9").status_code == 403
