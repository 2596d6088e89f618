"""What a job gets, and what it may tell: the one interface between the runner and the jobs.

A job is a function `(JobContext) -> Mapping`: it returns what it found (small JSON), raises JobError when it failed,
and lets Cancelled pass. It runs on a thread of its own and may block, but calls `check` or `wait` every second or so.
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
    """A job failed; the text names the step and the cause in its own words, and holds no secret.

    `hopeless`: another attempt would fail alike (bad credentials, a name that does not exist).
    """

    def __init__(self, step: str, text: str, hopeless: bool = False) -> None:
        super().__init__(f"{step}: {text}")
        self.step = step
        self.hopeless = hopeless


class QuestionError(Exception):
    """A question has no answer. `kind`: unknown (no such thing), invalid (refused, or makes no sense) or failed."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Cancelled(BaseException):
    """The job was told to stop. Not an Exception, so that no handler of errors swallows it."""


@dataclass(frozen=True)
class NodeFacts:
    """The node that a job works on. `scratch` is a directory of ours on its volume, outside of Cassandra's data.

    `surroundings` are where its Cassandra was launched: its bundle and its Java are found from there.
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
    """A running job's surroundings. `tell`, `check`, `tuning` and `secrets` may be used from any thread."""

    @property
    def launch(self) -> JobLaunch:
        """What was asked for."""

    @property
    def node(self) -> NodeFacts:
        """The node."""

    @property
    def tuning(self) -> Mapping[str, Any]:
        """What may be changed while the job runs, as it is now."""

    def tell(self, progress: JobProgress) -> None:
        """Say how far it is; cheap, to be called as often as anything changes."""

    def check(self) -> None:
        """Raise Cancelled if the job is to stop."""

    def wait(self, seconds: float) -> None:
        """Wait, or raise Cancelled."""

    def secrets(self) -> Mapping[str, str]:
        """The secrets of this job by name, empty if it has none; asked of the scheduler once. Raises JobError."""

    def load(self) -> Mapping[str, Any]:
        """What an earlier attempt of this operation's same job saved on this node's volume; empty if nothing."""

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Keep this for the next attempt, written whole or not at all; removed once the job has succeeded."""


Job = Callable[[JobContext], Mapping[str, Any]]
