"""The jobs by the name that a JobLaunch gives."""

from __future__ import annotations

from executor.jobs.context import Job
from executor.jobs.repair import repair
from executor.jobs.tables import table_jobs

JOBS: dict[str, Job] = {
    **table_jobs(),
    "repair": repair,
}
