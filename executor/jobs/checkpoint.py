"""A job's checkpoint on the node's volume for its next attempt: one small file for each operation and job."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from executor import whole_file
from executor.jobs.context import JobError

# For an operation without an attempt for this time.
KEPT_SECONDS = 30 * 24 * 3600.0
_STEP = "checkpoint"


@dataclass(frozen=True)
class Checkpoint:
    """The file of one operation's job in `directory`."""

    directory: Path
    operation: str
    job: str

    @property
    def path(self) -> Path:
        """Return the file's path."""
        return self.directory / f"{self.operation}.{self.job}.json"

    def load(self) -> Mapping[str, Any]:
        """Return the saved content; empty if there is none. Raises JobError if it cannot be read."""
        try:
            saved = json.loads(self.path.read_text())
            if not isinstance(saved, dict):
                raise ValueError("it is not a JSON object")
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise JobError(_STEP, f"{self.path.name} cannot be read: {error}; remove the file to start over") from error
        return saved

    def save(self, content: Mapping[str, Any]) -> None:
        """Write the content, whole or not at all. Raises JobError."""
        try:
            self.directory.mkdir(exist_ok=True)
            whole_file.write(self.path, json.dumps(content).encode())
        except OSError as error:
            raise JobError(_STEP, f"{self.path.name} cannot be written: {error}") from error

    def remove(self) -> None:
        """Remove the file, as no attempt follows, and those of operations without an attempt for KEPT_SECONDS."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
            for other in self.directory.glob("*.json"):
                if time.time() - other.stat().st_mtime > KEPT_SECONDS:
                    other.unlink(missing_ok=True)
