"""The job `backup-delete`: removes one backup by name, or those that retention does not keep. One node runs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from executor.backup import removal
from executor.backup.catalog import Catalog, Entry, light
from executor.backup.request import Request, open_location, read
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.s3.store import Store


def backup_delete(context: JobContext) -> Mapping[str, Any]:
    """Remove backups, then the data that no other backup needs. Raises JobError.

    Retention applies to this cluster's backups alone. An attempt after a killed one continues its work.
    """
    request = read(context.launch.parameters)
    deleted: list[str] = list(context.load().get("deleted", ()))
    clusters: set[str] = set(context.load().get("clusters", (request.cluster,)))
    with open_location(context, request) as store:
        for entry in _chosen(context, store, request, deleted):
            context.check()
            context.tell(JobProgress(doing=f"removing the backup {entry.name}"))
            deleted.append(entry.name)
            clusters |= {removal.cluster_of(entry) or request.cluster}
            context.save({"deleted": deleted, "clusters": sorted(clusters)})
            removal.remove(store, entry.name)
        swept = removal.sweep_objects(
            store,
            request.operation,
            sorted(clusters),
            context.check,
            lambda words: context.tell(JobProgress(doing=words)),
        )
    result = {
        "backups": sorted(set(deleted)),
        "objects": swept.objects,
        "bytes": swept.bytes,
        "kept_for_others": swept.kept,
    }
    return result | ({"put_off": swept.put_off} if swept.put_off else {})


def _chosen(context: JobContext, store: Store, request: Request, deleted: list[str]) -> list[Entry]:
    catalog = Catalog(store)
    if request.backup_name:
        entry = catalog.entry(request.backup_name)
        if entry is None and request.backup_name not in deleted:
            raise JobError("delete", f"there is no backup {request.backup_name}; check its name", hopeless=True)
        return [] if entry is None else [entry]
    keep_last = context.launch.parameters.get("keep_last")
    keep_days = context.launch.parameters.get("keep_days")
    if keep_last is None and keep_days is None:
        raise JobError("delete", "set backup_name, keep_last or keep_days: none of them is set", hopeless=True)
    return removal.find_outdated(catalog.entries(light), request.cluster, store.now(), keep_last, keep_days)
