"""The agent's answers over HTTP: refusals with Mesos' messages, and the operator's views."""

import json
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from localmesos.agent.update_manager import RETRY_SECONDS
from localmesos.protocol.executor_tokens import make_token
from tests.feature.localmesos_agent.agent_process import FRAMEWORK, AgentProcess, command_task, custom_task
from tests.feature.localmesos_agent.fake_master import FakeMaster
from tests.waiting import patient, wait_for

Json = dict[str, Any]

pytestmark = pytest.mark.feature


_JSON = {"Content_Type": "application/json", "Accept": "application/json"}


@pytest.mark.parametrize("path", ["/api/v1/executor", "/slave(1)/api/v1/executor"])
@pytest.mark.parametrize(
    ("method", "headers", "body", "status", "words"),
    [
        ("GET", _JSON, None, 405, "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'."),
        ("POST", {}, "{}", 400, "Expecting 'Content-Type' to be present"),
        (
            "POST",
            {"Content_Type": "application/json; charset=utf-8"},
            "{}",
            415,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
        (
            "POST",
            {**_JSON, "Accept": "text/html"},
            "{}",
            406,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
        ),
        ("POST", _JSON, "{x", 400, "Failed to parse body into JSON: syntax error at line 1 near: x"),
        (
            "POST",
            _JSON,
            "{}",
            400,
            "Failed to convert JSON into Call protobuf: Missing required fields: executor_id, framework_id",
        ),
        (
            "POST",
            _JSON,
            '{"type":"SUBSCRIBE","framework_id":{"value":"nope"},"executor_id":{"value":"e"},"subscribe":{}}',
            400,
            "Framework cannot be found",
        ),
    ],
)
def test_refusals_of_the_executor_api(
    agent: AgentProcess, path: str, method: str, headers: dict[str, str], body: str | None, status: int, words: str
) -> None:
    assert agent.request(method, path, body, **headers) == (status, words)


def test_operator_endpoints(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
    state = agent.get("/slave(1)/state")
    assert (state["id"], state["attributes"]) == ("agent-S0", {"rack": "r1"})
    assert state["resources"] == {"cpus": 4.0, "disk": 2048.0, "gpus": 0.0, "mem": 1024.0, "ports": "[31000-31099]"}
    task = state["frameworks"][0]["executors"][0]["tasks"][0]
    assert (task["id"], task["state"]) == ("t1", "TASK_RUNNING")
    assert [c["status"]["executor_pid"] for c in agent.get("/containers")] == [pid]
    assert agent.get("/monitor/statistics")[0]["statistics"]["mem_rss_bytes"] > 0
    assert agent.get("/metrics/snapshot")["slave/tasks_running"] == 1.0
    assert agent.get("/flags")["flags"]["executor_shutdown_grace_period"] == "1secs"
    version = agent.get("/version")
    assert set(version) == {"build_date", "build_time", "build_user", "version"}
    assert version["version"] == "1.12.0"
    assert agent.request("GET", "/health") == (200, "")
    assert agent.request("GET", "/nope") == (404, "404 Not Found.")


def test_files_of_sandboxes_only(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", command_task("echo hello"))
    master.update("TASK_FINISHED", "c1")
    sandbox = agent.sandbox("c1").resolve()
    assert {Path(f["path"]).name for f in agent.get(f"/files/browse?path={sandbox}")} == {"stdout", "stderr"}
    assert agent.get(f"/files/read?path={sandbox}/stdout&offset=0") == {"data": "hello\n", "offset": 0}
    assert agent.request("GET", f"/files/read?path={sandbox}/../../../../../../../../meta&offset=0")[0] == 404
    assert agent.request("GET", "/files/read?path=/etc/passwd&offset=0")[0] == 404


def _update(task_id: str, uuid: str, **more: str) -> str:
    status = {"task_id": {"value": task_id}, "state": "TASK_RUNNING", "source": "SOURCE_EXECUTOR", "uuid": uuid, **more}
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    return json.dumps({"type": "UPDATE", **ids, "update": {"status": status}})


def test_update_of_a_task_never_launched_is_forwarded_but_not_acknowledged(
    agent: AgentProcess, master: FakeMaster
) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    strange, known = "E6cQ/KQ7RF6LThniZOuOSw==", "viWmPa6yRgCQsH5bZli5wQ=="
    assert agent.request("POST", "/api/v1/executor", _update("never-launched", strange), **_JSON) == (202, "")
    status = master.update("TASK_RUNNING", "never-launched")
    assert (status["uuid"], "executor_id" in status, status["timestamp"] > 0) == (strange, False, True)
    assert agent.request("POST", "/api/v1/executor", _update("t1", known), **_JSON) == (202, "")
    acknowledged = wait_for(
        "the acknowledgement of the last update", lambda: [e["acknowledged"] for e in agent.events("ACKNOWLEDGED")][2:]
    )
    assert acknowledged == [{"task_id": {"value": "t1"}, "uuid": known}]


def test_update_sent_twice_is_forwarded_once(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    began = time.monotonic()
    for _ in range(2):
        assert agent.request("POST", "/api/v1/executor", _update("t1", "viWmPa6yRgCQsH5bZli5wQ=="), **_JSON)[0] == 202
    assert agent.request("POST", "/api/v1/executor", _update("t1", "E6cQ/KQ7RF6LThniZOuOSw=="), **_JSON)[0] == 202
    uuids = [master.call("STATUS_UPDATE")["status"]["uuid"]]
    while uuids[-1] != "E6cQ/KQ7RF6LThniZOuOSw==":
        uuids.append(master.call("STATUS_UPDATE")["status"]["uuid"])
    # On a machine that stands still, the first is sent again as it should be: so often, and not more.
    again = int((time.monotonic() - began) / RETRY_SECONDS)
    assert list(dict.fromkeys(uuids)) == ["viWmPa6yRgCQsH5bZli5wQ==", "E6cQ/KQ7RF6LThniZOuOSw=="]
    assert len(uuids) - 2 <= again


def test_executor_has_to_subscribe_first(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task(command={"value": "sleep 300"}))
    wait_for("the executor", lambda: agent.get("/state")["frameworks"])
    answer = agent.request("POST", "/api/v1/executor", _update("t1", "viWmPa6yRgCQsH5bZli5wQ=="), **_JSON)
    assert answer == (403, "Executor is not subscribed")


def test_subscribed_tells_who_is_who(agent: AgentProcess, master: FakeMaster) -> None:
    run = custom_task()
    master.send("RUN_TASK", run)
    master.update("TASK_RUNNING")
    subscribed = agent.events("SUBSCRIBED")[0]["subscribed"]
    assert subscribed["executor_info"] == run["executor_info"]
    assert subscribed["framework_info"] == FRAMEWORK
    assert subscribed["container_id"] == {"value": agent.sandbox().resolve().name}
    info = subscribed["agent_info"]
    assert (info["id"], info["hostname"], info["port"]) == ({"value": "agent-S0"}, agent.ip, agent.port)
    assert info["attributes"] == [{"name": "rack", "type": "TEXT", "text": {"value": "r1"}}]
    assert agent.events("LAUNCH")[0]["launch"] == {"task": run["task"]}


def test_a_token_of_another_run_is_refused(tmp_path: Path, master: FakeMaster) -> None:
    """The key of the tokens is given, as by Mesos' --jwt_secret_key; a token is good for its own run alone."""
    (tmp_path / "key").write_bytes(b"the agents' key")
    options = ("--authenticate-http-executors", "--jwt-secret-key", str(tmp_path / "key"))
    agent = AgentProcess(tmp_path / "work", master.address, *options)
    try:
        master.registration()
        master.send("RUN_TASK", command_task("sleep 100"))
        master.update("TASK_RUNNING", "c1")
        ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "c1"}}
        token = make_token(b"the agents' key", FRAMEWORK["id"]["value"], "c1", "another-run")
        connection = HTTPConnection(agent.ip, agent.port, timeout=patient(10))
        call = json.dumps({"type": "SUBSCRIBE", **ids, "subscribe": {}})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        connection.request("POST", "/api/v1/executor", call, headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read().decode().endswith("the correct active ContainerID")) == (403, True)
        connection.close()
    finally:
        agent.stop()
