"""The command lines of processes that may end at any moment."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def command_line(pid: int) -> bytes:
    """Return the arguments of a process, each with a NUL at its end; nothing if it has ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def arguments(pid: int) -> list[str]:
    """Return the arguments of a process; without any if it has ended."""
    return command_line(pid).decode().split("\0")
