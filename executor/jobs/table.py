"""The jobs by the name that a JobLaunch gives."""

from __future__ import annotations

from executor.jobs.context import Job
from executor.jobs.repair import repair

JOBS: dict[str, Job] = {
    "repair": repair,
}
