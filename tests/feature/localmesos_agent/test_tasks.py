"""Custom executors and their tasks: a real agent process under a master that the test plays."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.feature.localmesos_agent.agent_process import (
    EXECUTOR,
    FRAMEWORK,
    AgentProcess,
    base64_text,
    command_task,
    custom_task,
    processes_below,
)
from tests.feature.localmesos_agent.fake_master import FakeMaster
from tests.waiting import wait_for

Json = dict[str, Any]

pytestmark = pytest.mark.feature


def test_custom_executor_runs_a_task_and_kills_it(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    assert master.update("TASK_STARTING")["container_status"]["executor_pid"] > 0
    running = master.update("TASK_RUNNING")
    assert running["message"] == "up"
    assert base64.b64decode(running["data"]) == b"running-data"
    wait_for("both acknowledgements at the executor", lambda: len(agent.events("ACKNOWLEDGED")) == 2)

    ids = {"framework_id": FRAMEWORK["id"], "task_id": {"value": "t1"}}
    master.send("KILL_TASK", {**ids, "kill_policy": {"grace_period": {"nanoseconds": 2000000000}}})
    assert master.update("TASK_KILLED")["message"] == "killed by executor"
    assert agent.events("KILL")[0]["kill"]["kill_policy"] == {"grace_period": {"nanoseconds": 2000000000}}


def test_messages_pass_both_ways(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("FRAMEWORK_MESSAGE", {**ids, "data": base64_text("hi")})
    assert master.call("EXECUTOR_MESSAGE") == {**ids, "data": base64_text("echo:hi")}


def test_executor_exit_is_told_before_its_tasks_fail(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("FRAMEWORK_MESSAGE", {**ids, "data": base64_text("exit3")})
    assert master.call("EXITED_EXECUTOR") == {**ids, "status": 768}
    failed = master.update("TASK_FAILED")
    assert (failed["reason"], failed["message"], failed["source"]) == (
        "REASON_EXECUTOR_TERMINATED",
        "Executor terminated",
        "SOURCE_AGENT",
    )


def test_executor_that_never_registers_is_killed(tmp_path: Path, master: FakeMaster) -> None:
    agent = AgentProcess(tmp_path / "work", master.address, "--executor-registration-timeout", "300ms")
    try:
        master.registration()
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
        master.send("FRAMEWORK_MESSAGE", {**ids, "data": base64_text(text)})
        master.call("EXECUTOR_MESSAGE")
    assert len(processes_below(agent.work_dir)) == 2
    master.send("SHUTDOWN_EXECUTOR", ids)
    assert master.call("EXITED_EXECUTOR")["status"] == 9
    assert master.update("TASK_FAILED")["reason"] == "REASON_EXECUTOR_TERMINATED"
    wait_for("the end of the child", lambda: not processes_below(agent.work_dir))


def test_shutdown_of_an_executor_lets_it_report(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("SHUTDOWN_EXECUTOR", ids)
    assert master.update("TASK_KILLED")["message"] == "executor shutdown"
    assert master.call("EXITED_EXECUTOR") == {**ids, "status": 0}


def test_shutdown_of_a_framework_is_silent_and_leaves_nothing(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    master.send("RUN_TASK", command_task("sleep 300"))
    master.update("TASK_RUNNING", "c1")
    master.send("SHUTDOWN_FRAMEWORK", {"framework_id": FRAMEWORK["id"]})
    wait_for("the framework's end on the agent", lambda: not agent.get("/state")["frameworks"])
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
    master.send("FRAMEWORK_MESSAGE", {**ids, "data": base64_text("hi")})
    assert master.call("EXECUTOR_MESSAGE")["data"] == base64_text("hi")
    master.send("KILL_TASK", {"framework_id": FRAMEWORK["id"], "task_id": {"value": "t1"}})
    master.update("TASK_KILLED")
    master.send("SHUTDOWN_EXECUTOR", ids)
    assert master.call("EXITED_EXECUTOR")["executor_id"] == {"value": "e1"}


@pytest.mark.parametrize(("aware", "state"), [(True, "TASK_DROPPED"), (False, "TASK_LOST")])
def test_task_for_an_executor_that_is_gone_is_dropped(
    agent: AgentProcess, master: FakeMaster, aware: bool, state: str
) -> None:
    framework = FRAMEWORK if aware else {**FRAMEWORK, "capabilities": []}
    master.send("RUN_TASK", {**custom_task(), "framework": framework, "launch_executor": False})
    assert master.update(state)["reason"] == "REASON_EXECUTOR_TERMINATED"
    assert agent.get("/state")["frameworks"] == []


def test_task_for_an_executor_that_is_ending_is_dropped(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("FRAMEWORK_MESSAGE", {**ids, "data": base64_text("hang")})
    master.call("EXECUTOR_MESSAGE")
    master.send("SHUTDOWN_EXECUTOR", ids)
    master.send("RUN_TASK", {**custom_task("t2"), "launch_executor": False})
    dropped = master.update("TASK_DROPPED", "t2")
    assert dropped["message"] == "Executor terminating"


def test_task_waits_for_an_executor_that_is_not_connected(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    master.update("TASK_RUNNING")
    ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
    master.send("FRAMEWORK_MESSAGE", {**ids, "data": base64_text("reconnect")})
    wait_for("the executor to hang up", lambda: agent.events("DISCONNECTED"))
    # What is sent before the agent knows is lost, as with Mesos.
    wait_for("the agent to close the connection too", lambda: not agent.has_clients())
    master.send("RUN_TASK", {**custom_task("t2"), "launch_executor": False})
    wait_for("the agent to have the task", lambda: "t2" in json.dumps(agent.get("/state")))
    (agent.sandbox() / "back").touch()
    master.update("TASK_RUNNING", "t2")
    assert len(agent.events("SUBSCRIBED")) == 2


def test_group_of_tasks_arrives_as_one(agent: AgentProcess, master: FakeMaster) -> None:
    run = custom_task()
    tasks = [run.pop("task"), custom_task("t2")["task"]]
    master.send("RUN_TASK_GROUP", {**run, "tasks": tasks})
    group = wait_for("the group", lambda: agent.events("LAUNCH_GROUP"))[0]
    assert [task["name"] for task in group["launch_group"]["task_group"]["tasks"]] == ["t1", "t2"]
