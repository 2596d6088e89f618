"""The interface between the runner and the jobs: what a job receives and what it can report.

A job is a function `(JobContext) -> Mapping`. It returns its result (small JSON), raises JobError if it failed, and
lets Cancelled pass. It runs on a thread of its own and can block, but calls `check` or `wait` every second or so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from executor.cassandra.install import Surroundings
from executor.cql.encryption import Encryption
from executor.jmx.jolokia import Jolokia
from executor.protocol import JobLaunch, JobProgress


class JobError(Exception):
    """A job failed; the text names the step, the cause in its own words and, if possible, what helps. It has no secret.

    If `hopeless`, another attempt would fail alike (bad credentials, a name that does not exist).
    """

    def __init__(self, step: str, text: str, hopeless: bool = False) -> None:
        super().__init__(f"{step}: {text}")
        self.step = step
        self.hopeless = hopeless


class QuestionError(Exception):
    """A question has no answer. `kind` is unknown (no such thing), invalid (refused, or makes no sense) or failed."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Cancelled(BaseException):
    """The job must stop. Not an Exception, so that no handler of errors swallows it."""


@dataclass(frozen=True)
class NodeFacts:
    """The node that a job works on. `scratch` is our directory on its volume, outside of Cassandra's data.

    `surroundings` are those of its Cassandra's launch: they locate its bundle and its Java.
    `encryption` is that of its native transport, None for plain text.
    """

    name: str
    address: str
    native_port: int
    jolokia: Jolokia
    data_directories: tuple[Path, ...]
    scratch: Path
    surroundings: Surroundings | None = None
    encryption: Encryption | None = None


class JobContext(Protocol):
    """A running job's interface; any thread can use `tell`, `check`, `tuning` and `secrets`."""

    @property
    def launch(self) -> JobLaunch:
        """Return the job's launch."""

    @property
    def node(self) -> NodeFacts:
        """Return the node."""

    @property
    def tuning(self) -> Mapping[str, Any]:
        """Return the newest values that an operator can change while the job runs."""

    def tell(self, progress: JobProgress) -> None:
        """Report the progress; cheap, so that a job can call it as often as anything changes."""

    def check(self) -> None:
        """Raise Cancelled if the job must stop."""

    def wait(self, seconds: float) -> None:
        """Wait for a number of seconds; raise Cancelled if the job must stop."""

    def secrets(self) -> Mapping[str, str]:
        """Return the job's secrets by name, empty if it has none; the scheduler is queried once. Raises JobError."""

    def load(self) -> Mapping[str, Any]:
        """Return what an earlier attempt of this job saved on this node's volume; empty if nothing. Raises JobError."""

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Save a checkpoint for the next attempt, whole or not at all; it is removed once the job has succeeded."""


Job = Callable[[JobContext], Mapping[str, Any]]
