"""The job `backup-clear`: removes our Cassandra snapshots from this node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.backup import snapshots
from executor.backup.request import job_errors
from executor.jobs.context import JobContext
from executor.protocol import JobProgress


def backup_clear(context: JobContext) -> Mapping[str, Any]:
    """Clear the snapshots of this backup and of earlier ones, which a killed job can have left. Raises JobError."""
    tags = sorted(snapshots.ours(context.node))
    with job_errors("clear"):
        for tag in tags:
            context.tell(JobProgress(doing=f"clearing the snapshot {tag}"))
            snapshots.clear(context.node, tag, context.check)
    return {"cleared": len(tags)}
