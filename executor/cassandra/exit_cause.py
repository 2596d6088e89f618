"""The cause of a Cassandra process' end: its exit code and the last errors of its log, in a few lines."""

from __future__ import annotations

import os
import re
import signal
import time
from datetime import datetime
from itertools import pairwise, takewhile
from pathlib import Path

MAXIMUM = 2048  # characters of a cause
# Cassandra does not start with less, and a flush of its memtables needs more.
LITTLE_ROOM = 64 * 1024 * 1024

_TAIL = 64 * 1024
_JUST_BEFORE = 60.0  # seconds
# Signals of a process' own faults, and those at which the JVM ends in an orderly way.
_FAULTS = {signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV, signal.SIGSYS, signal.SIGTRAP}
_OBEYED = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM}
_LEAST = 100  # characters of an error that say something
_ENTRY = re.compile(r"^(TRACE|DEBUG|INFO|WARN|ERROR)\s+\[", re.MULTILINE)
# The date is local time of the process, whose zone is not known here.
_DATE = re.compile(r"^[A-Z]+\s+\[.*?\] (\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)")
_FRAME = re.compile(r"^\s+at |^\s+\.\.\. \d+ (more|common frames)")


def describe_exit(code: int) -> str:
    """Return a sentence for a wait status of subprocess: an exit code, or a signal's negative number.

    Example: `exit code 143`, `signal SIGKILL`.
    """
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def cause(log: Path, output: Path, crash: Path, code: int | None = None) -> str:
    """Return the last errors of Cassandra's log and of the JVM's crash report, else the end of its output.

    A signal from outside needs no error, so old ones are not its cause: after one only those of the last minute count.

    Args:
        log: Cassandra's log.
        output: The file with its standard output.
        crash: The JVM's crash report.
        code: The wait status, as of `describe_exit`, of a process that ended now; None if this executor ended it.

    Returns:
        At most MAXIMUM characters; can be empty.
    """
    name = "" if code is None else _signal_from_outside(code)
    if name:
        words = [shorten(_errors_just_before(log, time.time())), _crash(crash)]
        return shorten("\n".join(filter(None, words)) or _no_error(name))
    words = [logged_errors(log), _crash(crash)]
    return shorten("\n".join(filter(None, words)) or _without_frames(_tail(output)))


def _signal_from_outside(code: int) -> str:
    """Return the signal that another process, or the kernel, sent; empty if the process ended by itself.

    The JVM ends with 128 and the number of a signal that it obeys.
    """
    number = -code if code < 0 else code - 128
    if number in _FAULTS or (code >= 0 and number not in _OBEYED):
        return ""
    return describe_exit(-number).removeprefix("signal ")


def _no_error(name: str) -> str:
    words = f"no error was logged in its last minute; its executor did not send {name}"
    return f"{words}: the kernel sends it if memory runs out" if name == "SIGKILL" else words


def logged_errors(log: Path) -> str:
    """Return the last errors of Cassandra's log; can be empty."""
    return shorten(last_errors(_tail(log)))


def shortage(volume: Path) -> str:
    """Return a sentence about too little free space on the disk of a volume; empty if there is enough.

    The sentence has no numbers that change, so that it is reported once.
    """
    try:
        disk = os.statvfs(volume)
    except OSError:
        return ""
    if disk.f_bavail * disk.f_frsize >= LITTLE_ROOM:
        return ""
    size = disk.f_blocks * disk.f_frsize
    return f"the disk of its volume is full: less than {LITTLE_ROOM >> 20} MB of {size >> 20} MB are free"


def last_errors(text: str) -> str:
    """Return the last three ERROR entries of a log with their exceptions, without stack frames."""
    return "\n".join(dict.fromkeys(_errors(text)[-3:]))


def shorten(text: str, length: int = MAXIMUM) -> str:
    """Return the end of a text, which has the cause, if it is longer than `length`."""
    return text if len(text) <= length else f"…{text[1 - length :]}"


class FirstErrors:
    """The errors with which a state of Cassandra began: no later one takes their place, and no rotation of the log.

    The exception that is the cause is logged a moment after the state begins. What follows are mostly its consequences.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._words = ""

    def read(self, log: Path) -> str:
        """Return the last errors as of the first call, and the next ones as far as there is room; can be empty."""
        text = _tail(log)
        if not self._words:
            self._words = shorten(last_errors(text), MAXIMUM // 2)
            self._seen.update(_errors(text))
        for error in _errors(text):
            left = MAXIMUM - len(self._words) - 1
            if error not in self._seen and left >= _LEAST:
                self._words += f"\n{shorten(error, left)}"
                self._seen.add(error)
        return self._words


def _errors_just_before(log: Path, end: float) -> str:
    """Return the last errors of a log that are at most a minute older than `end`, or whose age is not known.

    The file's time of change is that of its last entry: so no zone of time is needed.
    """
    try:
        since = end - log.stat().st_mtime
    except OSError:
        return ""
    entries = _entries(_tail(log))
    last = next(filter(None, map(_date, reversed(entries))), None)
    found = []
    for entry in entries:
        at = _date(entry)
        age = 0.0 if at is None or last is None else since + (last - at).total_seconds()
        if entry.startswith("ERROR") and age <= _JUST_BEFORE:
            found.append(_without_frames(entry))
    return "\n".join(dict.fromkeys(found[-3:]))


def _date(entry: str) -> datetime | None:
    """Return the date of an entry, None if it is cut or has none."""
    match = _DATE.match(entry)
    try:
        return None if match is None else datetime.fromisoformat(match[1])
    except ValueError:
        return None


def _entries(text: str) -> list[str]:
    """Return the entries of a log; what comes before the first is the rest of one that was cut."""
    starts = [*(match.start() for match in _ENTRY.finditer(text)), len(text)]
    return [text[start:end] for start, end in pairwise(starts)]


def _errors(text: str) -> list[str]:
    """Return all ERROR entries of a log with their exceptions, without stack frames."""
    return [_without_frames(entry) for entry in _entries(text) if entry.startswith("ERROR")]


def _crash(report: Path) -> str:
    """Return the head of a JVM's crash report: the signal and its location. The rest of the head are hints."""
    try:
        with report.open(errors="replace") as file:
            head = file.read(4096)
    except OSError:
        return ""
    lines = (line.lstrip("# ").rstrip() for line in head.splitlines() if line.startswith("#"))
    return "\n".join(line for line in takewhile(lambda line: "core dump" not in line.lower(), lines) if line)


def _without_frames(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip() and not _FRAME.match(line))


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
