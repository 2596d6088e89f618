"""Processes that this agent started, or that an earlier run of it did: identity, end, and killing a whole container.

A pid alone is no identity: the number is used again. A process is known by pid, start time and boot id, and
nothing is signalled unless all three still fit.
"""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from localmesos.processes import boot_id, find_process, is_zombie

UNKNOWN_STATUS = -1
"""Wait status of a process whose end only its (dead) parent could have read."""


@dataclass(frozen=True)
class Identity:
    """A process for ever: ``start_time`` is in clock ticks after the boot named by ``boot_id``."""

    pid: int
    start_time: int
    boot_id: str


@dataclass(frozen=True)
class Entry:
    """One line of the process table that matters here; ``session`` and ``group`` are pids."""

    pid: int
    parent: int
    group: int
    session: int
    start_time: int
    zombie: bool


def read_entry(pid: int) -> Entry | None:
    """Return the process table's entry of `pid`, None if there is none."""
    try:
        process, start_time = find_process(pid)
        with process.oneshot():
            parent, zombie = process.ppid(), is_zombie(process)
        return Entry(pid, parent, os.getpgid(pid), os.getsid(pid), start_time, zombie)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return None


def identify(pid: int) -> Identity:
    """Identity of a process just started; ProcessLookupError when it does not exist."""
    entry = read_entry(pid)
    if entry is None:
        raise ProcessLookupError(pid)
    return Identity(pid, entry.start_time, boot_id())


def is_alive(identity: Identity) -> bool:
    """Whether that very process runs (a zombie does not)."""
    if identity.boot_id != boot_id():
        return False
    entry = read_entry(identity.pid)
    return entry is not None and entry.start_time == identity.start_time and not entry.zombie


def _table() -> list[Entry]:
    entries = map(read_entry, psutil.pids())
    return [entry for entry in entries if entry is not None and not entry.zombie]


def container_members(identity: Identity | None, sandbox: Path) -> list[Entry]:
    """Live processes of a container: the leader's session, group and descendants, and all that have the sandbox's
    path in their environment, which finds those that left the session (a cgroup would hold them, too).

    The leader's numbers count only while they cannot mean another process: the kernel gives a pid out again only
    when no session and no group bears that number any more.
    """
    table = _table()
    marker = f"MESOS_SANDBOX={sandbox}".encode()
    found = {e.pid: e for e in table if marker in _environment(e.pid)}
    if identity is not None and identity.boot_id == boot_id():
        leader = read_entry(identity.pid)
        if leader is None or leader.start_time == identity.start_time:
            numbers = (e for e in table if e.start_time >= identity.start_time)
            found |= {e.pid: e for e in numbers if identity.pid in (e.pid, e.session, e.group)}
    grown = True
    while grown:
        more = {e.pid: e for e in table if e.pid not in found and e.parent in found}
        found |= more
        grown = bool(more)
    return list(found.values())


def _environment(pid: int) -> list[bytes]:
    try:
        # psutil's reading ends where a program has overwritten its environment with its title; the rest counts, too.
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def find_leader(sandbox: Path) -> Identity | None:
    """The executor started in this sandbox, for an agent that was killed before it could write the pid down."""
    for entry in container_members(None, sandbox):
        if entry.pid == entry.session:
            return Identity(entry.pid, entry.start_time, boot_id())
    return None


def kill_container(identity: Identity | None, sandbox: Path) -> None:
    """SIGKILL to every process of the container; those that fork meanwhile are caught by the next rounds."""
    for _ in range(3):
        members = container_members(identity, sandbox)
        if not members:
            return
        for entry in members:
            _signal_entry(entry, signal.SIGKILL)


def _signal_entry(entry: Entry, number: signal.Signals) -> None:
    try:
        descriptor = os.pidfd_open(entry.pid)
    except ProcessLookupError:
        return
    try:
        # The descriptor pins the process, so that this check and the signal mean the same one.
        now = read_entry(entry.pid)
        if now is not None and now.start_time == entry.start_time:
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(descriptor)


def raw_wait_status(returncode: int) -> int:
    """subprocess' return code as the raw wait status that Mesos reports (exit 3 is 768, SIGKILL is 9)."""
    return -returncode if returncode < 0 else returncode << 8


class ExitWatch:
    """Calls `on_exit` once with the raw wait status when the process ends.

    The process may be a child (`child` given: it is reaped, its status known) or one that outlived an earlier
    agent (status ``UNKNOWN_STATUS``). The call comes `delay` seconds later.
    """

    def __init__(
        self,
        identity: Identity,
        child: subprocess.Popen[bytes] | None,
        on_exit: Callable[[int], None],
        delay: float = 0.0,
    ) -> None:
        self._child = child
        self._delay = delay
        self._on_exit = on_exit
        self._loop = asyncio.get_running_loop()
        self._descriptor: int | None = None
        self._pending: asyncio.Handle | None = None
        try:
            self._descriptor = os.pidfd_open(identity.pid)
        except ProcessLookupError:
            self._pending = self._loop.call_soon(self._ended)
            return
        if child is None and not is_alive(identity):
            # The number went to another process between the check of the caller and ours.
            self.close()
            self._pending = self._loop.call_soon(self._ended)
            return
        self._loop.add_reader(self._descriptor, self._ended)

    def _ended(self) -> None:
        self.close()
        status = UNKNOWN_STATUS if self._child is None else raw_wait_status(self._child.wait())
        self._pending = self._loop.call_later(self._delay, self._on_exit, status)

    def close(self) -> None:
        """Stop watching; the process is left as it is."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
