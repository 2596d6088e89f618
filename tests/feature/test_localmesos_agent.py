"""A real agent process with real executors, under a master that the test plays."""

import base64
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.feature.agent_process import FRAMEWORK, AgentProcess, custom_task, wait_for
from tests.feature.fake_master import FakeMaster

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
