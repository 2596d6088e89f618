"""Where files wait until Cassandra takes them: on the volume, beside its data and never in it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


@dataclass(frozen=True)
class OperationDirectory:
    """A directory of one operation on one node's volume, among those of others of its kind."""

    name: ClassVar[str]
    scratch: Path
    operation: str

    @property
    def directory(self) -> Path:
        """Its path; it may not exist."""
        return self.scratch / self.name / self.operation

    def sweep(self) -> None:
        """Remove what other restores left, as one does whose executor was killed and that nobody took up again."""
        others = self.scratch / self.name
        for path in others.iterdir() if others.is_dir() else ():
            if path.name != self.operation:
                shutil.rmtree(path, ignore_errors=True)

    def remove(self) -> None:
        """All of it."""
        shutil.rmtree(self.directory, ignore_errors=True)


@dataclass(frozen=True)
class Staging(OperationDirectory):
    """The staging directory of one restore on one node."""

    name = "restore"
