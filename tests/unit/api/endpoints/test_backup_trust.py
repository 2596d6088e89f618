"""Backups that are signed, sealed or neither: what starts, and what is refused until the operator says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import create_app
from scheduler.core.commands.command import StartOperation
from scheduler.core.state.operation import OperationState
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state
from tests.unit.api.maintenance import BACKUP, NO_BACKUP, PATHS, SCHEMA, run
from tests.unit.sealing_keys import new_key

BODY = {"backup_name": "monday", "external_location": "s3://bucket"}
REFUSAL = 'the backup monday has no signature: an earlier version made it; give "trust": true'
UNSIGNED = {**BACKUP, "signature": "unsigned", "refusal": REFUSAL}


@pytest.fixture
def gateway() -> CoreGateway:
    made = CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))
    made.answers = {"schema": SCHEMA, "backup": NO_BACKUP}
    return made


@pytest.fixture
def client(gateway: CoreGateway, tmp_path: Path) -> FlaskClient:
    return client_with(gateway, SECRETS_KEY=new_key())


def client_with(gateway: CoreGateway, **settings: str) -> FlaskClient:
    return create_app(gateway, make_settings(**settings)).test_client()


def start(client: FlaskClient, kind: str, **more: Any) -> tuple[int, Any]:
    answer = client.put(PATHS[kind], json={**BODY, **more})
    return answer.status_code, document(answer)


def submitted(gateway: CoreGateway) -> StartOperation:
    command = gateway.submitted[-1][0]
    assert isinstance(command, StartOperation)
    return command


def test_what_an_operation_records(gateway: CoreGateway, tmp_path: Path) -> None:
    assert start(client_with(gateway), "backup")[0] == 202
    assert not {"keys", "sealed"} & submitted(gateway).facts.keys()
    gateway.state = replace(gateway.state, operations={})
    assert start(client_with(gateway, SECRETS_KEY=new_key()), "backup")[0] == 202
    assert (submitted(gateway).facts.get("keys"), submitted(gateway).facts.get("sealed")) == (True, None)
    gateway.state = replace(gateway.state, operations={})
    key = new_key()
    (tmp_path / "keys").write_text(key)
    assert start(client_with(gateway, BACKUP_ENCRYPTION_KEY_FILE=str(tmp_path / "keys")), "backup")[0] == 202
    assert (submitted(gateway).facts.get("keys"), submitted(gateway).facts.get("sealed")) == (True, True)
    # The keys go along with questions to a node, and are stored nowhere.
    given = gateway.asked[-1][1]["secrets"]
    assert set(given) == {"backup_signing_key.0", "backup_wrapping_key.0"}
    assert not [value for value in (*given.values(), key) if value in repr(submitted(gateway))]
    assert submitted(gateway).sealed == ""


@pytest.mark.parametrize("kind", ["restore", "backup-verify"])
def test_an_unsigned_backup_needs_trust(client: FlaskClient, gateway: CoreGateway, kind: str) -> None:
    gateway.answers["backup"] = UNSIGNED
    code, answer = start(client, kind)
    assert (code, answer["message"]) == (400, f"T{REFUSAL[1:]}.")
    assert start(client, kind, trust=False)[0] == 400
    assert gateway.submitted == []
    assert start(client, kind, trust=True)[0] == 202
    assert submitted(gateway).request["trust"] is True


@pytest.mark.parametrize("kind", ["restore", "backup-verify"])
def test_a_signed_one_does_not(client: FlaskClient, gateway: CoreGateway, kind: str) -> None:
    gateway.answers["backup"] = {**BACKUP, "signature": "valid", "operation": "operation-1"}
    run(gateway, "backup", state=OperationState.COMPLETE, request={**BODY, "endpoint": None}, finished_at=5.0)
    assert start(client, kind)[0] == 202
    assert "trust" not in submitted(gateway).request


def test_trust_is_true_or_false(client: FlaskClient) -> None:
    code, answer = start(client, "restore", trust="yes")
    assert code == 400
    assert "trust" in answer["message"]


def test_a_backup_that_was_put_back(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.answers["backup"] = {**BACKUP, "signature": "valid", "operation": "operation-0"}
    run(gateway, "backup", state=OperationState.COMPLETE, request={**BODY, "endpoint": None}, finished_at=5.0)
    code, answer = start(client, "restore")
    assert code == 400
    assert "is of the operation operation-0, and the last one of that name was made by operation-1" in answer["message"]
    plan = document(client.put("/v1/restore/plan", json=BODY))
    assert [item["kind"] for item in plan["problems"]].count("request") == 1
    assert start(client, "restore", trust=True)[0] == 202


def test_without_a_key_nothing_is_refused(gateway: CoreGateway) -> None:
    gateway.answers["backup"] = {**BACKUP, "operation": "operation-0"}
    run(gateway, "backup", state=OperationState.COMPLETE, request={**BODY, "endpoint": None}, finished_at=5.0)
    assert start(client_with(gateway), "restore")[0] == 202
