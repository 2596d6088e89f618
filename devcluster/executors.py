"""The executors and Cassandra nodes under a local cluster's agents, found by the sandbox that Mesos gave them.

Like under Mesos they do not end with their agent, so stopping a cluster means to stop them one by one.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from devcluster.processes import Process, Stat, environment, running, send, wait_ended

_POLL_SECONDS = 0.1
_KILL_SECONDS = 10.0


@dataclass(frozen=True)
class _Found:
    process: Process
    stat: Stat


def find(directory: Path) -> list[Process]:
    """Every process whose sandbox lies in `directory`: executors, their Cassandra and what these started."""
    return [found.process for found in _find(directory)]


def _find(directory: Path) -> list[_Found]:
    return [
        _Found(process, seen)
        for process, seen in running()
        if (sandbox := environment(process).get("MESOS_DIRECTORY")) and Path(sandbox).is_relative_to(directory)
    ]


def stop(directory: Path, seconds: float, progress: Callable[[int], object]) -> bool:
    """End them in order: SIGTERM to the topmost ones, which drain and stop their Cassandra; in the end SIGKILL.

    A process that its parent left behind becomes a topmost one and gets its SIGTERM then. `progress` is called with
    the number of processes still running when it changes. True if none had to be killed.
    """
    deadline = time.monotonic() + seconds
    told: set[Process] = set()
    count = -1
    while found := _find(directory):
        if time.monotonic() > deadline:
            return _kill(directory)
        pids = {item.process.pid for item in found}
        for item in found:
            if item.stat.parent not in pids and item.process not in told:
                send(item.process, signal.SIGTERM)
                told.add(item.process)
        if len(found) != count:
            count = len(found)
            progress(count)
        time.sleep(_POLL_SECONDS)
    return True


def _kill(directory: Path) -> bool:
    left = find(directory)
    for process in left:
        send(process, signal.SIGKILL)
    wait_ended(left, _KILL_SECONDS)
    return False
