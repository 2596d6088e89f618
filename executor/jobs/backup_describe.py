"""describe: claims the backup's name, and records the cluster's schema and ring. On one node for all."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from executor.backup import claim, description, document, layout
from executor.backup.description import Counting
from executor.backup.manifest import Schema, Started
from executor.backup.request import Request, opened, read
from executor.backup.roles import roles
from executor.backup.s3 import Store
from executor.cql_session import CQL_ERRORS, words
from executor.jobs import schema
from executor.jobs.agreement import wait_for_agreement
from executor.jobs.context import JobContext, JobError
from executor.jolokia import STORAGE_SERVICE, Attribute
from executor.protocol import ROLES_KEY_SPACE, JobProgress
from executor.restore import live
from executor.restore.selection import TableName

_VERSION = Attribute(STORAGE_SERVICE, "SchemaVersion")
_ASK_SECONDS = 30.0


def backup_describe(context: JobContext) -> Mapping[str, Any]:
    """Write the schema's document. Raises JobError, for good if the schema is not that of all snapshots."""
    request = read(context.launch.parameters)
    versions = [str(version) for version in context.launch.parameters.get("schema_versions") or ()]
    if len(versions) != 1:
        listed = ", ".join(versions) or "none"
        text = f"the schema changed while the snapshots were taken (versions {listed}); make a new backup"
        raise JobError("describe", text, hopeless=True)
    started = Started(
        request.backup_name, request.operation, request.cluster, request.cluster_name, time.time()
    )  # fmt: skip
    with opened(context, request) as store:
        claim.claim(store, started)
        wait_for_agreement(context.node.jolokia, context.wait)
        with live.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_QUORUM) as session:
            found = _described(context, request, session, versions[0])
            digest, problem = _write_roles(request, store, session, found)
        found = replace(found, roles_sha256=digest)
        content = document.write(found)
        key = layout.schema_key(request.backup_name)
        store.put(key, content)
    return {
        "key": key,
        "sha256": hashlib.sha256(content).hexdigest(),
        **({"roles": problem} if problem else {}),
        "key_spaces": dict(Counter(table.key_space for table in found.tables)),
    }


def _write_roles(request: Request, store: Store, session: Session, found: Schema) -> tuple[str, str]:
    """The roles as a document of their own, which a restore makes statements of: its SHA-256, or why there is none."""
    if request.column_families or ROLES_KEY_SPACE not in {space.name for space in found.key_spaces}:
        return "", ""
    try:
        content = document.write(roles(session))
    except CQL_ERRORS as error:
        return "", f"not in the backup as statements, so that they cannot be restored: {words(error)}"
    store.put(layout.roles_key(request.backup_name), content)
    return hashlib.sha256(content).hexdigest(), ""


def _described(context: JobContext, request: Request, session: Session, version: str) -> Schema:
    shared = {name for name, local in schema.key_spaces(context.node.jolokia).items() if not local}
    names = shared & set(request.key_spaces) if request.key_spaces else shared
    try:
        spaces = description.key_spaces(session, names)
        views, ring = description.views(session), description.ring(session)
        ids = {
            name: table_id
            for name, table_id in description.table_ids(session).items()
            if name.key_space in names and _is_wanted(name, request)
        }
        _refuse_views(request, names, ids, views)
    except CQL_ERRORS as error:
        raise JobError("describe", words(error)) from error
    _check_version(context, version)
    count = Counting(context.launch.parameters.get("count_rows"), context.node.jolokia)

    def tell(words: str) -> None:
        context.check()
        context.tell(JobProgress(doing=words))

    return Schema(version, spaces, description.tables(session, ids, count, tell), ring)


def _is_wanted(name: TableName, request: Request) -> bool:
    return schema.is_meant(name.key_space, name.table, request.column_families)


def _refuse_views(
    request: Request, names: Container[str], ids: Iterable[TableName], views: Mapping[TableName, TableName]
) -> None:
    """What is built from a table is not backed up by itself."""
    tables = {name.table for name in ids}
    for view, table in sorted(views.items()):
        if view.key_space in names and view.table in set(request.column_families) - tables:
            text = f"{view} is a materialized view of {table}, and is built from it at a restore: name {table.table}"
            raise JobError("describe", text, hopeless=True)


def _check_version(context: JobContext, version: str) -> None:
    now = context.node.jolokia.read([_VERSION], _ASK_SECONDS).get(_VERSION)
    if now != version:
        text = f"the schema changed from {version} to {now} after the snapshots were taken; make a new backup"
        raise JobError("describe", text, hopeless=True)
