"""The executors and Cassandra nodes under a local cluster's agents, found by the sandbox that Mesos gave them.

As under Mesos they do not end with their agent, so a stop of the cluster stops them one by one.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devcluster.processes import Process, environment, program, running, send, wait_ended

_POLL_SECONDS = 0.1
_KILL_SECONDS = 10.0
_LINGER_SECONDS = 10.0


@dataclass(frozen=True)
class _Found:
    process: Process
    parent: int


def find(directory: Path) -> list[Process]:
    """Return every process whose sandbox is in `directory`: executors, their Cassandra and its children."""
    return [found.process for found in _find(directory)]


def _find(directory: Path) -> list[_Found]:
    return [
        _Found(process, parent)
        for process, parent in running()
        if (sandbox := environment(process).get("MESOS_DIRECTORY")) and Path(sandbox).is_relative_to(directory)
    ]


def stop(directory: Path, seconds: float, progress: Callable[[int], object]) -> bool:
    """End them in order: SIGTERM to the topmost ones, which drain and stop their Cassandra; at the end SIGKILL.

    A process that its parent left behind becomes a topmost one and gets its SIGTERM then. `progress` is called with
    the number of processes still running when it changes.

    Returns:
        True if no Cassandra had to be killed.
    """
    deadline = time.monotonic() + seconds
    signalled: set[Process] = set()
    count = -1
    while found := _find(directory):
        if len(found) != count:
            count, changed_at = len(found), time.monotonic()
            progress(count)
        if time.monotonic() > deadline:
            _kill(found)
            return False
        if time.monotonic() > changed_at + _LINGER_SECONDS and not any(_is_java(item.process) for item in found):
            # The executor's Cassandra has ended; its last update waits for an agent that does not run.
            _kill(found)
        for item in _topmost(found):
            if item.process not in signalled:
                send(item.process, signal.SIGTERM)
                signalled.add(item.process)
        time.sleep(_POLL_SECONDS)
    return True


def _topmost(found: list[_Found]) -> list[_Found]:
    pids = {item.process.pid for item in found}
    return [item for item in found if item.parent not in pids]


def _is_java(process: Process) -> bool:
    return program(process) == "java"


def _kill(found: list[_Found]) -> None:
    for item in found:
        send(item.process, signal.SIGKILL)
    wait_ended([item.process for item in found], _KILL_SECONDS)
