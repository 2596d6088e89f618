"""The staging directory, where files wait until Cassandra takes them: on the volume, but never in its data."""

from __future__ import annotations

import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class OutsideError(OSError):
    """A path that does not lie in the staging directory; the text names it."""


def prepare(root: Path, directory: Path) -> Path:
    """Make a directory below `root` and return it. Raises OutsideError if it, or a way to it, lies anywhere else."""
    root.mkdir(parents=True, exist_ok=True)
    found = root.resolve(strict=True)
    for part in _parts(root, directory):
        found /= part
        found.mkdir(exist_ok=True)
        if not stat.S_ISDIR(found.lstat().st_mode):
            raise OutsideError(f"{found} is no directory of its own: a restore does not follow links")
    return directory


def file_in(directory: Path, name: str) -> Path:
    """Return the path of a file in a directory. Raises OutsideError for a name that leads elsewhere."""
    if _parts(directory, directory / name) != (name,):
        raise OutsideError(f"{name!r} is no name of a file in {directory}")
    found = directory / name
    if found.is_dir() and not found.is_symlink():
        raise OutsideError(f"{found} is a directory, and is to be a file")
    return found


def _parts(root: Path, path: Path) -> tuple[str, ...]:
    """Return the names that lead from a directory to what is to lie in it."""
    parts = path.parts[len(root.parts) :]
    if path.parts[: len(root.parts)] != root.parts or not parts or any(part == ".." for part in parts):
        raise OutsideError(f"{str(path)!r} does not lie in {root}")
    if any("\0" in part for part in parts):
        raise OutsideError(f"{str(path)!r} holds a NUL character")
    return parts


@dataclass(frozen=True)
class OperationDirectory:
    """A directory of one operation on one node's volume, beside those of other operations."""

    name: ClassVar[str]
    scratch: Path
    operation: str

    @property
    def directory(self) -> Path:
        """Return its path, which can be missing."""
        return self.scratch / self.name / self.operation

    def sweep(self) -> None:
        """Remove other operations' directories: those of restores whose executor was killed and that were given up."""
        others = self.scratch / self.name
        for path in others.iterdir() if others.is_dir() else ():
            if path.name != self.operation:
                shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass(frozen=True)
class Staging(OperationDirectory):
    """The staging directory of one restore on one node."""

    name = "restore"
