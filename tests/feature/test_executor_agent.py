"""The executor bundle under a real agent that fails in all ways; a stand-in takes the place of Java."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from executor.agent.environment import TOKEN
from executor.protocol import NodeLaunch
from scheduler.loop.last_words import read
from scheduler.loop.sandbox import Sandbox
from tests.command_lines import command_line
from tests.feature.executor_agent import IDS, Node, build_bundle, start_agent
from tests.feature.localmesos_agent.agent_process import FRAMEWORK, processes_below
from tests.feature.localmesos_agent.fake_master import FakeMaster
from tests.unit.executor.sandbox import ADDRESS, make_launch, make_sandbox
from tests.waiting import wait_for

pytestmark = pytest.mark.feature

Start = Callable[..., Node]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start the one agent of a test, with more options for it."""
    master = FakeMaster()
    running: list[Node] = []

    def start(*options: str) -> Node:
        agent = start_agent(master, tmp_path / "work", ADDRESS, *options)
        running.append(Node(agent, master, (build_bundle("executor"), _stand_in_bundle(tmp_path))))
        return running[0]

    try:
        yield start
    finally:
        for node in running:
            node.agent.stop()
        master.close()


def _stand_in_bundle(directory: Path) -> Path:
    sandbox = make_sandbox(directory / "stand-in")
    archive = directory / "stand-in.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("cassandra", "jre"):
            tar.add(sandbox / name, name)
    return archive


def _run(node: Node, launch: NodeLaunch) -> int:
    """Launch it as task t1; Cassandra's pid when it serves."""
    node.launch(launch, "t1")
    pid = node.until("t1", mode="NORMAL").pid
    assert pid is not None
    return pid


def _executor_pid(node: Node) -> int:
    (found,) = (pid for pid in processes_below(node.agent.work_dir) if b"-m\0executor\0" in command_line(pid))
    return found


def _wait_for_subscriptions(node: Node, number: int) -> None:
    wait_for("the executor to come back", lambda: node.stderr().count("subscribed at agent") == number)


def _gone(node: Node) -> bool:
    return not processes_below(node.agent.work_dir)


