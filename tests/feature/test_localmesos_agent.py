"""A real agent process with real executors, under a master that the test plays."""

import base64
import json
import os
import re
import shutil
import signal
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.feature.agent_process import (
    EXECUTOR,
    FRAMEWORK,
    AgentProcess,
    command_task,
    custom_task,
    processes_below,
    wait_for,
)
from tests.feature.fake_master import FakeMaster

Json = dict[str, Any]

pytestmark = pytest.mark.feature


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    master = FakeMaster()
    yield master
    master.close()


@pytest.fixture
def agent(tmp_path: Path, master: FakeMaster) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path / "work", master.address)
    try:
        master.registrations.get(timeout=10)
        wait_for(lambda: agent.get("/state")["id"], "the agent's id")
        yield agent
    finally:
        agent.stop()


def _text(data: str) -> str:
    return base64.b64encode(data.encode()).decode()


def test_custom_executor_runs_a_task_and_kills_it(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    assert master.update("TASK_STARTING")["container_status"]["executor_pid"] > 0
    running = master.update("TASK_RUNNING")
    assert running["message"] == "up"
    assert base64.b64decode(running["data"]) == b"running-data"
    wait_for(lambda: len(agent.events("ACKNOWLEDGED")) == 2, "both acknowledgements at the executor")

    ids = {"framework_id": FRAMEWORK["id"], "task_id": {"value": "t1"}}
    master.send("KILL_TASK", {**ids, "kill_policy": {"grace_period": {"nanoseconds": 2000000000}}})
    assert master.update("TASK_KILLED")["message"] == "killed by executor"
    assert agent.events("KILL")[0]["kill"]["kill_policy"] == {"grace_period": {"nanoseconds": 2000000000}}


def test_messages_pass_both_ways(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("FRAMEWORK_MESSAGE", {**ids, "data": _text("hi")})
    assert master.call("EXECUTOR_MESSAGE") == {**ids, "data": _text("echo:hi")}


def test_executor_exit_is_told_before_its_tasks_fail(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("FRAMEWORK_MESSAGE", {**ids, "data": _text("exit3")})
    assert master.call("EXITED_EXECUTOR") == {**ids, "status": 768}
    failed = master.update("TASK_FAILED")
    assert (failed["reason"], failed["message"], failed["source"]) == (
        "REASON_EXECUTOR_TERMINATED",
        "Executor terminated",
        "SOURCE_AGENT",
    )


def test_sigterm_leaves_executors_alone_and_a_new_agent_takes_them_up(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
    assert agent.signal(signal.SIGTERM) == 0
    agent.start()
    registration = master.registrations.get(timeout=10)
    assert registration["agent_info"]["id"] == {"value": "agent-S0"}
    assert [task["state"] for task in registration["tasks"]] == ["TASK_RUNNING"]
    assert Path(f"/proc/{pid}").exists()


def _volume(role: str = "role", identifier: str = "pv1", path: str = "data", **source: object) -> Json:
    disk: Json = {"persistence": {"id": identifier}, "volume": {"mode": "RW", "container_path": path}, **source}
    reservations = [{"type": "DYNAMIC", "role": role, "principal": "p"}]
    return {"name": "disk", "type": "SCALAR", "scalar": {"value": 64}, "disk": disk, "reservations": reservations}


def _with_resources(run: Json, *resources: Json) -> Json:
    run["task"]["resources"] = [*run["task"]["resources"], *resources]
    return run


def test_persistent_volume_outlives_the_task_until_it_is_destroyed(agent: AgentProcess, master: FakeMaster) -> None:
    volume = _volume()
    master.send("CHECKPOINT_RESOURCES", {"resources": [volume], "operations": [{"id": "o1"}]})
    assert master.call("CHECKPOINTED") == {"resources": [volume], "operations": [{"id": "o1"}]}
    host = agent.work_dir / "volumes/roles/role/pv1"
    assert host.is_dir()

    master.send("RUN_TASK", _with_resources(command_task("echo kept > data/file"), volume))
    master.update("TASK_FINISHED", "c1")
    master.send("RUN_TASK", _with_resources(command_task("cat data/file", "c2"), volume))
    master.update("TASK_FINISHED", "c2")
    assert (agent.sandbox("c2") / "stdout").read_text() == "kept\n"

    master.send("CHECKPOINT_RESOURCES", {"resources": [], "operations": []})
    master.call("CHECKPOINTED")
    assert not host.exists()


def test_mount_disk_is_the_volume_and_is_emptied(agent: AgentProcess, master: FakeMaster, tmp_path: Path) -> None:
    root = tmp_path / "mount"
    root.mkdir()
    volume = _volume(source={"type": "MOUNT", "mount": {"root": str(root)}})
    master.send("CHECKPOINT_RESOURCES", {"resources": [volume], "operations": []})
    master.send("RUN_TASK", _with_resources(command_task("mkdir data/sub; echo x > data/sub/file"), volume))
    master.update("TASK_FINISHED", "c1")
    assert (root / "sub/file").read_text() == "x\n"
    master.send("CHECKPOINT_RESOURCES", {"resources": [], "operations": []})
    master.call("CHECKPOINTED")
    assert root.is_dir()
    assert not list(root.iterdir())


def test_volume_whose_directory_is_lost_is_no_empty_volume(agent: AgentProcess, master: FakeMaster) -> None:
    volume = _volume()
    master.send("CHECKPOINT_RESOURCES", {"resources": [volume], "operations": []})
    master.call("CHECKPOINTED")
    shutil.rmtree(agent.work_dir / "volumes/roles/role/pv1")
    master.send("RUN_TASK", _with_resources(custom_task(), volume))
    failed = master.update("TASK_FAILED")
    assert failed["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert "does not exist" in failed["message"]


@pytest.mark.parametrize(
    ("script", "state", "message"),
    [
        ("exit 0", "TASK_FINISHED", "Command exited with status 0"),
        ("exit 4", "TASK_FAILED", "Command exited with status 4"),
        ("kill -9 $$", "TASK_FAILED", "Command terminated with signal Killed"),
    ],
)
def test_command_task_reports_its_end(
    agent: AgentProcess, master: FakeMaster, script: str, state: str, message: str
) -> None:
    master.send("RUN_TASK", command_task(script))
    master.update("TASK_STARTING", "c1")
    master.update("TASK_RUNNING", "c1")
    ended = master.update(state, "c1")
    assert (ended["message"], ended["source"], ended["executor_id"]) == (message, "SOURCE_EXECUTOR", {"value": "c1"})
    wait_for(lambda: not processes_below(agent.work_dir), "the end of the command executor")
    assert "EXITED_EXECUTOR" not in [call["type"] for call in list(master.calls.queue)]


@pytest.mark.parametrize(
    ("script", "policy", "message"),
    [
        ("sleep 100", {}, "Command terminated with signal Terminated"),
        (
            'trap "" TERM; echo ready; while true; do sleep 0.1; done',
            {"kill_policy": {"grace_period": {"nanoseconds": 300000000}}},
            "Command terminated with signal Killed",
        ),
    ],
)
def test_command_task_is_killed_by_its_policy(
    agent: AgentProcess, master: FakeMaster, script: str, policy: Json, message: str
) -> None:
    master.send("RUN_TASK", command_task(f"echo ready; {script}", **policy))
    master.update("TASK_RUNNING", "c1")
    wait_for(lambda: "ready" in (agent.sandbox("c1") / "stdout").read_text(), "the command")
    master.send("KILL_TASK", {"framework_id": FRAMEWORK["id"], "task_id": {"value": "c1"}})
    assert master.update("TASK_KILLED", "c1")["message"] == message


def test_killed_command_executor_is_a_failed_task_without_failure_event(
    agent: AgentProcess, master: FakeMaster
) -> None:
    master.send("RUN_TASK", command_task("sleep 300"))
    pid = master.update("TASK_RUNNING", "c1")["container_status"]["executor_pid"]
    os.kill(pid, signal.SIGKILL)
    failed = master.update("TASK_FAILED", "c1")
    assert (failed["message"], failed["reason"]) == ("Executor terminated", "REASON_EXECUTOR_TERMINATED")
    wait_for(lambda: not processes_below(agent.work_dir), "the end of the command")


def test_task_that_lasts_too_long_fails(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", command_task("sleep 300", max_completion_time={"nanoseconds": 200000000}))
    assert master.update("TASK_FAILED", "c1")["reason"] == "REASON_MAX_COMPLETION_TIME_REACHED"


def test_environment_of_an_executor(agent: AgentProcess, master: FakeMaster) -> None:
    variables = [{"name": "MY_VAR", "value": "my value"}, {"name": "PATH", "value": "/usr/bin:/bin"}]
    command = {"environment": {"variables": variables}}
    master.send("RUN_TASK", custom_task(command=command, shutdown_grace_period={"nanoseconds": 3000000000}))
    master.update("TASK_RUNNING")
    seen = agent.events("ENVIRONMENT")[0]
    sandbox = str(agent.sandbox().resolve())
    assert seen["cwd"] == sandbox
    assert {"stderr", "stdout"} <= set(seen["files"])
    expected = {
        "LIBPROCESS_IP": agent.ip,
        "LIBPROCESS_PORT": "0",
        "MESOS_AGENT_ENDPOINT": f"{agent.ip}:{agent.port}",
        "MESOS_CHECKPOINT": "1",
        "MESOS_DIRECTORY": sandbox,
        "MESOS_EXECUTOR_ID": "e1",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "3secs",
        "MESOS_FRAMEWORK_ID": "framework-0000",
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_RECOVERY_TIMEOUT": "15mins",
        "MESOS_SANDBOX": sandbox,
        "MESOS_SLAVE_ID": "agent-S0",
        "MESOS_SLAVE_PID": f"slave(1)@{agent.ip}:{agent.port}",
        "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
        "MY_VAR": "my value",
        "PATH": "/usr/bin:/bin",
    }
    assert {name: seen["environment"].get(name) for name in expected} == expected


def test_fetched_archive_lies_unpacked_in_the_sandbox(agent: AgentProcess, master: FakeMaster, tmp_path: Path) -> None:
    (tmp_path / "greeting").write_text("hello")
    with tarfile.open(tmp_path / "bundle.tar.gz", "w:gz") as tar:
        tar.add(tmp_path / "greeting", "bundle/greeting")
    uris = [{"value": f"file://{tmp_path}/bundle.tar.gz", "cache": True}]
    master.send("RUN_TASK", command_task("cat bundle/greeting", command={"uris": uris}))
    master.update("TASK_FINISHED", "c1")
    assert (agent.sandbox("c1") / "stdout").read_text() == "hello"


def test_failed_fetch(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task(command={"uris": [{"value": "file:///does/not/exist"}]}))
    assert master.call("EXITED_EXECUTOR")["status"] == 256
    failed = master.update("TASK_FAILED")
    assert failed["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    words = r"Failed to launch container: Failed to fetch all URIs for container '[0-9a-f-]{36}': exited with status 1"
    assert re.fullmatch(words, failed["message"])
    assert "/does/not/exist" in (agent.sandbox() / "stderr").read_text()


def test_executor_that_never_registers_is_killed(tmp_path: Path, master: FakeMaster) -> None:
    agent = AgentProcess(tmp_path / "work", master.address, "--executor-registration-timeout", "300ms")
    try:
        master.registrations.get(timeout=10)
        run = custom_task(command={"value": "sleep 300"})
        master.send("RUN_TASK", run)
        assert master.call("EXITED_EXECUTOR")["status"] == 9
        failed = master.update("TASK_FAILED")
        assert failed["reason"] == "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
        assert failed["message"] == "Executor did not register within 300ms"
    finally:
        agent.stop()


def test_executor_that_hangs_is_killed_with_all_it_started(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    for text in ("child", "hang"):
        master.send("FRAMEWORK_MESSAGE", {**ids, "data": _text(text)})
        master.call("EXECUTOR_MESSAGE")
    assert len(processes_below(agent.work_dir)) == 2
    master.send("SHUTDOWN_EXECUTOR", ids)
    assert master.call("EXITED_EXECUTOR")["status"] == 9
    assert master.update("TASK_FAILED")["reason"] == "REASON_EXECUTOR_TERMINATED"
    wait_for(lambda: not processes_below(agent.work_dir), "the end of the child")


def test_shutdown_of_an_executor_lets_it_report(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("SHUTDOWN_EXECUTOR", ids)
    assert master.update("TASK_KILLED")["message"] == "executor shutdown"
    assert master.call("EXITED_EXECUTOR") == {**ids, "status": 0}


def test_shutdown_of_a_framework_is_silent_and_leaves_nothing(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.send("RUN_TASK", command_task("sleep 300"))
    master.update("TASK_RUNNING")
    master.update("TASK_RUNNING", "c1")
    master.send("SHUTDOWN_FRAMEWORK", {"framework_id": FRAMEWORK["id"]})
    wait_for(lambda: not agent.get("/state")["frameworks"], "the framework's end on the agent")
    assert not processes_below(agent.work_dir)
    assert [call for call in list(master.calls.queue) if call["type"] == "EXITED_EXECUTOR"] == []
    assert not list((agent.work_dir / "meta/slaves/latest/frameworks").iterdir())


def test_unacknowledged_update_comes_again_and_later_ones_wait(agent: AgentProcess, master: FakeMaster) -> None:
    master.acknowledge = False
    master.send("RUN_TASK", custom_task())
    seen = [master.call("STATUS_UPDATE") for _ in range(3)]
    assert {update["status"]["uuid"] for update in seen} == {seen[0]["status"]["uuid"]}
    assert seen[0]["status"]["state"] == "TASK_STARTING"
    assert seen[2]["latest_state"] == "TASK_RUNNING"
    ids = {"framework_id": FRAMEWORK["id"], "task_id": {"value": "t1"}}
    master.send("ACKNOWLEDGE", {**ids, "uuid": seen[0]["status"]["uuid"]})
    assert master.update("TASK_RUNNING")["message"] == "up"


def test_kill_before_the_executor_is_there(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task(command={"value": f"sleep 0.5; exec {sys.executable} {EXECUTOR}"}))
    master.send("KILL_TASK", {"framework_id": FRAMEWORK["id"], "task_id": {"value": "t1"}})
    killed = master.update("TASK_KILLED")
    assert killed["reason"] == "REASON_TASK_KILLED_DURING_LAUNCH"
    assert master.call("EXITED_EXECUTOR")["status"] == 0


def test_executor_written_with_pymesos(agent: AgentProcess, master: FakeMaster) -> None:
    script = EXECUTOR.with_name("pymesos_executor.py")
    master.send("RUN_TASK", custom_task(command={"value": f"exec {sys.executable} {script}"}))
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("FRAMEWORK_MESSAGE", {**ids, "data": _text("hi")})
    assert master.call("EXECUTOR_MESSAGE")["data"] == _text("hi")
    master.send("KILL_TASK", {"framework_id": FRAMEWORK["id"], "task_id": {"value": "t1"}})
    master.update("TASK_KILLED")
    master.send("SHUTDOWN_EXECUTOR", ids)
    assert master.call("EXITED_EXECUTOR")["executor_id"] == {"value": "e1"}


def test_pymesos_executor_outlives_a_short_absence_of_the_agent(agent: AgentProcess, master: FakeMaster) -> None:
    script = EXECUTOR.with_name("pymesos_executor.py")
    master.send("RUN_TASK", custom_task(command={"value": f"exec {sys.executable} {script}"}))
    pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
    agent.signal(signal.SIGKILL)
    # pymesos first waits about two seconds, as long as an agent by default waits for its executors.
    agent.start("--executor-reregistration-timeout", "8secs")
    registration = master.registrations.get(timeout=15)
    assert [task["state"] for task in registration["tasks"]] == ["TASK_RUNNING"]
    master.send("KILL_TASK", {"framework_id": FRAMEWORK["id"], "task_id": {"value": "t1"}})
    assert master.update("TASK_KILLED")["container_status"]["executor_pid"] == pid


class TestRecovery:
    """The agent dies without a word; its executors do not."""

    def test_live_executor_goes_on(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("RUN_TASK", custom_task())
        pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
        agent.signal(signal.SIGKILL)
        agent.start()
        registration = master.registrations.get(timeout=10)
        assert registration["agent_info"]["id"] == {"value": "agent-S0"}
        assert [e["executor_info"]["executor_id"] for e in registration["executors"]] == [{"value": "e1"}]
        assert [task["state"] for task in registration["tasks"]] == ["TASK_RUNNING"]
        assert len(agent.events("SUBSCRIBED")) == 2
        assert Path(f"/proc/{pid}").exists()

        ids = {"framework_id": FRAMEWORK["id"], "task_id": {"value": "t1"}}
        master.send("KILL_TASK", ids)
        assert master.update("TASK_KILLED")["container_status"]["executor_pid"] == pid

    def test_command_task_goes_on_and_its_end_is_known(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("RUN_TASK", command_task("while [ ! -e stop ]; do sleep 0.05; done; exit 5"))
        master.update("TASK_RUNNING", "c1")
        agent.signal(signal.SIGKILL)
        (agent.sandbox("c1") / "stop").touch()
        agent.start()
        master.registrations.get(timeout=10)
        assert master.update("TASK_FAILED", "c1")["message"] == "Command exited with status 5"

    def test_update_that_was_not_acknowledged_is_sent_again(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.acknowledge = False
        master.send("RUN_TASK", custom_task())
        first = master.call("STATUS_UPDATE")["status"]
        wait_for(lambda: len(agent.events("ACKNOWLEDGED")) == 2, "both updates on the agent's disk")
        agent.signal(signal.SIGKILL)
        master.acknowledge = True
        agent.start()
        registration = master.registrations.get(timeout=10)
        assert registration["tasks"][0]["state"] == "TASK_RUNNING"
        assert registration["tasks"][0]["status_update_state"] == "TASK_STARTING"
        assert master.update("TASK_STARTING")["uuid"] == first["uuid"]
        master.update("TASK_RUNNING")

    def test_executor_that_died_meanwhile_is_noticed(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("CHECKPOINT_RESOURCES", {"resources": [_volume()], "operations": []})
        master.send("RUN_TASK", custom_task())
        pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
        agent.signal(signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        agent.start()
        registration = master.registrations.get(timeout=10)
        assert registration["executors"] == []
        assert registration["checkpointed"] == [_volume()]
        failed = master.update("TASK_FAILED")
        assert (failed["reason"], failed["message"]) == ("REASON_EXECUTOR_TERMINATED", "Executor terminated")
        wait_for(lambda: not agent.get("/state")["frameworks"], "nothing left of the framework")

    def test_reboot_means_that_no_executor_lives(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("RUN_TASK", custom_task())
        master.update("TASK_RUNNING")
        agent.signal(signal.SIGKILL)
        record = agent.work_dir / "meta/slaves/latest/frameworks/framework-0000/executors/e1/executor.json"
        value = json.loads(record.read_text())
        value["process"] = {"pid": os.getpid(), "start_time": 1, "boot_id": "another boot"}
        record.write_text(json.dumps(value))
        agent.start()
        assert master.update("TASK_FAILED")["reason"] == "REASON_EXECUTOR_TERMINATED"

    def test_silent_executor_is_killed_in_time(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("RUN_TASK", custom_task())
        pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
        agent.signal(signal.SIGKILL)
        os.kill(pid, signal.SIGSTOP)
        agent.start("--executor-reregistration-timeout", "500ms")
        gone = master.update("TASK_GONE")
        assert gone["reason"] == "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
        assert gone["message"] == "Executor did not reregister within 500ms"
        wait_for(lambda: not processes_below(agent.work_dir), "the executor's end")

    def test_framework_without_checkpointing_loses_its_executors(self, agent: AgentProcess, master: FakeMaster) -> None:
        run = custom_task()
        run["framework"] = {**FRAMEWORK, "checkpoint": False}
        master.send("RUN_TASK", run)
        master.update("TASK_RUNNING")
        agent.signal(signal.SIGKILL)
        agent.start()
        assert master.registrations.get(timeout=10)["tasks"] == []
        wait_for(lambda: not processes_below(agent.work_dir), "the executor's end")

    def test_changed_resources_are_refused_with_a_sentence(self, agent: AgentProcess) -> None:
        agent.signal(signal.SIGKILL)
        with pytest.raises(AssertionError):
            agent.start("--resources", "cpus:1")
        assert agent.wait() == 1
        assert "the agent's resources differ from its last run" in agent.log()


class TestMaster:
    """The master goes, comes, moves, refuses."""

    def test_agent_comes_back_with_its_tasks(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("RUN_TASK", custom_task())
        master.update("TASK_RUNNING")
        master.disconnect()
        registration = master.registrations.get(timeout=10)
        assert registration["tasks"][0]["task_id"] == {"value": "t1"}
        assert registration["tasks"][0]["executor_id"] == {"value": "e1"}
        assert registration["frameworks"] == [FRAMEWORK]

    def test_redirection_is_followed(self, tmp_path: Path, master: FakeMaster) -> None:
        other = FakeMaster()
        other.redirect = master.address
        agent = AgentProcess(tmp_path / "work", other.address)
        try:
            assert master.registrations.get(timeout=10)["ip"] == "127.0.0.2"
        finally:
            agent.stop()
            other.close()

    def test_ping_is_answered(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("PING", {})
        assert master.call("PONG") == {}

    def test_refused_agent_ends_its_executors_and_itself(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("RUN_TASK", custom_task())
        master.update("TASK_RUNNING")
        master.refusal = "Agent has been removed"
        master.disconnect()
        assert agent.wait() == 1
        assert not processes_below(agent.work_dir)
        assert "Agent has been removed" in agent.log()

    def test_leaving_agent_unregisters(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("RUN_TASK", custom_task())
        master.update("TASK_RUNNING")
        assert agent.signal(signal.SIGUSR1) == 0
        assert master.call("UNREGISTER") == {}
        assert not processes_below(agent.work_dir)


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
    assert agent.get("/version") == {"version": "1.12.0"}
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
