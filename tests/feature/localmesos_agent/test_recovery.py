"""The agent or the master goes and comes back; the executors stay."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.feature.localmesos_agent.agent_process import (
    EXECUTOR,
    FRAMEWORK,
    ROOT,
    AgentProcess,
    base64_text,
    command_task,
    custom_task,
    make_volume,
    processes_below,
)
from tests.feature.localmesos_agent.fake_master import FakeMaster
from tests.waiting import patient, wait_for

Json = dict[str, Any]

pytestmark = pytest.mark.feature


def test_sigterm_leaves_executors_alone_and_a_new_agent_takes_them_up(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
    assert agent.signal(signal.SIGTERM) == 0
    agent.start()
    registration = master.registration()
    assert registration["agent_info"]["id"] == {"value": "agent-S0"}
    assert [task["state"] for task in registration["tasks"]] == ["TASK_RUNNING"]
    assert Path(f"/proc/{pid}").exists()


def test_pymesos_executor_outlives_a_short_absence_of_the_agent(agent: AgentProcess, master: FakeMaster) -> None:
    script = EXECUTOR.with_name("pymesos_executor.py")
    master.send("RUN_TASK", custom_task(command={"value": f"exec {sys.executable} {script}"}))
    pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
    agent.signal(signal.SIGKILL)
    agent.start()
    registration = master.registration(15)
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
        registration = master.registration()
        assert registration["agent_info"]["id"] == {"value": "agent-S0"}
        assert [e["executor_info"]["executor_id"] for e in registration["executors"]] == [{"value": "e1"}]
        assert [task["state"] for task in registration["tasks"]] == ["TASK_RUNNING"]
        wait_for("the executor got the new agent's answer", lambda: len(agent.events("SUBSCRIBED")) == 2)
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
        master.registration()
        assert master.update("TASK_FAILED", "c1")["message"] == "Command exited with status 5"

    def test_update_that_was_not_acknowledged_is_sent_again(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.acknowledge = False
        master.send("RUN_TASK", custom_task())
        first = master.call("STATUS_UPDATE")["status"]
        wait_for("both updates on the agent's disk", lambda: len(agent.events("ACKNOWLEDGED")) == 2)
        agent.signal(signal.SIGKILL)
        master.acknowledge = True
        agent.start()
        registration = master.registration()
        assert registration["tasks"][0]["state"] == "TASK_RUNNING"
        assert registration["tasks"][0]["status_update_state"] == "TASK_STARTING"
        assert master.update("TASK_STARTING")["uuid"] == first["uuid"]
        master.update("TASK_RUNNING")

    def test_executor_that_died_meanwhile_is_noticed(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("CHECKPOINT_RESOURCES", {"resources": [make_volume()], "operations": []})
        master.send("RUN_TASK", custom_task())
        pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
        agent.signal(signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        agent.start()
        registration = master.registration()
        assert registration["executors"] == []
        assert registration["checkpointed"] == [make_volume()]
        failed = master.update("TASK_FAILED")
        assert (failed["reason"], failed["message"]) == ("REASON_EXECUTOR_TERMINATED", "Executor terminated")
        wait_for("nothing left of the framework", lambda: not agent.get("/state")["frameworks"])

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
        wait_for("the executor's end", lambda: not processes_below(agent.work_dir))

    def test_framework_without_checkpointing_loses_its_executors(self, agent: AgentProcess, master: FakeMaster) -> None:
        run = custom_task()
        run["framework"] = {**FRAMEWORK, "checkpoint": False}
        master.send("RUN_TASK", run)
        master.update("TASK_RUNNING")
        agent.signal(signal.SIGKILL)
        agent.start()
        assert master.registration()["tasks"] == []
        wait_for("the executor's end", lambda: not processes_below(agent.work_dir))

    def test_changed_resources_are_refused_with_a_sentence(self, agent: AgentProcess) -> None:
        agent.signal(signal.SIGKILL)
        with pytest.raises(AssertionError, match=r"status 1: (.|\n)*the agent's resources differ from its last run"):
            agent.start("--resources", "cpus:1")

    def test_agent_that_died_while_fetching(self, agent: AgentProcess, master: FakeMaster) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            uri = {"value": f"http://127.0.0.1:{silent.getsockname()[1]}/x"}
            master.send("RUN_TASK", custom_task(command={"uris": [uri]}))
            connection, _ = silent.accept()
            connection.close()
            agent.signal(signal.SIGKILL)
        agent.start()
        assert master.update("TASK_FAILED")["reason"] == "REASON_EXECUTOR_TERMINATED"

    def test_task_that_the_executor_never_got_is_dropped(self, agent: AgentProcess, master: FakeMaster) -> None:
        run = custom_task(
            command={"value": f"while [ ! -e go ]; do sleep 0.05; done; exec {sys.executable} {EXECUTOR}"}
        )
        master.send("RUN_TASK", run)
        record = agent.work_dir / "meta/slaves/latest/frameworks/framework-0000/executors/e1/executor.json"
        wait_for("the executor's process", lambda: record.exists() and json.loads(record.read_text())["process"])
        agent.signal(signal.SIGKILL)
        (agent.sandbox() / "go").touch()
        agent.start()
        dropped = master.update("TASK_DROPPED")
        assert dropped["reason"] == "REASON_AGENT_RESTARTED"
        assert dropped["message"] == "Task launched during agent restart"


class TestMaster:
    """The master goes, comes, moves, refuses."""

    def test_agent_comes_back_with_its_tasks(self, agent: AgentProcess, master: FakeMaster) -> None:
        master.send("RUN_TASK", custom_task())
        master.update("TASK_RUNNING")
        master.disconnect()
        registration = master.registration()
        assert registration["tasks"][0]["task_id"] == {"value": "t1"}
        assert registration["tasks"][0]["executor_id"] == {"value": "e1"}
        assert registration["frameworks"] == [FRAMEWORK]

    def test_redirection_is_followed(self, tmp_path: Path, master: FakeMaster) -> None:
        other = FakeMaster()
        other.redirect = master.address
        agent = AgentProcess(tmp_path / "work", other.address)
        try:
            assert master.registration()["ip"] == "127.0.0.2"
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
        assert master.registrations.empty()
        assert not processes_below(agent.work_dir)

    def test_leaving_agent_does_not_come_back_while_its_executors_end(
        self, agent: AgentProcess, master: FakeMaster
    ) -> None:
        master.send("RUN_TASK", custom_task())
        master.update("TASK_RUNNING")
        ids = {"framework_id": FRAMEWORK["id"], "executor_id": {"value": "e1"}}
        master.send("FRAMEWORK_MESSAGE", {**ids, "data": base64_text("hang")})
        master.call("EXECUTOR_MESSAGE")
        assert agent.process is not None
        agent.process.send_signal(signal.SIGUSR1)
        master.call("UNREGISTER")
        master.disconnect()
        assert agent.wait() == 0
        assert master.registrations.empty()
        assert not processes_below(agent.work_dir)

    def test_end_of_an_executor_during_registration_is_told_afterwards(
        self, agent: AgentProcess, master: FakeMaster
    ) -> None:
        master.send("RUN_TASK", custom_task())
        pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
        master.hold.clear()
        master.disconnect()
        registration = master.registration()
        assert len(registration["executors"]) == 1
        os.kill(pid, signal.SIGKILL)
        wait_for("its end", lambda: agent.get("/state")["frameworks"][0]["executors"][0]["state"] == "TERMINATED")
        master.hold.set()
        assert master.call("EXITED_EXECUTOR")["status"] == 9
        master.update("TASK_FAILED")


def test_second_agent_in_the_same_work_directory_is_refused(agent: AgentProcess, master: FakeMaster) -> None:
    master.send("RUN_TASK", custom_task())
    pid = master.update("TASK_RUNNING")["container_status"]["executor_pid"]
    with pytest.raises(AssertionError, match=r"status 1: (.|\n)*another agent runs in"):
        AgentProcess(agent.work_dir, master.address)
    assert Path(f"/proc/{pid}").exists()
    assert agent.get("/state")["frameworks"][0]["executors"][0]["state"] == "RUNNING"


def test_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.2", 0)) as taken:
        command = [sys.executable, "-m", "localmesos.agent.main", "--ip", "127.0.0.2", "--work-dir", str(tmp_path)]
        command += ["--port", str(taken.getsockname()[1]), "--master", "127.0.0.1:1", "--resources", "cpus:1"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patient(30))
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
