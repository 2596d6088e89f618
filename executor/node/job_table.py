"""The jobs by the name that a JobLaunch gives."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from executor.jobs.context import Job, JobContext
from executor.jobs.table_jobs import table_jobs

_BACKUP = ("snapshot", "describe", "upload", "complete", "clear", "verify", "delete")
_RESTORE = (
    "restore-check",
    "restore-schema",
    "restore-load",
    "restore-digest",
    "restore-compare",
    "restore-empty-views",
    "restore-build-views",
)


def _when_needed(name: str) -> Job:
    """The job `name` of the module of the same name, imported when it is first run.

    boto3 and CQL's driver take tens of megabytes, which an executor without backups is not to pay for.
    """
    plain = name.replace("-", "_")

    def run(context: JobContext) -> Mapping[str, Any]:
        job: Job = getattr(import_module(f"executor.jobs.{plain}"), plain)
        return job(context)

    return run


JOBS: dict[str, Job] = {
    **table_jobs(),
    "repair": _when_needed("repair"),
    "decommission": _when_needed("decommission"),
    **{name: _when_needed(f"backup-{name}") for name in _BACKUP},
    **{name: _when_needed(name) for name in _RESTORE},
}
