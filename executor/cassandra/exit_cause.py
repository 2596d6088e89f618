"""Why a Cassandra process ended: its exit code and the last errors of its log, in a few lines for the operator."""

from __future__ import annotations

import os
import re
import signal
from itertools import pairwise, takewhile
from pathlib import Path

MAXIMUM = 2048  # characters of a cause
# Cassandra does not start with less, and a flush of its memtables takes more.
LITTLE_ROOM = 64 * 1024 * 1024

_TAIL = 64 * 1024
_ENTRY = re.compile(r"^(TRACE|DEBUG|INFO|WARN|ERROR)\s+\[", re.MULTILINE)
_FRAME = re.compile(r"^\s+at |^\s+\.\.\. \d+ (more|common frames)")


def describe_exit(code: int) -> str:
    """A wait status as subprocess gives it: an exit code, or a signal's negative number."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def cause(log: Path, output: Path, crash: Path) -> str:
    """The last errors of Cassandra's log and the JVM's word of its crash, else the end of what was printed.

    At most MAXIMUM characters, may be empty.
    """
    words = [logged_errors(log), _crash(crash)]
    return shorten("\n".join(filter(None, words)) or _without_frames(_tail(output)))


def logged_errors(log: Path) -> str:
    """The last errors of Cassandra's log; may be empty."""
    return shorten(last_errors(_tail(log)))


def shortage(volume: Path) -> str:
    """That there is too little room on the disk of a volume; empty if there is enough.

    Without numbers that change: it is news once.
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
    """The ERROR entries of a log with their exceptions, stack frames left out; the last three of them."""
    starts = [*(match.start() for match in _ENTRY.finditer(text)), len(text)]
    entries = [text[start:end] for start, end in pairwise(starts)]
    errors = [_without_frames(entry) for entry in entries if entry.startswith("ERROR")]
    return "\n".join(dict.fromkeys(errors[-3:]))


def shorten(text: str) -> str:
    """The end of a text, where the cause is, if it is longer than MAXIMUM."""
    return text if len(text) <= MAXIMUM else f"…{text[1 - MAXIMUM :]}"


def _crash(report: Path) -> str:
    """The head of what a JVM wrote when it crashed: the signal and where it was. It ends with hints."""
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
