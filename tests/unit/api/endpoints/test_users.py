"""The service's own users of Cassandra over the API."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from api import create_app
from executor.key_spaces import SERVICE_ROLES
from scheduler.core.commands.command import StartOperation
from scheduler.core.state.cluster import ClusterState
from scheduler.loop.logins import job_logins, with_logins
from scheduler.security.sealing import Sealer
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state
from tests.unit.sealing_keys import new_key

KEY = new_key()
SEALER = Sealer([KEY])
SETTINGS = make_settings(SECRETS_KEY=KEY)
FIRST, SECOND = SERVICE_ROLES


def secured(made: bool = True) -> ClusterState:
    state = make_state(SETTINGS, make_node(0), make_node(1))
    spec = state.target.spec
    cassandra = replace(spec.cassandra, authentication="on")
    state = with_logins(replace(state, target=replace(state.target, spec=replace(spec, cassandra=cassandra))), SEALER)
    assert state.logins is not None
    nodes = {
        name: replace(node, task=replace(node.task, authentication="on"))
        for name, node in state.nodes.items()
        if node.task is not None
    }
    return replace(state, nodes=nodes, logins=replace(state.logins, made=made))


@pytest.fixture
def gateway() -> CoreGateway:
    return CoreGateway(secured())


@pytest.fixture
def client(gateway: CoreGateway) -> FlaskClient:
    return create_app(gateway, SETTINGS).test_client()


def test_users_are_shown_without_passwords(client: FlaskClient, gateway: CoreGateway) -> None:
    answer = client.get("/v1/users")
    on = {"authentication": "on", "authorization": "off"}
    assert document(answer) == {
        "ready": True,
        "users": [{"name": FIRST, "current": True}, {"name": SECOND, "current": False}],
        "nodes": {"node-0": on, "node-1": on},
    }
    known = job_logins(gateway.state, SEALER)
    assert known["cassandra_password"] not in answer.get_data(as_text=True)


def test_without_authentication_there_are_none() -> None:
    client = create_app(CoreGateway(make_state(SETTINGS, make_node(0))), SETTINGS).test_client()
    assert document(client.get("/v1/users"))["users"] == []
    answer = client.put("/v1/users/rotate")
    assert answer.status_code == 409
    assert document(answer)["message"].startswith("The service has no users of its own")


def test_a_rotation_changes_the_password_of_the_other_user(client: FlaskClient, gateway: CoreGateway) -> None:
    before = gateway.state
    answer = client.put("/v1/users/rotate")
    (command, principal), found = gateway.submitted[0], document(answer)
    assert isinstance(command, StartOperation)
    assert (answer.status_code, found) == (202, {"status": "started", "message": "", "id": command.id})
    assert (command.plan, command.request, command.nodes) == ("rotation", {"user": SECOND}, ("node-0", "node-1"))
    assert principal == "admin-router"
    old = job_logins(before, SEALER)
    new = job_logins(gateway.state, SEALER, gateway.state.operations["rotation"])
    assert new["cassandra_password"] == old["cassandra_password"], "the current one stays"
    assert new["other_username"] == SECOND
    assert len(new["other_password"]) == 43
    assert new["other_password"] not in str(command)
    assert client.put("/v1/users/rotate").status_code == 409, "one at a time"


def test_no_rotation_before_the_users_are_made() -> None:
    client = create_app(CoreGateway(secured(made=False)), SETTINGS).test_client()
    assert client.put("/v1/users/rotate").status_code == 409


def test_no_rotation_without_a_key() -> None:
    answer = create_app(CoreGateway(secured()), make_settings()).test_client().put("/v1/users/rotate")
    assert answer.status_code == 409
    assert "SECRETS_KEY_FILE" in document(answer)["message"]


def test_no_rotation_that_could_not_log_in(gateway: CoreGateway) -> None:
    answer = create_app(gateway, make_settings(SECRETS_KEY=new_key())).test_client().put("/v1/users/rotate")
    assert answer.status_code == 409
    assert "no key of SECRETS_KEY_FILE (or SECRETS_KEY) sealed them. Add the key" in document(answer)["message"]
    assert gateway.submitted == []
