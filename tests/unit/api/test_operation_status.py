"""How operations are shown: status, history, metrics, the list of backups, and the description of all that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient

from api import BLUEPRINTS
from api.openapi.document import describe
from api.openapi.schemas import REQUESTS
from scheduler.core.commands.command import Uninstall
from scheduler.core.maintenance.request import check
from scheduler.core.state.node import Failures
from scheduler.core.state.operation import HistoryRecord, OperationRecord, OperationState, StepState
from scheduler.core.state.operation_kinds import KINDS
from scheduler.loop.snapshot import QuestionRefused
from tests.unit.api.cluster import NOW, CoreGateway, document
from tests.unit.api.maintenance import ALL_NODES, KEYS, PATHS, run, uploading


def test_status_of_one_that_runs(client: FlaskClient, gateway: CoreGateway) -> None:
    uploading(gateway)
    status = document(client.get("/v1/backup/status"))
    assert (status["state"], status["started"], status["finished"]) == ("RUNNING", "2023-11-14T22:13:20Z", None)
    assert status["message"] == "Upload of node-1: its job runs on node-1, 50 %, shop.user"
    # 3 snapshots, the description, an upload and a half, of 3 snapshots, 2 for the cluster, 3 uploads and 3 clearings.
    assert status["percent"] == round(100 * (4 + 1.5 * 20) / (8 + 3 * 20), 1)
    assert status["progress"] == {
        "phase": "Upload",
        "steps_done": 1,
        "steps_total": 3,
        "rate": 10.0,
        "bytes_done": 40.0,
        "bytes_total": 80.0,
        "files_done": 2,
        "files_total": 4,
    }
    zero, one, two = (status["nodes"][name] for name in ALL_NODES)
    assert (zero["phase"], zero["state"], zero["result"]) == (
        "Clear",
        "PENDING",
        {"bytes": 100, "tables": 2, "sent_bytes": 100},
    )
    assert (one["phase"], one["state"], one["failures"], one["error"]) == ("Upload", "IN_PROGRESS", 1, "cut off")
    assert one["progress"] == {
        "doing": "shop.user",
        "waiting": "",
        "percent": 50.0,
        "rate": 10.0,
        "seconds_left": 4.0,
        "bytes_done": 40.0,
        "bytes_total": 80.0,
        "files_done": 2,
        "files_total": 4,
    }
    assert (two["phase"], two["state"], two["message"]) == ("Upload", "PENDING", "Upload of node-2: waits for node-1")
    assert status["cluster"]["Describe"]["result"] == {"key": "schema.json"}
    assert status["cluster"]["Complete"]["state"] == "PENDING"


def test_the_sentence_of_a_result_names_nodes(client: FlaskClient, gateway: CoreGateway) -> None:
    uploading(gateway)
    address = gateway.state.nodes["node-1"].address
    step = gateway.state.steps["backup.Describe.cluster"]
    step = replace(step, result={**step.result, "message": f"{address} was not asked"})
    gateway.state = replace(gateway.state, steps={**gateway.state.steps, step.key: step})
    result = document(client.get("/v1/backup/status"))["cluster"]["Describe"]["result"]
    assert result == {"key": "schema.json", "message": f"node-1 ({address}) was not asked"}


def test_status_of_one_that_failed(client: FlaskClient, gateway: CoreGateway) -> None:
    uploading(gateway)
    failed = replace(
        gateway.state.steps["backup.Upload.node-1"], state=StepState.FAILED, failures=Failures(3, 0, "AccessDenied")
    )
    gateway.state = replace(gateway.state, steps={**gateway.state.steps, failed.key: failed})
    status = document(client.get("/v1/backup/status"))
    assert status["state"] == "ERROR"
    assert status["message"] == "Upload of node-1: failed 3 times; the last message: AccessDenied"
    assert (status["nodes"]["node-1"]["state"], status["nodes"]["node-1"]["error"]) == ("ERROR", "AccessDenied")
    assert status["nodes"]["node-2"]["state"] == "WAITING"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_nothing_was_asked_for_yet(client: FlaskClient, kind: str) -> None:
    path = PATHS.get(kind, f"/v1/{kind}").removesuffix("/start")
    status = document(client.get(f"{path}/status"))
    assert (status["state"], status["id"], status["nodes"]) == ("NONE", None, {})
    assert document(client.get(f"{path}/history")) == []


def test_history(client: FlaskClient, gateway: CoreGateway) -> None:
    ended = []
    for number in range(3):
        operation = run(
            gateway,
            id=f"operation-{number}",
            state=OperationState.COMPLETE,
            started_at=NOW + number,
            finished_at=NOW + 9,
        )
        steps = {
            "Cleanup.node-0": {"state": "COMPLETE", "started_at": NOW, "finished_at": NOW + 9, "result": {"done": 1}}
        }
        ended.append(HistoryRecord(operation, steps))
    gateway.state = replace(gateway.state, history={record.key: record for record in ended})
    found = document(client.get("/v1/cleanup/history"))
    assert [entry["id"] for entry in found] == ["operation-2", "operation-1", "operation-0"]
    assert found[2]["steps"]["Cleanup.node-0"] == {
        "state": "COMPLETE",
        "started": "2023-11-14T22:13:20Z",
        "finished": "2023-11-14T22:13:29Z",
        "error": "",
        "result": {"done": 1},
    }
    assert document(client.get("/v1/repair/history")) == []


def test_a_restore_that_differs(client: FlaskClient, gateway: CoreGateway) -> None:
    words = "different: shop.users (999 rows, and the backup counted 1000)"
    ended = {"state": OperationState.DIFFERENT, "message": words, "finished_at": NOW + 9}
    operation = run(gateway, "restore", **ended)
    gateway.state = replace(gateway.state, history={"restore.1": HistoryRecord(operation)})
    status = document(client.get("/v1/restore/status"))
    assert (status["state"], status["message"], status["percent"]) == ("DIFFERENT", words, 100.0)
    (entry,) = document(client.get("/v1/restore/history"))
    assert (entry["state"], entry["message"]) == ("DIFFERENT", words)


def test_metrics(client: FlaskClient, gateway: CoreGateway) -> None:
    uploading(gateway)
    ended = replace(gateway.state.operations["backup"], state=OperationState.COMPLETE, finished_at=NOW + 9)
    records = [HistoryRecord(ended), HistoryRecord(replace(ended, started_at=NOW - 9, finished_at=NOW - 1))]
    stopped = replace(ended, started_at=NOW + 10, finished_at=NOW + 11, state=OperationState.STOPPED)
    records.append(HistoryRecord(stopped))
    gateway.state = replace(gateway.state, history={record.key: record for record in records})
    lines = client.get("/metrics").get_data(as_text=True).splitlines()
    for line in (
        'operation_state{kind="backup",state="RUNNING"} 1.0',
        'operation_state{kind="backup",state="COMPLETE"} 0.0',
        'operation_steps{kind="backup",state="RUNNING"} 1.0',
        'operation_steps{kind="backup",state="COMPLETE"} 5.0',
        'operation_steps{kind="backup",state="FAILED"} 0.0',
        'plan_status{plan="backup",status="IN_PROGRESS"} 1.0',
    ):
        assert f"cassandra_scheduler_{line}" in lines
    completed = 'cassandra_scheduler_operation_completed_timestamp_seconds{kind="backup"} '
    assert [float(line.removeprefix(completed)) for line in lines if line.startswith(completed)] == [NOW + 9]


def test_list_of_backups(client: FlaskClient, gateway: CoreGateway) -> None:
    listed = {"backups": [{"backup_name": "monday", "state": "complete", "objects": 3, "bytes": 7}]}
    gateway.answers["backups"] = listed
    headers = {"X-S3-Access-Key": "the-access-key", "X-S3-Secret-Key": "the-secret-key"}
    answer = client.get(
        "/v1/backups?external_location=http://minio:9000/backups&region=eu-west-1&uses_emc=true", headers=headers
    )
    (monday,) = listed["backups"]
    absent = dict.fromkeys(("started_at", "finished_at", "nodes", "new_bytes", "verified"))
    assert (answer.status_code, document(answer)) == (200, {"backups": [{**absent, **monday}]})
    ((subject, content),) = gateway.asked
    assert subject == "backups"
    assert content["secrets"] == KEYS
    assert content["location"] == {
        "external_location": "http://minio:9000/backups",
        "region": "eu-west-1",
        "endpoint": None,
        "tls_ca": None,
        "path_style": True,
        "allowed": ["s3://", "http://minio:9000/backups/"],
    }


def test_one_backup(client: FlaskClient, gateway: CoreGateway) -> None:
    found = {
        "state": "complete",
        "absent": {"node-2": {"address": "10.0.0.3", "why": "it was not NORMAL"}},
        "coverage": {"shop": {"ranges": 16, "fewer": 5, "none": 0}},
    }
    gateway.answers["backup"] = found
    answer = client.get("/v1/backups/monday?external_location=s3://bucket")
    assert (answer.status_code, document(answer)) == (200, {"backup_name": "monday", **found})
    assert gateway.asked[0][1]["backup_name"] == "monday"
    gateway.answers["backup"] = QuestionRefused("unknown", "there is no backup monday")
    answer = client.get("/v1/backups/monday?external_location=s3://bucket")
    assert (answer.status_code, document(answer)["message"]) == (404, "There is no backup monday at s3://bucket.")
    assert client.get("/v1/backups/monday").status_code == 400


@pytest.mark.parametrize("kind", ["unknown", "invalid"])
def test_a_list_that_is_refused_is_no_empty_one(client: FlaskClient, gateway: CoreGateway, kind: str) -> None:
    gateway.answers["backups"] = QuestionRefused(kind, "its form is not known.")
    rule = {"external_location": "s3://bucket", "keep_last": 1}
    for answer in (
        client.get("/v1/backups?external_location=s3://bucket"),
        client.put("/v1/backup/delete", json=rule),
    ):
        message = document(answer)["message"]
        assert (answer.status_code, message) == (400, "s3://bucket cannot be used: its form is not known.")


@pytest.mark.parametrize(
    ("query", "code", "part"),
    [
        ("", 400, "external_location must be given"),
        ("?external_location=s3://a:b@c", 400, "must not hold a user or a password"),
        ("?external_location=s3://bucket&uses_emc=perhaps", 400, "uses_emc must be true or false"),
        ("?external_location=s3://bucket&s3_secret_key=x", 400, "The query parameter s3_secret_key is unknown"),
    ],
)
def test_lists_that_cannot_be(client: FlaskClient, query: str, code: int, part: str) -> None:
    answer = client.get(f"/v1/backups{query}")
    assert answer.status_code == code
    assert part in document(answer)["message"]


@pytest.mark.parametrize("path", ["/v1/{kind}/status", "/v1/{kind}/history"])
def test_answers_are_as_described(client: FlaskClient, gateway: CoreGateway, path: str) -> None:
    uploading(gateway)
    record = HistoryRecord(replace(gateway.state.operations["backup"], state=OperationState.STOPPED), {})
    gateway.state = replace(gateway.state, history={record.key: record})
    description = describe(BLUEPRINTS)
    schema = description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    validator = jsonschema.Draft202012Validator({**schema, "components": description["components"]})
    for kind in ("backup", "cleanup"):
        validator.validate(document(client.get(path.replace("{kind}", kind))))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("cleanup", "TablesRequest"),
        ("repair", "RepairRequest"),
        ("backup", "BackupRequest"),
        ("restore", "RestoreRequest"),
        ("backup-verify", "VerifyRequest"),
        ("backup-delete", "DeleteRequest"),
    ],
)
def test_requests_are_described_with_every_field(kind: str, name: str) -> None:
    problems = check(kind, {"?": 1}, ALL_NODES)
    assert isinstance(problems, tuple)
    known = problems[0].partition("known: ")[2].rstrip(".").split(", ")
    assert sorted(known) == sorted(REQUESTS[name]["properties"])


HERE = {"backup_name": "monday", "external_location": "s3://bucket/a", "region": None, "endpoint": None}
SENT = {f"Upload.{name}": {"state": "COMPLETE", "result": {"sent_bytes": 5}} for name in ALL_NODES}


def ended(
    kind: str, at: float, steps: Mapping[str, Any], state: OperationState = OperationState.COMPLETE, **request: str
) -> HistoryRecord:
    operation = OperationRecord(
        kind=kind, id=f"{kind}-{at:.0f}", state=state, nodes=ALL_NODES, request={**HERE, **request}, started_at=at,
        principal="alice", finished_at=at + 1,
    )  # fmt: skip
    return HistoryRecord(operation, steps)


@pytest.mark.parametrize(
    ("records", "new_bytes", "verified"),
    [
        ([], None, None),
        ([ended("backup", 10, SENT)], 15, None),
        ([ended("backup", 10, {**SENT, "Upload.node-0": {"state": "FAILED", "result": {}}})], None, None),
        (
            [ended("backup", 10, SENT), ended("backup-verify", 20, {}, external_location="s3://bucket/a/")],
            15,
            {"state": "COMPLETE", "at": "1970-01-01T00:00:21Z"},
        ),
        (
            [ended("backup-verify", 20, {}), ended("backup-verify", 30, {}, OperationState.STOPPED)],
            None,
            {"state": "STOPPED", "at": "1970-01-01T00:00:31Z"},
        ),
        # Of another location, of another name, and of an earlier backup with this name.
        ([ended("backup-verify", 20, {}, external_location="s3://bucket/b")], None, None),
        ([ended("backup-verify", 20, {}, backup_name="tuesday")], None, None),
        ([ended("backup-verify", 20, {}), ended("backup", 30, SENT)], 15, None),
    ],
)
def test_what_is_known_of_a_listed_backup(
    records: list[HistoryRecord], new_bytes: int | None, verified: Mapping[str, str] | None, client: FlaskClient,
    gateway: CoreGateway,
) -> None:  # fmt: skip
    gateway.state = replace(gateway.state, history={record.key: record for record in records})
    gateway.answers["backups"] = {"backups": [{"backup_name": "monday", "state": "complete"}]}
    (found,) = document(client.get("/v1/backups?external_location=s3://bucket/a"))["backups"]
    assert (found["new_bytes"], found["verified"]) == (new_bytes, verified)


def test_an_operation_is_shown_during_an_uninstall(client: FlaskClient, gateway: CoreGateway) -> None:
    uploading(gateway)
    assert gateway.submit(Uninstall("alice"), "alice") is None
    status = document(client.get("/v1/backup/status"))
    assert (status["state"], status["message"]) == ("RUNNING", "the service is being removed: see the plan uninstall")
    for view in ("", "operations", "operations?kind=backup", "plans", "ring", "settings"):
        assert client.get(f"/ui/{view}", headers={"Accept": "text/html"}).status_code == 200, view
