"""The persistent volume: its directories, and the lock that lets one Cassandra at a time use it.

The lock is a file lock that the Cassandra process itself holds, through an inherited descriptor. The kernel frees it
when that process ends, however it ends, and no earlier. The file's text only names the holder.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

# Cassandra's directories, and ours for maintenance jobs.
DIRECTORIES = ("data", "commitlog", "saved_caches", "hints", "cdc_raw", "maintenance")
LOCK_FILE = "cassandra.lock"
# Of the directories in `maintenance` in which settings are checked.
CHECK_PREFIX = "settings-"

_LOG = logging.getLogger(__name__)
_POLL = 0.1
_OF_OTHERS = 0o027


class VolumeError(Exception):
    """The volume cannot be used; the text gives the cause."""


@dataclass(frozen=True)
class Process:
    """A unique identification of a process: its pid and its start time in clock ticks since boot."""

    pid: int
    started: int

    def alive(self) -> bool:
        """Return whether this process still runs."""
        found = start_time(self.pid)
        return found is not None and found == self.started


@dataclass(frozen=True)
class Holder:
    """The holder of the lock: Cassandra's process and the executor that started it."""

    cassandra: Process
    executor: Process


@dataclass
class VolumeLock:
    """The open lock file. Cassandra inherits its descriptor; `close` then ends this process' share in the lock."""

    descriptor: int

    def record(self, holder: Holder) -> None:
        """Write the holder of the lock into the file, for the message of a process that waits for it.

        A full disk is no reason to end a Cassandra that runs by now: the lock holds without the text.
        """
        text = json.dumps({"cassandra": vars(holder.cassandra), "executor": vars(holder.executor)})
        try:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, text.encode(), 0)
        except OSError as error:
            _LOG.warning("the holder of the volume's lock cannot be written: %s", error)

    def close(self) -> None:
        """Close the file; the lock is free once no process has it open."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def start_time(pid: int) -> int | None:
    """Return a process' start in clock ticks since boot; None if it has ended, even if no parent has collected it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def this_process() -> Process:
    """Return the calling process."""
    return Process(os.getpid(), start_time(os.getpid()) or 0)


def prepare(volume: Path) -> None:
    """Check that the volume exists and can be written, and create Cassandra's directories in it. Raises VolumeError."""
    if not volume.is_dir():
        raise VolumeError(f"the persistent volume is missing: {volume} is not a directory")
    for name in DIRECTORIES:
        try:
            (volume / name).mkdir(exist_ok=True)
            _close(volume / name)
        except OSError as error:
            raise VolumeError(f"the persistent volume cannot be written: {error}") from error
        if not os.access(volume / name, os.R_OK | os.W_OK | os.X_OK):
            raise VolumeError(
                f"the persistent volume cannot be written: {volume / name} is read-only, or another user's"
            )


def sweep(volume: Path) -> None:
    """Remove what checks of settings have left whose executor was killed; the volume must be locked."""
    for left in (volume / "maintenance").glob(f"{CHECK_PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)


def _close(directory: Path) -> None:
    """Take from others what an earlier version gave them: a look into the data of a node."""
    found = directory.stat()
    if found.st_uid == os.geteuid() and found.st_mode & _OF_OTHERS:
        directory.chmod(found.st_mode & 0o777 & ~_OF_OTHERS)


def lock(volume: Path, patience: float, tell: Callable[[str], None]) -> VolumeLock:
    """Lock the volume for one Cassandra.

    A Cassandra whose executor has died is an orphan. It got SIGTERM when its executor died; it gets SIGTERM once more
    now, and SIGKILL for the last fifth of the time. One whose executor lives is left alone.

    Args:
        volume: The volume's path.
        patience: Seconds to wait for an earlier Cassandra.
        tell: Receives sentences for the log.

    Raises:
        VolumeError: The volume is still in use, or cannot be written.
    """
    try:
        descriptor = os.open(volume / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise VolumeError(f"the persistent volume cannot be written: {error}") from error
    try:
        _wait(descriptor, volume, patience, tell)
    except BaseException:
        os.close(descriptor)
        raise
    return VolumeLock(descriptor)


def _wait(descriptor: int, volume: Path, patience: float, tell: Callable[[str], None]) -> None:
    begin = time.monotonic()
    signals = [(0.0, signal.SIGTERM), (patience * 0.8, signal.SIGKILL)]
    while not _try(descriptor):
        holder = _holder(descriptor)
        waited = time.monotonic() - begin
        if waited >= patience:
            raise VolumeError(f"another Cassandra uses the volume {volume}: {_describe(holder)}")
        if signals and waited >= signals[0][0]:
            _, number = signals.pop(0)
            tell(f"waiting for the volume: {_describe(holder)}")
            _signal_orphan(holder, number)
        time.sleep(_POLL)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> Holder | None:
    try:
        text = json.loads(os.pread(descriptor, 4096, 0))
        return Holder(Process(**text["cassandra"]), Process(**text["executor"]))
    except (ValueError, KeyError, TypeError):
        return None


def _signal_orphan(holder: Holder | None, number: signal.Signals) -> None:
    if holder is None or holder.executor.alive() or not holder.cassandra.alive():
        return
    try:
        os.kill(holder.cassandra.pid, number)
    except ProcessLookupError:
        return


def _describe(holder: Holder | None) -> str:
    if holder is None:
        return "a process without a record holds its lock"
    owner = "still runs" if holder.executor.alive() else "is dead"
    return f"process {holder.cassandra.pid} holds its lock, whose executor (process {holder.executor.pid}) {owner}"