def test_an_agent_that_was_away_finds_its_executor_and_hears_what_happened(start: Start) -> None:
    node = start()
    pid = _run(node, make_launch())
    node.agent.signal(signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    wait_for("the executor to notice the end of Cassandra", lambda: "TASK_FAILED" in node.stderr())
    node.agent.start()
    failed = node.end("t1")
    assert failed["state"] == "TASK_FAILED"
    assert failed["message"].startswith("Cassandra ended with signal SIGKILL:\nno error was logged")
    wait_for("the executor to end", lambda: _gone(node))


def test_cassandra_survives_one_agent_after_the_other(start: Start) -> None:
    node = start()
    pid = _run(node, make_launch())
    for number in range(3):
        node.agent.signal(signal.SIGKILL)
        node.agent.start()
        node.master.registration()
        _wait_for_subscriptions(node, number + 2)
        assert node.query(f"q{number}").status.pid == pid


def test_an_agent_that_stays_away_too_long_costs_the_node_in_order(start: Start) -> None:
    node = start("--recovery-timeout", "2secs")
    _run(node, make_launch())
    node.agent.signal(signal.SIGKILL)
    wait_for("the time to be over", lambda: "shutting down: the agent was away for longer than 2 s" in node.stderr())
    wait_for("the executor to end", lambda: _gone(node), 20)
    assert "TASK_KILLED: shut down: the agent was away for longer than 2 s: drained" in node.stderr()


def test_an_agent_that_does_not_know_its_executor_costs_the_node_in_order(start: Start) -> None:
    node = start()
    _run(node, make_launch())
    node.agent.signal(signal.SIGKILL)
    shutil.rmtree(node.agent.work_dir / "meta")
    node.agent.start()
    wait_for("the executor to give up", lambda: "shutting down: the agent refuses this executor" in node.stderr(), 20)
    wait_for("the executor to end", lambda: _gone(node), 20)
    assert "TASK_KILLED: shut down: the agent refuses this executor" in node.stderr()


def _environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def test_an_agent_that_authenticates_its_executors(start: Start) -> None:
    """The token is sent with every call, outlives the agent, and is nobody else's: not Cassandra's, nor the log's."""
    node = start("--authenticate-http-executors")
    pid = _run(node, make_launch())
    name, environment = TOKEN.encode(), _environment(_executor_pid(node))
    token = next(item.partition(b"=")[2] for item in environment.split(b"\0") if item.startswith(name))
    node.agent.signal(signal.SIGKILL)
    node.agent.start()
    node.master.registration()
    _wait_for_subscriptions(node, 2)
    assert node.query("q").status.pid == pid
    assert name not in _environment(pid)
    # A core dump in the sandbox would hold it, and Cassandra's keys.
    for number in (pid, _executor_pid(node)):
        assert re.search(r"(?m)^Max core file size +0 ", Path(f"/proc/{number}/limits").read_text())
        assert re.search(r"(?m)^Umask:\s+0027$", Path(f"/proc/{number}/status").read_text())
    processes = processes_below(node.agent.work_dir)
    assert all(token not in command_line(process) for process in processes)
    files = [path for path in node.agent.work_dir.rglob("*") if path.is_file()]
    assert not [path for path in files if token in path.read_bytes()]


def test_shutdown_by_the_agent_drains(start: Start) -> None:
    node = start()
    _run(node, make_launch())
    node.master.send("SHUTDOWN_EXECUTOR", IDS)
    ended = node.end("t1")
    assert ended["state"] == "TASK_KILLED"
    assert ended["message"] == "shut down: the agent requested it: drained, ended with exit code 143"
    assert node.exited() == 0


def test_sigterm_drains(start: Start) -> None:
    node = start()
    _run(node, make_launch())
    os.kill(_executor_pid(node), signal.SIGTERM)
    ended = node.end("t1")
    assert ended["message"] == "shut down: the executor received SIGTERM: drained, ended with exit code 143"
    assert node.exited() == 0


def test_an_executor_that_is_killed_takes_cassandra_with_it(start: Start) -> None:
    node = start()
    _run(node, make_launch())
    os.kill(_executor_pid(node), signal.SIGKILL)
    assert node.exited() == signal.SIGKILL
    assert node.end("t1")["state"] == "TASK_FAILED"
    wait_for("Cassandra to end", lambda: _gone(node))
    node.launch(make_launch(), "t2")
    node.until("t2", mode="NORMAL")


def test_a_kill_uses_the_policy_of_the_call(start: Start) -> None:
    node = start()
    _run(node, make_launch("-Dstandin.term=ignore"))
    node.kill("t1", grace=0.5)
    assert node.end("t1")["message"] == "killed: drained, ended with signal SIGKILL"
    assert "then 0.5 s to end" in node.stderr()


@pytest.mark.parametrize(
    ("changes", "volume", "words"),
    [
        ({"bundle": "nowhere"}, True, "bundle: the Cassandra bundle is missing"),
        ({"java_home": "/nowhere"}, True, "java: Java is missing: /nowhere/bin/java"),
        ({}, False, "volume: the persistent volume is missing"),
        ({"options": {"rpc_address": "0.0.0.0"}}, True, "options: cassandra.yaml: the executor sets rpc_address"),
        ({"version": 2}, True, "launch data: launch data has version 2, this executor knows 1"),
    ],
)
def test_a_launch_that_cannot_work_says_why(start: Start, changes: dict[str, object], volume: bool, words: str) -> None:
    node = start()
    node.launch(make_launch(**changes), "t1", volume)
    ended = node.end("t1")
    assert ended["state"] == "TASK_FAILED"
    assert ended["message"].startswith(words)
    assert node.exited() == 0


def test_launch_data_of_another_world(start: Start) -> None:
    node = start()
    node.launch(base64.b64encode(json.dumps({**asdict(make_launch()), "ports": 5}).encode()).decode(), "t1")
    assert node.end("t1")["message"] == "launch data: ports is not an object"
    assert node.exited() == 0


def test_a_message_that_cannot_be_read_is_ignored(start: Start) -> None:
    node = start()
    pid = _run(node, make_launch())
    node.master.send("FRAMEWORK_MESSAGE", {**IDS, "data": "bm90IGpzb24="})
    assert node.query("q").status.pid == pid


def test_what_an_executor_wrote_that_could_not_begin_is_read_from_its_sandbox(start: Start, tmp_path: Path) -> None:
    """As the scheduler reads it, from the agent's own endpoint for files and by the path that every agent knows."""
    node = start()
    without_executor = Node(node.agent, node.master, (_stand_in_bundle(tmp_path / "alone"),))
    without_executor.launch(make_launch(), "t1")
    ended = without_executor.end("t1")
    assert (ended["state"], ended["reason"]) == ("TASK_FAILED", "REASON_EXECUTOR_TERMINATED")
    url = f"http://{node.agent.ip}:{node.agent.port}"
    words = read(Sandbox("t1", FRAMEWORK["id"]["value"], "e1", node.agent.ip, url))
    assert words.startswith("its last words: ")
    assert "executor" in words.removeprefix("its last words: "), words
