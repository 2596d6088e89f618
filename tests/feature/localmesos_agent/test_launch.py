"""The set-up of containers: volumes, fetched files, environment, plain commands."""

import os
import re
import shutil
import signal
import socket
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.feature.localmesos_agent.agent_process import (
    EXECUTOR,
    FRAMEWORK,
    AgentProcess,
    command_task,
    custom_task,
    make_volume,
    processes_below,
)
from tests.feature.localmesos_agent.fake_master import FakeMaster
from tests.waiting import wait_for

Json = dict[str, Any]

pytestmark = pytest.mark.feature


def _with_resources(run: Json, *resources: Json) -> Json:
    run["task"]["resources"] = [*run["task"]["resources"], *resources]
    return run


def test_persistent_volume_outlives_the_task_until_it_is_destroyed(agent: AgentProcess, master: FakeMaster) -> None:
    volume = make_volume()
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
    volume = make_volume(source={"type": "MOUNT", "mount": {"root": str(root)}})
    master.send("CHECKPOINT_RESOURCES", {"resources": [volume], "operations": []})
    master.send("RUN_TASK", _with_resources(command_task("mkdir data/sub; echo x > data/sub/file"), volume))
    master.update("TASK_FINISHED", "c1")
    assert (root / "sub/file").read_text() == "x\n"
    master.send("CHECKPOINT_RESOURCES", {"resources": [], "operations": []})
    master.call("CHECKPOINTED")
    assert root.is_dir()
    assert not list(root.iterdir())


def test_volume_whose_directory_is_lost_is_no_empty_volume(agent: AgentProcess, master: FakeMaster) -> None:
    volume = make_volume()
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
    wait_for("the end of the command executor", lambda: not processes_below(agent.work_dir))
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
    wait_for("the command", lambda: "ready" in (agent.sandbox("c1") / "stdout").read_text())
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
    wait_for("the end of the command", lambda: not processes_below(agent.work_dir))


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


def test_shutdown_while_fetching(agent: AgentProcess, master: FakeMaster) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = {"value": f"http://127.0.0.1:{silent.getsockname()[1]}/x"}
        master.send("RUN_TASK", custom_task(command={"uris": [uri]}))
        connection, _ = silent.accept()
        with connection:
            master.send("SHUTDOWN_EXECUTOR", {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}})
            assert master.update("TASK_FAILED")["reason"] == "REASON_EXECUTOR_TERMINATED"
    wait_for("nothing left", lambda: not agent.get("/state")["frameworks"])


@pytest.mark.parametrize(
    ("executor", "words"),
    [
        ({"command": {"shell": False, "value": "/does/not/exist"}}, "Failed to execute '/does/not/exist'"),
        ({"type": "DEFAULT", "command": None}, "only executors with a command can be run"),
    ],
)
def test_executor_that_cannot_be_started(agent: AgentProcess, master: FakeMaster, executor: Json, words: str) -> None:
    run = custom_task()
    info = {key: value for key, value in {**run["executor_info"], **executor}.items() if value is not None}
    run["executor_info"] = run["task"]["executor"] = info
    master.send("RUN_TASK", run)
    assert master.call("EXITED_EXECUTOR")["status"] == -1
    failed = master.update("TASK_FAILED")
    assert failed["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert failed["message"].startswith(f"Failed to launch container: {words}")


def test_executor_with_an_argument_list(agent: AgentProcess, master: FakeMaster) -> None:
    command = {"shell": False, "value": sys.executable, "arguments": ["python", str(EXECUTOR)]}
    master.send("RUN_TASK", custom_task(command=command))
    master.update("TASK_RUNNING")


def test_id_that_no_directory_can_have_fails_the_task(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task(executor_id=".."))
    assert master.update("TASK_FAILED")["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert agent.get("/state")["frameworks"] == []
