"""Small disks for tests, which fill up and break as those of nodes do. They are mounted, which takes root."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_FILLER = "filler"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Disk:
    """A disk of its own at `directory`."""

    directory: Path

    def fill(self, leave: int) -> None:
        """Take all room but for so many bytes; others may take some of it meanwhile."""
        left = self.room() - leave
        with open(self.directory / _FILLER, "ab", buffering=0) as file:
            while left > 0:
                try:
                    left -= file.write(bytes(min(left, _CHUNK)))
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    return

    def empty(self) -> None:
        """Give that room back."""
        (self.directory / _FILLER).unlink(missing_ok=True)

    def room(self) -> int:
        """Return the free bytes."""
        found = os.statvfs(self.directory)
        return found.f_bavail * found.f_frsize

    def set_writable(self, writable: bool) -> None:
        """Remount the disk, as the kernel does with one that has failed."""
        _run("mount", "-o", f"remount,{'rw' if writable else 'ro'}", str(self.directory))


class CannotMountError(Exception):
    """A mount that is not permitted here."""


@contextmanager
def small_disk(directory: Path, megabytes: int) -> Iterator[Disk]:
    """Mount a disk in memory at a directory, which is made; CannotMountError if that is not permitted."""
    directory.mkdir(parents=True, exist_ok=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(directory))
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        raise CannotMountError(getattr(error, "stderr", str(error))) from error
    try:
        yield Disk(directory)
    finally:
        # Lazily: what still holds a file of it must not keep it in the tree.
        _run("umount", "--lazy", str(directory))


def _run(*command: str) -> None:
    subprocess.run(command, capture_output=True, text=True, check=True)
