"""Maintenance over the API: what is started with what, every way to ask wrongly, and how it is shown."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import create_app
from scheduler.core.commands.command import ResumeOperation, StartOperation, StopOperation, TuneOperation
from scheduler.core.maintenance.request import DEFAULT_THROTTLE
from scheduler.core.state.operation import OperationState
from scheduler.core.state.operation_kinds import KINDS
from scheduler.loop.snapshot import QuestionRefused, Unavailable
from scheduler.security.backup_keys import backup_keys
from scheduler.security.sealing import Sealer
from tests.unit.api.cluster import NOW, CoreGateway, document, make_node, make_settings, make_state
from tests.unit.api.maintenance import ALL_NODES, BACKUP, KEYS, NO_BACKUP, PATHS, SCHEMA, run
from tests.unit.sealing_keys import new_key

KEY = new_key()
PLACE = {"external_location": "s3://bucket"}
ALLOWED = {"allowed": ["s3://"]}
SIGNING = backup_keys("", "", KEY).secrets


@pytest.fixture
def gateway() -> CoreGateway:
    settings = make_settings()
    made = CoreGateway(make_state(settings, make_node(0), make_node(1), make_node(2)))
    made.answers = {"schema": SCHEMA, "backup": NO_BACKUP, "backups": {"backups": []}}
    return made


@pytest.fixture
def client(gateway: CoreGateway) -> FlaskClient:
    return create_app(gateway, make_settings(SECRETS_KEY=KEY)).test_client()


def put(client: FlaskClient, path: str, body: Any = None) -> tuple[int, Any]:
    answer = client.put(path, json=body) if body is not None else client.put(path)
    return answer.status_code, document(answer)


def body_of(kind: str) -> dict[str, Any]:
    if kind in ("backup", "restore", "backup-verify", "backup-delete"):
        return {"backup_name": "monday", **PLACE}
    if kind == "decommission":
        return {"nodes": ["node-2"], "force": True}
    return {"nodes": ["*"]}


def exists(gateway: CoreGateway, kind: str) -> None:
    """Whatever this kind needs to begin with."""
    if kind in ("restore", "backup-verify", "backup-delete"):
        gateway.answers["backup"] = BACKUP


@pytest.mark.parametrize("kind", sorted(name for name, found in KINDS.items() if found.own))
def test_what_the_scheduler_begins_itself_cannot_be_started(client: FlaskClient, kind: str) -> None:
    assert client.put(f"/v1/{kind}/start", json={}).status_code == 404
    assert client.put(f"/v1/{kind}/continue").status_code == 404


@pytest.mark.parametrize("kind", ["backup", "restore", "cleanup"])
def test_a_node_that_has_left_is_not_among_all_nodes(client: FlaskClient, gateway: CoreGateway, kind: str) -> None:
    """Its record stays until its task has ended: a backup of it waited for a node without a record for ever."""
    exists(gateway, kind)
    left = replace(gateway.state.nodes["node-2"], mode="DECOMMISSIONED")
    gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, "node-2": left})
    assert put(client, PATHS[kind], body_of(kind))[0] == 202
    submitted, _ = gateway.submitted[0]
    assert isinstance(submitted, StartOperation)
    assert submitted.nodes == ("node-0", "node-1")


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("kind", sorted(PATHS))
def test_every_kind_can_be_started(client: FlaskClient, gateway: CoreGateway, kind: str, method: str) -> None:
    exists(gateway, kind)
    answer = client.open(PATHS[kind], method=method, json=body_of(kind))
    (submitted, principal), found = gateway.submitted[0], document(answer)
    assert isinstance(submitted, StartOperation)
    assert (answer.status_code, found) == (202, {"status": "started", "message": "", "id": submitted.id})
    assert (submitted.plan, submitted.nodes, submitted.principal, principal) == (
        kind,
        ("node-2",) if kind == "decommission" else ALL_NODES,
        "admin-router",
        "admin-router",
    )
    assert submitted.sealed == ""
    path = PATHS[kind].removesuffix("/start")
    status = document(client.get(f"{path}/status"))
    assert (status["id"], status["state"]) == (submitted.id, "WAITING")
    assert kind in document(client.get("/v1/plans"))


@pytest.mark.parametrize(
    ("path", "rejoins"),
    [
        ("/v1/nodes/node-2/decommission?force=true", False),
        ("/v1/nodes/node-2/replace?decommission=true&force=true", True),
        ("/v1/nodes/replace?node=2&decommission=true&force=true", True),
    ],
)
def test_a_node_leaves_for_good_or_to_join_elsewhere(
    client: FlaskClient, gateway: CoreGateway, path: str, rejoins: bool
) -> None:
    code, answer = put(client, path)
    (submitted, _) = gateway.submitted[0]
    assert isinstance(submitted, StartOperation)
    assert (code, answer) == (202, {"status": "started", "message": "", "id": submitted.id})
    assert (submitted.plan, submitted.nodes) == ("decommission", ("node-2",))
    assert submitted.request == {"force": True, "rejoin": rejoins}


@pytest.mark.parametrize("prefix", ["", "/service/cassandra", "/cassandra"])
@pytest.mark.parametrize("name", ["upgradesstable", "upgradesstables"])
def test_both_spellings(client: FlaskClient, gateway: CoreGateway, prefix: str, name: str) -> None:
    assert put(client, f"{prefix}/v1/{name}/start", {"nodes": ["*"]})[0] == 202
    command = gateway.submitted[0][0]
    assert isinstance(command, StartOperation)
    assert command.plan == "upgradesstables"
    assert document(client.get(f"{prefix}/v1/{name}/status"))["kind"] == "upgradesstables"


def test_what_a_backup_becomes(client: FlaskClient, gateway: CoreGateway) -> None:
    body = {**body_of("backup"), **KEYS, "key_spaces": ["shop"], "uses_emc": True, "region": "eu-west-1"}
    code, answer = put(client, "/v1/backup/start", body)
    assert code == 202
    command = gateway.submitted[0][0]
    assert isinstance(command, StartOperation)
    assert command.request["key_spaces"] == ["shop"]
    assert command.tuning == {"throttle": DEFAULT_THROTTLE}
    assert Sealer([KEY]).open(answer["id"], command.sealed) == KEYS
    location = {**PLACE, "region": "eu-west-1", "endpoint": None, "tls_ca": None, "path_style": True, **ALLOWED}
    assert gateway.asked == [
        ("schema", {}),
        ("backup", {"location": location, "secrets": {**KEYS, **SIGNING}, "backup_name": "monday"}),
    ]


def test_a_backup_that_was_never_finished_may_be_begun_again(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.answers["backup"] = {**BACKUP, "state": "unfinished"}
    assert put(client, "/v1/backup/start", body_of("backup"))[0] == 202


def test_a_name_that_another_cluster_may_still_use(client: FlaskClient, gateway: CoreGateway) -> None:
    began = {"state": "unfinished", "started_at": "2024-01-01T00:00:00Z", "cluster_name": "theirs"}
    gateway.answers["backup"] = {**began, "cluster": "another"}
    code, answer = put(client, "/v1/backup/start", body_of("backup"))
    assert (code, answer["message"]) == (
        409,
        "There is an unfinished backup monday at s3://bucket: the cluster theirs, which is not this one, began it at"
        " 2024-01-01T00:00:00Z, and can still complete it; choose another name, or delete it first.",
    )
    gateway.answers["backup"] = {**began, "cluster": gateway.state.cluster_id or ""}
    assert put(client, "/v1/backup/start", body_of("backup"))[0] == 202


def test_what_named_tables_mean_is_kept(client: FlaskClient, gateway: CoreGateway) -> None:
    assert put(client, "/v1/repair/start", {"nodes": ["*"], "column_families": ["user"]})[0] == 202
    command = gateway.submitted[0][0]
    assert isinstance(command, StartOperation)
    assert command.facts == {"named": ["shop.user"]}


def test_a_login_for_a_repair_and_for_going_on_with_it(client: FlaskClient, gateway: CoreGateway) -> None:
    login = {"cassandra_username": "repairer", "cassandra_password": "of replicas"}
    code, answer = put(client, "/v1/repair/start", {"nodes": ["*"], **login})
    assert code == 202
    command = gateway.submitted[0][0]
    assert isinstance(command, StartOperation)
    assert Sealer([KEY]).open(answer["id"], command.sealed) == login
    assert "repairer" not in json.dumps(command.request)
    assert put(client, "/v1/repair/stop")[0] == 202
    assert put(client, "/v1/repair/continue", {"cassandra_username": "alone"})[0] == 400
    put(client, "/v1/repair/continue", login)
    resumed = gateway.submitted[-1][0]
    assert isinstance(resumed, ResumeOperation)
    assert Sealer([KEY]).open(answer["id"], resumed.sealed) == login
    assert put(client, "/v1/cleanup/continue", login)[0] == 400


def test_what_a_restore_becomes(client: FlaskClient, gateway: CoreGateway) -> None:
    gateway.answers["backup"] = BACKUP
    body = {**body_of("restore"), "column_families": ["user"], "rename": {"shop.user": "shop.old"}}
    assert put(client, "/v1/restore/start", body)[0] == 202
    command = gateway.submitted[0][0]
    assert isinstance(command, StartOperation)
    assert command.request["rename"] == {"shop.user": "shop.old"}
    backup = {name: value for name, value in BACKUP.items() if name != "key_spaces"}
    assert command.facts == {"backup": backup, "places": ["s3://"], "keys": True}
    assert [subject for subject, _ in gateway.asked] == ["backup"]


def test_the_schema_is_only_asked_for_names(client: FlaskClient, gateway: CoreGateway) -> None:
    del gateway.answers["schema"]
    assert put(client, "/v1/cleanup/start", {"nodes": ["*"]})[0] == 202
    assert gateway.asked == []


_UNFINISHED = "is unfinished: it lacks its last file, which completes it."
_NO_NODE = "The names cannot be checked against the cluster's schema: no node can answer: no node is NORMAL."

REFUSED: list[tuple[str, Any, dict[str, Any], int, str]] = [
    ("cleanup", {"nodes": ["node-9"]}, {}, 400, "nodes: there is no node node-9; there are node-0, node-1, node-2."),
    (
        "cleanup",
        {"node": 1},
        {},
        400,
        "The field node is unknown; known: nodes, key_spaces, column_families, parallelism.",
    ),
    ("cleanup", [1], {}, 400, "The body must be a JSON object."),
    (
        "cleanup",
        {"key_spaces": ["shops"]},
        {},
        400,
        "key_spaces: there is no keyspace shops in the cluster; there are shop.",
    ),
    ("cleanup", {"key_spaces": ["shop"]}, {"schema": Unavailable(_NO_NODE.partition(": ")[2][:-1])}, 503, _NO_NODE),
    (
        "backup",
        body_of("backup"),
        {"backup": BACKUP},
        409,
        "There is a backup monday at s3://bucket already since 2024-01-01T00:01:00Z: "
        "choose another name, or delete it first.",
    ),
    (
        "backup",
        body_of("backup"),
        {"backup": QuestionRefused("invalid", "NoSuchBucket: The bucket does not exist")},
        400,
        "s3://bucket cannot be used: NoSuchBucket: The bucket does not exist.",
    ),
    (
        "backup",
        body_of("backup"),
        {"backup": Unavailable("node-0: it does not answer")},
        503,
        "node-0: it does not answer.",
    ),
    ("restore", body_of("restore"), {}, 400, "There is no backup monday at s3://bucket."),
    (
        "restore",
        body_of("restore"),
        {"backup": {**BACKUP, "state": "unfinished"}},
        400,
        f"The backup monday at s3://bucket {_UNFINISHED}",
    ),
    (
        "restore",
        {**body_of("restore"), "key_spaces": ["log"]},
        {"backup": BACKUP},
        400,
        "key_spaces: there is no keyspace log in the backup; there are shop.",
    ),
    ("backup-verify", body_of("restore"), {}, 400, "There is no backup monday at s3://bucket."),
    ("backup-delete", body_of("restore"), {}, 400, "There is no backup monday at s3://bucket."),
    (
        "backup-delete",
        {**PLACE, "keep_last": 1},
        {"backups": QuestionRefused("invalid", "AccessDenied.")},
        400,
        "s3://bucket cannot be used: AccessDenied.",
    ),
]


@pytest.mark.parametrize(("kind", "body", "answers", "code", "message"), REFUSED)
def test_refused(
    client: FlaskClient,
    gateway: CoreGateway,
    kind: str,
    body: Any,
    answers: dict[str, Any],
    code: int,
    message: str,
) -> None:
    before = gateway.state
    gateway.answers |= answers
    assert put(client, PATHS[kind], body) == (code, {"message": message})
    assert gateway.state is before
    assert gateway.submitted == []


def test_a_body_that_is_no_json(client: FlaskClient) -> None:
    answer = client.put("/v1/backup/start", data='{"s3_secret_key": "the-secret-key"', content_type="application/json")
    assert answer.status_code == 400
    assert b"the-secret-key" not in answer.data
    assert client.put("/v1/backup/start", data="a=b").status_code == 415
    assert client.put("/v1/cleanup/start?now=1").status_code == 400


@pytest.mark.parametrize("kind", ["cleanup", "backup"])
def test_one_at_a_time(client: FlaskClient, gateway: CoreGateway, kind: str) -> None:
    run(gateway, "cleanup")
    code, answer = put(client, f"/v1/{kind}/start", body_of(kind))
    since = "in progress since 2023-11-14T22:13:20Z (id operation-1)"
    words = {"cleanup": f"Cleanup already {since}.", "backup": f"Backup cannot begin: Cleanup is {since}."}
    assert (code, answer) == (409, {"message": words[kind]})
    assert gateway.asked == []


def test_no_node_yet(gateway: CoreGateway, client: FlaskClient) -> None:
    gateway.state = replace(gateway.state, nodes={}, sightings={})
    assert put(client, "/v1/cleanup/start", {"nodes": ["*"]}) == (
        409,
        {"message": "Cleanup cannot begin: no node was launched yet."},
    )


def test_without_a_key_no_credentials_are_taken(gateway: CoreGateway) -> None:
    client = create_app(gateway, make_settings()).test_client()
    code, answer = put(client, "/v1/backup/start", {**body_of("backup"), **KEYS})
    assert code == 409
    assert "SECRETS_KEY_FILE" in answer["message"]
    assert gateway.asked == []
    assert put(client, "/v1/backup/start", body_of("backup"))[0] == 202


def test_stop_and_continue(client: FlaskClient, gateway: CoreGateway) -> None:
    run(gateway)
    accepted = {"message": "", "id": "operation-1"}
    assert put(client, "/v1/cleanup/stop") == (202, {"status": "stopping", **accepted})
    assert document(client.get("/v1/cleanup/status"))["state"] == "STOPPING"
    run(gateway, state=OperationState.STOPPED, finished_at=NOW)
    assert put(client, "/v1/cleanup/continue") == (202, {"status": "started", **accepted})
    assert gateway.state.operations["cleanup"].state is OperationState.RUNNING
    assert [command for command, _ in gateway.submitted] == [StopOperation("cleanup"), ResumeOperation("cleanup")]


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/v1/cleanup/stop", 409, "Cleanup already not running."),
        ("/v1/backup/verify/stop", 409, "Backup verification already not running."),
        ("/v1/cleanup/continue", 409, "No stopped Cleanup can be continued."),
        ("/v1/backup/tune", 409, "Backup already not running."),
        ("/v1/nonsense/stop", 404, "There is nothing at /v1/nonsense/stop."),
        ("/v1/backup-verify/start", 404, "There is nothing at /v1/backup-verify/start."),
    ],
)
def test_commands_that_cannot_be(client: FlaskClient, path: str, code: int, message: str) -> None:
    body = {"throttle": 1} if path.endswith("tune") else None
    assert put(client, path, body) == (code, {"message": message})


def test_tune(client: FlaskClient, gateway: CoreGateway) -> None:
    run(gateway, "backup", tuning={"throttle": 5})
    assert put(client, "/v1/backup/tune", {"throttle": 0})[0] == 202
    assert gateway.submitted[0][0] == TuneOperation("backup", {"throttle": 0})
    assert document(client.get("/v1/backup/status"))["tuning"] == {"throttle": 0}
    assert put(client, "/v1/backup/tune", {"throttle": "fast"})[0] == 400
    assert put(client, "/v1/backup/tune")[0] == 400


def test_no_answer_holds_a_credential(client: FlaskClient, gateway: CoreGateway) -> None:
    body = {**body_of("backup"), **KEYS, "cassandra_username": "the-user", "cassandra_password": "the-password"}
    answers = [json.dumps(put(client, "/v1/backup/start", body)[1])]
    answers.append(json.dumps(put(client, "/v1/backup/start", {**body, "external_location": "s3://b"})[1]))
    answers.append(json.dumps(put(client, "/v1/backup/start", {**body, "nonsense": 1})[1]))
    for path in ("/v1/backup/status", "/v1/backup/history", "/v1/plans/backup", "/v1/config", "/v1/debug/offers"):
        answers.append(client.get(path).get_data(as_text=True))
    answers.append(repr(gateway.submitted))
    for secret in (*KEYS.values(), "the-user", "the-password", KEY):
        assert not [answer for answer in answers if secret in answer]


@pytest.mark.parametrize("path", ["backup/start", "restore/start", "backup/verify", "backup/delete", "restore/plan"])
def test_a_place_that_is_not_allowed(client: FlaskClient, gateway: CoreGateway, path: str) -> None:
    for place in ("http://10.0.0.1:22/bucket", "http://minio:22/backups", "https://minio:9000/backups"):
        code, answer = put(client, f"/v1/{path}", {"backup_name": "monday", "external_location": place})
        assert code == 400
        assert "external_location must lie in one of the places that BACKUP_LOCATIONS allows: s3://*" in str(answer)
    assert gateway.asked == []
