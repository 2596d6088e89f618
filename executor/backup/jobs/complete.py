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
from executor.backup.seal import signature
from executor.backup.seal.store import BackupStore
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress

# S3 tells whole seconds, some time ago. A clock that differs by more is wrong.
_CLOCK_SECONDS = 60.0


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
            found = summarise(store, request, described, parts, (started_at, _moment(store)), context.check)
            found = _with_gaps(context, found)
            _put(store, found, _moments(parameters["describe"]))
            try:
                catalog.check(store, request.backup_name, request.operation)
            except JobError:
                store.delete([key])
                raise
    message = coverage.sentence(found.coverage, found.absent)
    optional = {"message": message} if message else {}
    return {"manifest_key": key, "objects": found.objects, "bytes": found.bytes, **optional}


def _moment(store: BackupStore) -> float:
    """Return the time; S3's, with which a deletion by age compares it, if this node's clock is wrong."""
    here, there = time.time(), store.now()
    return here if abs(here - there) < _CLOCK_SECONDS else there


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


def _moments(described: Mapping[str, Any]) -> bytes | None:
    """Return the document of the moments, unless the describing executor did not report them."""
    if described.get("described_at") is None:
        return None
    counted_at = described.get("counted_at")
    return document.write(Moments(float(described["described_at"]), None if counted_at is None else float(counted_at)))


def _put(store: BackupStore, whole: ClusterManifest, moments: bytes | None) -> None:
    """Write the moments, the signature if this service has a key, and last the manifest."""
    backup, content = whole.backup_name, document.write(whole)
    if moments is not None:
        store.put_document(layout.moments_key(backup), moments)
    if store.keys.signing:
        store.put(layout.signature_key(backup), signature.sign(store.keys, backup, content, moments))
    store.put_document(layout.manifest_key(backup), content)
