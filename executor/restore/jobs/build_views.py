"""The job `restore-build-views`: builds the views of restored tables from this node's rows of their tables."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from executor.cql.names import TableName
from executor.jmx.jolokia import JolokiaError
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.restore.views import ViewError, Views


def restore_build_views(context: JobContext) -> Mapping[str, Any]:
    """Build the views and wait for the end. If this job ends early, Cassandra continues on its own. Raises JobError."""
    views = [TableName(*str(name).split(".", 1)) for name in context.launch.parameters.get("views") or ()]
    work = Views(context.node.jolokia, context.check)

    def tell(open_views: Mapping[TableName, int]) -> None:
        name, partitions = next(iter(open_views.items()))
        done = len(views) - len(open_views)
        context.tell(
            JobProgress(
                doing=f"building the view {name}: {partitions} partitions",
                done={"views": done},
                total={"views": len(views)},
                percent=100.0 * done / len(views),
            )
        )

    try:
        for view in work.unbuilt(views):
            context.check()
            work.build(view)
        work.wait(views, tell, context.wait, time.monotonic)
    except ViewError as error:
        raise JobError("views", str(error)) from error
    except JolokiaError as error:
        raise JobError("views", str(error)) from error
    return {"views": len(views)}
