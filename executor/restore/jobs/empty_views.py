"""The job `restore-empty-views`: removes the rows of restored tables' views, so that none is left without its table's.

All nodes do this before the first of them builds, since a node that builds sends rows to the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.cql.names import TableName
from executor.jmx.jolokia import JolokiaError
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.restore.views import Views


def restore_empty_views(context: JobContext) -> Mapping[str, Any]:
    """Empty this node's part of the views that the schema job found. Raises JobError."""
    views = [TableName(*str(name).split(".", 1)) for name in context.launch.parameters.get("views") or ()]
    work = Views(context.node.jolokia, context.check)
    try:
        for index, view in enumerate(views):
            context.tell(JobProgress(doing=f"emptying the view {view}", percent=100.0 * index / len(views)))
            work.empty(view)
    except JolokiaError as error:
        raise JobError("views", str(error)) from error
    return {"views": len(views)}
