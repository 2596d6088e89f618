"""Detached processes that outlive the command that started them, and are stopped by their own id only.

A process is known by its id, its start time and its boot, because the system uses a process id again for another
program.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from localmesos.processes import boot_id, find_process, is_zombie

_POLL_SECONDS = 0.05


class StartError(Exception):
    """A process that did not start; the text is for the user."""


@dataclass(frozen=True)
class Process:
    """One process: `start_time` in clock ticks after the boot `boot`."""

    pid: int
    start_time: int
    boot: str


@dataclass(frozen=True)
class ProcessTable:
    """The processes that a cluster started, by name: one record and one log file each."""

    directory: Path

    def log(self, name: str) -> Path:
        """Return the file of that process' output."""
        return self.directory / "logs" / f"{name}.log"

    def _record(self, name: str) -> Path:
        return self.directory / "processes" / f"{name}.json"

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> Process:
        """Start a process in a session of its own, without terminal, appending to its log.

        Raises:
            StartError: the program cannot be run, or ended at once.
        """
        for path in (self.log(name), self._record(name)):
            path.parent.mkdir(parents=True, exist_ok=True)
        log = os.open(self.log(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            pid = os.posix_spawnp(
                command[0],
                list(command),
                dict(environment),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
                setsigdef=[signal.SIGINT, signal.SIGPIPE],
            )
        except OSError as error:
            raise StartError(f"{name} cannot be started: {command[0]}: {error.strerror}") from error
        finally:
            os.close(log)
        return self._keep(name, pid)

    def _keep(self, name: str, pid: int) -> Process:
        try:
            _, start_time = find_process(pid)
        except psutil.NoSuchProcess as error:
            raise StartError(f"{name} ended at once; see {self.log(name)}") from error
        process = Process(pid, start_time, boot_id())
        temporary = self._record(name).with_suffix(".new")
        temporary.write_text(json.dumps(asdict(process)) + "\n")
        temporary.replace(self._record(name))
        return process

    def find(self, name: str) -> Process | None:
        """Return the running process of that name, or None."""
        try:
            process = Process(**json.loads(self._record(name).read_text()))
        except FileNotFoundError:
            return None
        return process if is_alive(process) else None

    def names(self) -> list[str]:
        """Return the names of all records, running or not."""
        return sorted(path.stem for path in (self.directory / "processes").glob("*.json"))

    def forget(self, name: str) -> None:
        """Remove the record of a process that has ended."""
        self._record(name).unlink(missing_ok=True)

    def wait_ready(self, name: str, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until `ready`.

        Raises:
            StartError: the process ended, or was not ready in time; with the last lines of its log.
        """
        deadline = time.monotonic() + seconds
        while not ready():
            if self.find(name) is None:
                raise StartError(f"{name} ended while starting.\n{self.last_lines(name)}")
            if time.monotonic() > deadline:
                raise StartError(f"{name} was not ready after {seconds:.0f} s.\n{self.last_lines(name)}")
            time.sleep(_POLL_SECONDS)

    def last_lines(self, name: str, count: int = 12) -> str:
        """Return the end of a log, indented, with the name of the file; Java's stack frames are left out."""
        try:
            text = self.log(name).read_text(errors="replace")
        except FileNotFoundError:
            text = ""
        lines = [line for line in text.splitlines() if not line.startswith("\tat ")]
        return "\n".join([f"  {self.log(name)}:", *(f"    {line}" for line in lines[-count:])])


def is_alive(process: Process) -> bool:
    """Return whether this very process runs, and collect it if it is an ended child of this one."""
    return _find(process) is not None


def _find(process: Process) -> psutil.Process | None:
    _collect(process.pid)
    with suppress(psutil.NoSuchProcess):
        found, start_time = find_process(process.pid)
        if start_time == process.start_time and process.boot == boot_id() and not is_zombie(found):
            return found
    return None


def stop(processes: Iterable[Process], seconds: float) -> bool:
    """Send SIGTERM to all, then SIGKILL to those that run after `seconds`; return True if none had to be killed."""
    left = [process for process in processes if send(process, signal.SIGTERM)]
    if wait_ended(left, seconds):
        return True
    for process in left:
        send(process, signal.SIGKILL)
    wait_ended(left, 10.0)
    return False


def send(process: Process, number: signal.Signals) -> bool:
    """Send a signal to this very process; return False if it has ended."""
    found = _find(process)
    if found is None:
        return False
    try:
        found.send_signal(number)
    except psutil.NoSuchProcess:
        return False
    return True


def wait_ended(processes: Iterable[Process], seconds: float) -> bool:
    """Wait until all have ended; return False if some still run after `seconds`."""
    deadline = time.monotonic() + seconds
    left = list(processes)
    while left := [process for process in left if is_alive(process)]:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def running() -> Iterator[tuple[Process, int]]:
    """Yield every process of the machine that runs, with its parent's id."""
    boot = boot_id()
    for pid in psutil.pids():
        with suppress(psutil.NoSuchProcess):
            found, start_time = find_process(pid)
            with found.oneshot():
                zombie, parent = is_zombie(found), found.ppid()
            if not zombie:
                yield Process(pid, start_time, boot), parent


def environment(process: Process) -> dict[str, str]:
    """Return the environment that a process was started with; empty if it is not readable or the process has ended."""
    with suppress(psutil.Error):
        return psutil.Process(process.pid).environ()
    return {}


def program(process: Process) -> str:
    """Return the file name of the program that a process runs; empty if the process has ended."""
    with suppress(psutil.Error):
        return Path(psutil.Process(process.pid).exe()).name
    return ""


def python_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", module, *arguments]


def _collect(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # it is another process' child
