"""The table of jobs, by the name in a JobLaunch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from executor.jobs.context import Job, JobContext
from executor.jobs.table_jobs import table_jobs

_BACKUP = ("snapshot", "describe", "upload", "complete", "clear", "verify", "delete")
# The same jobs for backups that are sealed: an older executor, which would not seal, does not know them.
_SEALED = ("describe", "upload", "complete")
_RESTORE = ("check", "schema", "load", "digest", "compare", "empty-views", "build-views")


def _when_needed(module: str, name: str) -> Job:
    """Return the job `name` of a module, which is imported when the job first runs.

    boto3 and the CQL driver take tens of megabytes, which an executor without backups does not need.
    """

    def run(context: JobContext) -> Mapping[str, Any]:
        job: Job = getattr(import_module(module), name.replace("-", "_"))
        return job(context)

    return run


JOBS: dict[str, Job] = {
    **table_jobs(),
    "repair": _when_needed("executor.repair.job", "repair"),
    **{
        f"logins-{name}": _when_needed("executor.jobs.logins", f"logins-{name}")
        for name in ("replication", "superusers", "password", "check")
    },
    "decommission": _when_needed("executor.jobs.decommission", "decommission"),
    **{name: _when_needed(f"executor.backup.jobs.{name}", f"backup-{name}") for name in _BACKUP},
    **{f"{name}-sealed": _when_needed(f"executor.backup.jobs.{name}", f"backup-{name}") for name in _SEALED},
    **{
        f"restore-{name}": _when_needed(f"executor.restore.jobs.{name.replace('-', '_')}", f"restore-{name}")
        for name in _RESTORE
    },
}
