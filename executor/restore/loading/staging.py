"""The staging directory, where files wait until Cassandra takes them: on the volume, but never in its data."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


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
