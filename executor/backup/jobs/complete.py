"""The job `backup-complete`: writes the cluster's manifest last, which makes the backup exist. One node runs it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from executor.backup import catalog, coverage
from executor.backup.catalog import Catalog
from executor.backup.completion import Part, summarise
from executor.backup.format import document, layout
from executor.backup.format.manifest import Absent, ClusterManifest, Coverage, Moments
from executor.backup.request import open_location, read
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.s3.store import Store


def backup_complete(context: JobContext) -> Mapping[str, Any]:
    """Verify that every node's manifest is the one that its upload wrote, and write the cluster's. Raises JobError.

    If an earlier attempt has done so, the result is the same.
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
    with open_location(context, request) as store:
        key = layout.manifest_key(request.backup_name)
        catalog.check(store, request.backup_name, request.operation)
        found = Catalog(store).manifest(request.backup_name)
        if found is None:
            context.tell(JobProgress(doing="reading the manifests of all nodes", total={"nodes": len(parts)}))
            found = summarise(store, request, described, parts, (started_at, time.time()), context.check)
            found = _with_gaps(context, found)
            _put_moments(store, request.backup_name, parameters["describe"])
            store.put(key, document.write(found))
            try:
                catalog.check(store, request.backup_name, request.operation)
            except JobError:
                store.delete([key])
                raise
    message = coverage.sentence(found.coverage, found.absent)
    optional = {"message": message} if message else {}
    return {"manifest_key": key, "objects": found.objects, "bytes": found.bytes, **optional}


def _with_gaps(context: JobContext, found: ClusterManifest) -> ClusterManifest:
    """Return the manifest with what was left out. Raises JobError if a range lost all replicas, as nodes went down."""
    parameters = context.launch.parameters
    left_out = {str(name): str(why) for name, why in (parameters["describe"].get("left_out") or {}).items()}
    absent = {
        str(name): Absent(item.get("address"), str(item.get("why") or ""))
        for name, item in (parameters.get("absent") or {}).items()
    }
    covered: Mapping[str, Coverage] = {}
    if absent:
        key_spaces = {table.key_space for table in found.tables}
        present = [node.member.address for node in found.nodes.values()]
        away = [item.address for item in absent.values() if item.address is not None]
        covered = coverage.measure(context.node.jolokia, key_spaces, present, away)
        coverage.refuse_gaps("complete", covered, absent)
    return replace(found, left_out=left_out, absent=absent, coverage=covered)


def _put_moments(store: Store, backup: str, described: Mapping[str, Any]) -> None:
    """Write the moments, unless the describing executor did not report them."""
    if described.get("described_at") is not None:
        counted_at = described.get("counted_at")
        moments = Moments(float(described["described_at"]), None if counted_at is None else float(counted_at))
        store.put(layout.moments_key(backup), document.write(moments))
