"""The processes of containers, started by this run of the agent or an earlier one: identity, end and kill.

A pid alone is no identity, because the kernel uses the number again. Only a process whose pid, start time and boot id
all match is signalled.
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
    """One process: ``start_time`` is in clock ticks after the boot named by ``boot_id``."""

    pid: int
    start_time: int
    boot_id: str


@dataclass(frozen=True)
class Entry:
    """One entry of the process table; ``session`` and ``group`` are pids."""

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
    """Return the identity of a process just started.

    Raises:
        ProcessLookupError: no process has that id.
    """
    entry = read_entry(pid)
    if entry is None:
        raise ProcessLookupError(pid)
    return Identity(pid, entry.start_time, boot_id())


def is_alive(identity: Identity) -> bool:
    """Return whether that very process runs; a zombie does not."""
    if identity.boot_id != boot_id():
        return False
    entry = read_entry(identity.pid)
    return entry is not None and entry.start_time == identity.start_time and not entry.zombie


def _table() -> list[Entry]:
    entries = map(read_entry, psutil.pids())
    return [entry for entry in entries if entry is not None and not entry.zombie]


def container_members(identity: Identity | None, sandbox: Path) -> list[Entry]:
    """Return the live processes of a container.

    They are the leader's session, group and descendants, and every process that has the sandbox's path in its
    environment. The last finds those that left the session; a cgroup would hold them, too.

    The leader's numbers count only while they cannot mean another process: the kernel uses a pid again only when no
    session and no group has that number.
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
    """Return the executor started in this sandbox, for an agent that was killed before it could store the pid."""
    for entry in container_members(None, sandbox):
        if entry.pid == entry.session:
            return Identity(entry.pid, entry.start_time, boot_id())
    return None


def kill_container(identity: Identity | None, sandbox: Path) -> None:
    """Send SIGKILL to every process of the container; later rounds find those that fork meanwhile."""
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
    """Return subprocess' return code as Mesos' raw wait status: exit 3 is 768, SIGKILL is 9."""
    return -returncode if returncode < 0 else returncode << 8


class ExitWatch:
    """A watch that calls `on_exit` once with the raw wait status when the process ends.

    The process can be a child (`child` is set: it is reaped, its status known) or one that outlived an earlier agent
    (status ``UNKNOWN_STATUS``). The call comes `delay` seconds later.
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
        """Stop watching; the process stays as it is."""
        if self._pending is not None:
            self._pending.cancel()
            self._pending = None
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
