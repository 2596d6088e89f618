"""complete: the cluster's manifest, written last, makes the backup exist. On one node for all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from executor.backup import claim, document, layout
from executor.backup.catalog import Catalog
from executor.backup.completion import Part, summarise
from executor.backup.request import opened, read
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress


def backup_complete(context: JobContext) -> Mapping[str, Any]:
    """See that every node's manifest is the one that its upload wrote, and write the cluster's. Raises JobError.

    When an attempt before did so already, the answer is the same.
    """
    request = read(context.launch.parameters)
    parameters = context.launch.parameters
    try:
        described = Part(str(parameters["describe"]["key"]), str(parameters["describe"]["sha256"]))
        parts = {
            str(name): Part(str(found["manifest_key"]), str(found["manifest_sha256"]))
            for name, found in parameters["nodes"].items()
        }
        started_at = float(parameters["started_at"])
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise JobError("parameters", f"{type(error).__name__}: {error}", hopeless=True) from error
    with opened(context, request) as store:
        key = layout.manifest_key(request.backup_name)
        claim.check(store, request.backup_name, request.operation)
        found = Catalog(store).manifest(request.backup_name)
        if found is None:
            context.tell(JobProgress(doing="reading the manifests of all nodes", total={"nodes": len(parts)}))
            found = summarise(store, request, described, parts, (started_at, time.time()), context.check)
            store.put(key, document.write(found))
            try:
                claim.check(store, request.backup_name, request.operation)
            except JobError:
                store.delete([key])
                raise
    return {"manifest_key": key, "objects": found.objects, "bytes": found.bytes}
