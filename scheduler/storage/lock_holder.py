"""The holder of the lock, as a text that identifies its process.

A dead scheduler's lock stays until its session times out. A successor on the same machine sees that the process has
ended and does not wait. An example:
`host-1 pid 4711 (started at tick 123 of boot 5f0c…, pid namespace pid:[4026531836])`
"""

from __future__ import annotations

import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

_TEXT = re.compile(r"(\S+) pid (\d+) \(started at tick (\d+) of boot (\S+), pid namespace (\S+)\)")


@dataclass(frozen=True)
class Holder:
    """A process. A pid identifies it only within one boot of its machine, and within its pid namespace there."""

    host: str
    pid: int
    started: int
    boot: str
    namespace: str

    def __str__(self) -> str:
        return (
            f"{self.host} pid {self.pid} "
            f"(started at tick {self.started} of boot {self.boot}, pid namespace {self.namespace})"
        )


def this_process() -> Holder:
    """Return the running process as a holder."""
    pid = os.getpid()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = str(Path("/proc/self/ns/pid").readlink())
    return Holder(socket.gethostname(), pid, _started(pid) or 0, boot, namespace)


def parse_holder(text: str) -> Holder | None:
    """Parse a holder from the text that `str` makes of it; None for any other text."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    host, pid, started, boot, namespace = found.groups()
    return Holder(host, int(pid), int(started), boot, namespace)


def is_dead(holder: Holder, seen_from: Holder) -> bool:
    """Return whether that process has surely ended; False if that cannot be known."""
    if (holder.host, holder.boot, holder.namespace) != (seen_from.host, seen_from.boot, seen_from.namespace):
        return False
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return _started(holder.pid) != holder.started


def _started(pid: int) -> int | None:
    """Return when the process started, in clock ticks since boot; None if it has ended, reaped or not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before can contain anything
    return None if fields[0] in "ZX" else int(fields[19])
