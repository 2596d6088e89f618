"""The memory that a process of this container can still take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_PROC = Path("/proc")
# By version of the kernel's control groups: the file of the limit, and the memory that the kernel cannot reclaim.
_VERSIONS = {
    1: ("memory.limit_in_bytes", ("total_rss", "total_shmem")),
    2: ("memory.max", ("anon", "shmem", "kernel_stack", "slab_unreclaimable")),
}


def free_bytes(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """Return the free bytes: the least of the machine's and of what this process' control groups leave.

    Memory that only caches files counts as free, since the kernel reclaims it. None if the machine does not report it.
    """
    found = re.search(r"^MemAvailable:\s+(\d+) kB", _read(proc / "meminfo"), re.MULTILINE)
    if found is None:
        return None
    return max(0, min([int(found[1]) << 10, *_left(proc, cgroups)]))


def _left(proc: Path, cgroups: Path) -> Iterator[int]:
    for line in _read(proc / "self" / "cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        version, root = (1, cgroups / "memory") if controllers else (2, cgroups)
        limit_file, parts = _VERSIONS[version]
        # In a container the group's own path is often the root of the mounted file system.
        inner = Path(path.lstrip("/"))
        for group in (root / inner, *(root / parent for parent in inner.parents)):
            limit = _read(group / limit_file).strip()
            if limit.isdigit():
                yield int(limit) - _fixed(_read(group / "memory.stat"), parts)


def _fixed(stat: str, parts: tuple[str, ...]) -> int:
    values = dict(line.split(" ", 1) for line in stat.splitlines() if " " in line)
    return sum(int(values.get(part, "0")) for part in parts)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
