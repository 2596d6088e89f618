"""A job's surroundings without a runner: for tests that run a job on a real node."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from executor.jobs.context import Cancelled, Job, NodeFacts
from executor.protocol import JobLaunch, JobProgress
from tests.waiting import patient


@dataclass
class LocalContext:
    """A JobContext whose checkpoint is one file. `told` is all that the job has said."""

    launch: JobLaunch
    node: NodeFacts
    tuning: dict[str, Any] = field(default_factory=dict)
    given_secrets: Mapping[str, str] = field(default_factory=dict)
    told: list[JobProgress] = field(default_factory=list)
    on_tell: Callable[[JobProgress], None] = lambda progress: None
    _stop: threading.Event = field(default_factory=threading.Event)

    @property
    def checkpoint(self) -> Path:
        """Return the job's file."""
        return self.node.scratch / f"{self.launch.operation}-{self.launch.job}.json"

    def cancel(self) -> None:
        """Cancel the job, as the runner does when the task is killed."""
        self._stop.set()

    def tell(self, progress: JobProgress) -> None:
        self.told.append(progress)
        self.on_tell(progress)

    def check(self) -> None:
        if self._stop.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Cancelled

    def secrets(self) -> Mapping[str, str]:
        return self.given_secrets

    def load(self) -> Mapping[str, Any]:
        if not self.checkpoint.exists():
            return {}
        saved: Mapping[str, Any] = json.loads(self.checkpoint.read_text())
        return saved

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        self.checkpoint.write_text(json.dumps(checkpoint))


class Running:
    """A job on a thread of its own."""

    def __init__(self, job: Job, context: LocalContext) -> None:
        self.context = context
        self.result: Mapping[str, Any] | None = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(job,), name="job")
        self._thread.start()

    def _run(self, job: Job) -> None:
        try:
            self.result = job(self.context)
        except BaseException as error:  # noqa: BLE001 whatever it is belongs to the test that joins
            self.error = error

    @property
    def ended(self) -> bool:
        """Return whether the job has returned or raised."""
        return not self._thread.is_alive()

    def join(self, seconds: float) -> Mapping[str, Any]:
        """Return its result; raise what it raised."""
        self._thread.join(patient(seconds))
        assert self.ended, f"the job still runs, last told: {self.context.told[-1:]}"
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result


def launch(job: str, node: str, operation: str, **parameters: Any) -> JobLaunch:
    """Return a job's launch."""
    return JobLaunch(job=job, operation=operation, node=node, node_task_id="t1", parameters=parameters)
