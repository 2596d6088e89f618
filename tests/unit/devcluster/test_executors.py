"""Stopping the nodes under a cluster's agents: shells stand in for executors and Cassandra."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from devcluster import executors, processes
from devcluster.processes import Process, ProcessTable

# An executor that ends its child before itself, as the real one does.
_EXECUTOR = """
import signal, subprocess, sys
child = subprocess.Popen(["sleep", "60"])
def stop(number, frame):
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True)
try:
    child.wait()
    print("the child ended first", flush=True)
    signal.pause()
finally:
    child.terminate()
    child.wait()
"""


def start(table: ProcessTable, name: str, sandbox: Path, command: list[str]) -> Process:
    sandbox.mkdir(parents=True, exist_ok=True)
    process = table.start(name, command, {**os.environ, "MESOS_DIRECTORY": str(sandbox)})
    table.wait_ready(name, lambda: "up" in table.log(name).read_text(), 10.0)
    return process


def ignore(count: int) -> None:
    del count


def test_executors_are_told_and_their_children_are_left_to_them(tmp_path: Path) -> None:
    table = ProcessTable(tmp_path / "table")
    agents = tmp_path / "agents"
    ours = start(table, "ours", agents / "1" / "sandbox", [sys.executable, "-c", _EXECUTOR])
    foreign = start(table, "foreign", tmp_path / "agents-of-another", [sys.executable, "-c", _EXECUTOR])
    assert ours in executors.find(agents)
    assert len(executors.find(agents)) == 2
    counts: list[int] = []
    assert executors.stop(agents, 20.0, counts.append)
    assert counts[0] == 2
    assert not processes.is_alive(ours)
    assert "the child ended first" not in table.log("ours").read_text()
    assert processes.is_alive(foreign)
    assert executors.stop(tmp_path / "agents-of-another", 20.0, ignore)


def test_what_a_dead_executor_left_behind_is_stopped_too(tmp_path: Path) -> None:
    table = ProcessTable(tmp_path / "table")
    start(table, "shell", tmp_path / "agents" / "1", ["/bin/sh", "-c", "sleep 60 & echo up; wait"])
    assert executors.stop(tmp_path / "agents", 20.0, ignore)
    assert executors.find(tmp_path / "agents") == []


def test_an_executor_that_waits_for_an_agent_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "_LINGER_SECONDS", 0.2)
    table = ProcessTable(tmp_path / "table")
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = start(table, "deaf", tmp_path / "agents" / "1", [sys.executable, "-c", deaf])
    assert executors.stop(tmp_path / "agents", 20.0, ignore)
    assert not processes.is_alive(process)


def test_one_that_does_not_end_is_killed_and_that_is_told(tmp_path: Path) -> None:
    table = ProcessTable(tmp_path / "table")
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    process = start(table, "deaf", tmp_path / "agents" / "1", [sys.executable, "-c", deaf])
    assert not executors.stop(tmp_path / "agents", 0.3, ignore)
    assert not processes.is_alive(process)


def test_nothing_to_stop(tmp_path: Path) -> None:
    assert executors.stop(tmp_path / "agents", 5.0, ignore)
