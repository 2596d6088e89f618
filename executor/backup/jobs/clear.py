"""clear: no snapshot of ours stays on this node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.backup import snapshots
from executor.backup.request import reported
from executor.jobs.context import JobContext
from executor.protocol import JobProgress


def backup_clear(context: JobContext) -> Mapping[str, Any]:
    """Clear the snapshots of this backup and of any before, which a killed job may have left. Raises JobError."""
    tags = sorted(snapshots.ours(context.node))
    with reported("clear"):
        for tag in tags:
            context.tell(JobProgress(doing=f"clearing the snapshot {tag}"))
            snapshots.clear(context.node, tag, context.check)
    return {"cleared": len(tags)}
