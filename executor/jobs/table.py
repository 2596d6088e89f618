"""The jobs by the name that a JobLaunch gives."""

from __future__ import annotations

from executor.jobs.context import Job
from executor.jobs.repair import repair
from executor.jobs.restore_check import restore_check
from executor.jobs.restore_compare import restore_compare
from executor.jobs.restore_load import restore_load
from executor.jobs.restore_schema import restore_schema
from executor.jobs.tables import table_jobs

JOBS: dict[str, Job] = {
    **table_jobs(),
    "repair": repair,
    "restore-check": restore_check,
    "restore-compare": restore_compare,
    "restore-load": restore_load,
    "restore-schema": restore_schema,
}
