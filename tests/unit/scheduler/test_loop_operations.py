"""Maintenance through the loop: reports, questions, credentials, and that no credential is where it does not belong."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from api import create_app
from bench import large
from executor.protocol import (
    Answer,
    JobProgress,
    JobReport,
    JobTuning,
    Question,
    SecretQuery,
    encode_message,
    parse_message,
)
from scheduler.core.mesos.updates import TaskUpdate
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.node import TaskState
from scheduler.core.state.operation import JobTask, OperationRecord, OperationState, StepRecord, StepState
from scheduler.loop.messages import Message, QuestionAsked, Update
from scheduler.loop.snapshot import Unavailable
from scheduler.security.backup_keys import backup_keys
from scheduler.security.sealing import Sealer
from scheduler.settings import parse
from tests.unit.scheduler.cluster_in_threads import Cluster, answering, heard, running
from tests.unit.scheduler.loop.test_run import Bench, make, registered
from tests.unit.sealing_keys import new_key
from tests.waiting import wait_for

SECRETS = {"s3_access_key": "the-access-key", "s3_secret_key": "the-secret-key", "s3_session_token": "the-token"}
KEY = new_key()
JOB = "upload-node-1__1"


def with_backup(sealer: Sealer | None, **changes: Any) -> ClusterState:
    """A backup whose upload runs on node-1."""
    node = large.running(1)
    assert node.task is not None
    operation = OperationRecord(
        kind="backup",
        id="operation-1",
        state=OperationState.RUNNING,
        nodes=("node-0", "node-1", "node-2"),
        request={"backup_name": "monday", "upload_parallelism": 1},
        started_at=large.NOW,
        principal="somebody",
        tuning={"throttle": 5},
        sealed="" if sealer is None else sealer.seal("operation-1", SECRETS),
    )
    operation = replace(operation, **changes)
    task = JobTask(
        JOB, "node-1", "agent-1", node.task.executor_id, node.task.id, TaskState.RUNNING, large.NOW, large.NOW
    )
    names = [("Snapshot", name) for name in operation.nodes] + [("Describe", "cluster")]
    steps = [StepRecord("backup", "operation-1", *name, state=StepState.COMPLETE) for name in names]
    steps.append(StepRecord("backup", "operation-1", "Upload", "node-1", state=StepState.RUNNING, task=task))
    return replace(large.deployed(3), operations={"backup": operation}, steps={step.key: step for step in steps})


def bench_with(state: ClusterState, sealer: Sealer | None) -> Bench:
    bench = make(state, sealer=sealer)
    bench.cycle(registered(), *heard(0, 1, 2))
    return bench


def messages(bench: Bench, kind: type) -> list[Any]:
    parsed = [(ask, parse_message(data)) for ask, data in bench.sender.all("message")]
    return [(ask, message) for ask, message in parsed if isinstance(message, kind)]


def ask_secrets(bench: Bench, task_id: str = JOB) -> list[dict[str, Any]]:
    """What comes back when a task asks for its secrets, as JSON."""
    before = len(bench.sender.sent)
    bench.cycle(Message(encode_message(SecretQuery(task_id))))
    sent = [what for kind, what in bench.sender.sent[before:] if kind == "message"]
    return [{"to": ask.executor_id, **vars(parse_message(data))} for ask, data in sent]


def test_a_job_gets_its_credentials() -> None:
    sealer = Sealer([KEY])
    (reply,) = ask_secrets(bench_with(with_backup(sealer), sealer))
    node = large.running(1)
    assert node.task is not None
    assert reply == {"to": node.task.executor_id, "task_id": JOB, "values": SECRETS, "problem": ""}


@pytest.mark.parametrize(
    ("state", "sealer", "problem"),
    [
        pytest.param(with_backup(None), Sealer([KEY]), "no credentials are stored", id="none"),
        pytest.param(with_backup(Sealer([KEY])), Sealer([new_key()]), "no key of SECRETS_KEY_FILE", id="other"),
        pytest.param(with_backup(Sealer([KEY])), None, "is not set any more", id="no key any more"),
        pytest.param(
            with_backup(Sealer([KEY]), id="operation-2"), Sealer([KEY]), None, id="a task of an earlier operation"
        ),
        pytest.param(
            with_backup(Sealer([KEY]), state=OperationState.COMPLETE),
            Sealer([KEY]),
            "no credentials are stored",
            id="ended",
        ),
    ],
)
def test_who_gets_none(state: ClusterState, sealer: Sealer | None, problem: str | None) -> None:
    replies = ask_secrets(bench_with(state, sealer))
    assert [reply["values"] for reply in replies] == ([] if problem is None else [{}])
    assert all(problem is not None and problem in reply["problem"] for reply in replies)


def test_a_task_that_nobody_knows_gets_no_answer() -> None:
    sealer = Sealer([KEY])
    assert ask_secrets(bench_with(with_backup(sealer), sealer), "upload.node-1__2") == []


def test_credentials_that_cannot_be_sent_are_no_end_of_the_loop() -> None:
    sealer = Sealer([KEY])
    bench = bench_with(with_backup(sealer), sealer)
    bench.sender.connected = False
    assert ask_secrets(bench) == []
    bench.sender.connected = True
    assert ask_secrets(bench)


def test_a_report_is_shown_and_not_stored() -> None:
    bench = bench_with(with_backup(None), None)
    before = dict(bench.memory.records)
    progress = JobProgress("shop.user", done={"bytes": 5.0}, tuning={"throttle": 5})
    bench.cycle(Message(encode_message(JobReport(JOB, progress))))
    assert bench.last.state.jobs["backup.Upload.node-1"].progress == progress
    assert bench.memory.records == before


def test_a_report_of_another_nodes_executor_is_ignored() -> None:
    bench = bench_with(with_backup(None), None)
    other = large.running(2)
    assert other.task is not None
    assert other.agent is not None
    report = encode_message(JobReport(JOB, JobProgress("shop.user")))
    bench.cycle(Message(report, other.task.executor_id, other.agent.id))
    assert bench.last.state.jobs == {}


def test_an_end_of_a_job_that_another_agent_reports_is_ignored() -> None:
    bench = bench_with(with_backup(None), None)
    before = bench.last.state.steps["backup.Upload.node-1"]
    bench.cycle(Update(TaskUpdate(JOB, TaskState.FAILED, agent_id="another", uuid="u"), None))
    assert bench.last.state.steps["backup.Upload.node-1"] == before


def test_a_job_that_uses_other_values_is_told_the_right_ones() -> None:
    bench = bench_with(with_backup(None), None)
    bench.cycle(Message(encode_message(JobReport(JOB, JobProgress(tuning={"throttle": 9})))))
    ((ask, tuning),) = messages(bench, JobTuning)
    assert (ask.node, tuning) == ("node-1", JobTuning(JOB, {"throttle": 5}))


def test_a_question_goes_to_its_node_and_the_answer_to_who_asked() -> None:
    bench = bench_with(large.deployed(3), None)
    asked = QuestionAsked("node-2", Question("q1", "schema", {"a": 1}))
    bench.cycle(asked)
    ((ask, question),) = messages(bench, Question)
    assert (ask.node, question) == ("node-2", asked.question)
    answer = Answer("q1", "node-2", ask.task_id, {"key_spaces": {}})
    bench.cycle(Message(encode_message(answer)), Message(encode_message(answer)))
    assert asked.answer.result(0) == answer


def test_a_question_to_a_node_that_does_not_run_is_refused_at_once() -> None:
    bench = bench_with(large.deployed(3), None)
    bench.cycle(asked := QuestionAsked("node-7", Question("q1", "schema")))
    with pytest.raises(Unavailable, match="node-7 does not run"):
        asked.answer.result(0)


def answers_of_a_bucket() -> dict[str, dict[str, Any]]:
    backup = {
        "state": "complete",
        "nodes": {"node-0": {"tokens": 16, "rack": "r1", "data_center": "dc1"}},
        "key_spaces": {"shop": ["user"]},
        "bytes": 1,
        "cassandra_version": "5.0.8",
    }
    return {"backup": backup, "backups": {"backups": []}, "schema": {"key_spaces": {}}}


def restore(cluster: Cluster, **more: str) -> tuple[Any, Any]:
    """Ask for a restore with credentials over the API; the client and the answer."""
    settings = parse(
        {
            "ARTIFACTS_URL": "https://files.example/",
            "SERVICE_USER": "nobody",
            "SECRETS_KEY": KEY,
            "API_TRUST_ROUTER": "true",
            **more,
        }
    )
    client = create_app(cluster.gateway, settings).test_client()
    body = {"backup_name": "monday", "external_location": "s3://bucket", **SECRETS}
    return client, client.put("/v1/restore/start", json=body)


def test_no_credential_is_anywhere_but_on_its_way_to_the_executors(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """From the request to the end, over everything that is stored, logged, answered or shown by Mesos."""
    seen: list[str] = []
    encryption, file = new_key(), tmp_path / "keys"
    file.write_text(encryption)
    keys = backup_keys(str(file), "", KEY)
    answers = answering(answers_of_a_bucket())
    with caplog.at_level(logging.DEBUG), running(answers, Sealer([KEY]), keys=keys) as cluster:
        client, answer = restore(cluster, BACKUP_ENCRYPTION_KEY_FILE=str(file))
        assert answer.status_code == 202, answer.data
        cluster.offer(0, 1, 2)
        wait_for("the jobs are launched", lambda: len(cluster.executors.launched()) == 3)
        launches = cluster.executors.launched()
        assert all(launch.secret for _, _, launch in launches)
        seen += [json.dumps([*accept.operations]) for accept, _, _ in launches]
        seen += [repr(launch) for _, _, launch in launches]
        for _, task, _ in launches:
            cluster.loop.put(Message(encode_message(SecretQuery(task["task_id"]["value"]))))
        wait_for("the jobs have their credentials", lambda: len(cluster.executors.replies()) == 3)
        given = {**SECRETS, **keys.secrets}
        assert all(reply.values == given for _, reply in cluster.executors.replies())
        assert '"sealed": "gAAA' in cluster.stored()
        seen.append(cluster.stored())
        seen += [client.get(path).get_data(as_text=True) for path in _READS]
        assert client.put("/v1/restore/stop").status_code == 202
        wait_for("the operation is stopping", lambda: len(cluster.executors.all("kill")) == 3)
        seen += [cluster.stored(), repr(cluster.state), *(client.get(path).get_data(as_text=True) for path in _READS)]
    seen += caplog.messages
    seen += [repr(record.args) for record in caplog.records]
    assert any("restore" in text and text.startswith("command of ") for text in seen)
    for secret in (*given.values(), KEY, encryption):
        assert not [text for text in seen if secret in text]


_READS = (
    "/v1/restore/status",
    "/v1/restore/history",
    "/v1/plans/restore",
    "/v1/plans",
    "/v1/config",
    "/v1/config/cassandra",
    "/v1/framework",
    "/v1/state/properties",
    "/v1/debug/offers",
    "/metrics",
    "/v1/health",
)


def test_a_refusal_of_a_node_reaches_the_client() -> None:
    with running(answering({}), Sealer([KEY])) as cluster:
        _, answer = restore(cluster)
    assert answer.status_code == 400
    assert b"There is no backup monday at s3://bucket." in answer.data


def test_a_job_launch_says_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), running(answering(answers_of_a_bucket()), Sealer([KEY])) as cluster:
        _, answer = restore(cluster)
        cluster.offer(1)
        wait_for("the job is launched", lambda: len(cluster.executors.launched()) == 1)
        ((_, task, launch),) = cluster.executors.launched()
        wait_for("it is counted", lambda: (cluster.gateway.snapshot().counters or {}).get("job_launches_total") == 1)
    assert launch.job == "restore-check"
    line = f"launching {task['task_id']['value']} beside node-1: phase Check of node-1"
    assert [text for text in caplog.messages if text.startswith(line)]
    assert answer.get_json()["id"] in caplog.text
