"""The job `backup-describe`: claims the backup's name, and records the schema and the ring. One node runs it."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from executor.backup import catalog, coverage, description, fingerprint
from executor.backup.description import Counting
from executor.backup.format import document, layout
from executor.backup.format.manifest import KeySpace, RingMember, Schema, Started, Table
from executor.backup.request import Request, open_location, read
from executor.backup.roles import roles
from executor.backup.seal.store import BackupStore
from executor.cql.names import TableName
from executor.cql.session import CQL_ERRORS, words
from executor.jmx.jolokia import STORAGE_SERVICE, Attribute
from executor.jobs import cql, schema
from executor.jobs.agreement import wait_for_agreement
from executor.jobs.context import JobContext, JobError
from executor.key_spaces import ROLES_KEY_SPACE
from executor.protocol import JobProgress
from executor.sentences import list_first

_VERSION = Attribute(STORAGE_SERVICE, "SchemaVersion")
_ASK_SECONDS = 30.0
_STEP = "describe"
_NAMED = 5
# Retries while tables are created and dropped all the time.
_TRIES = 20
_PAUSE_SECONDS = 0.2
_CREATED, _DROPPED = "created after the snapshots were taken", "dropped after the snapshots were taken"
_ANOTHER = "dropped and recreated while the snapshots were taken"


def backup_describe(context: JobContext) -> Mapping[str, Any]:
    """Write the schema's document.

    `retake` in the result names what has changed since the snapshots: they must be taken again. `left_out` has the
    reason for each table that is left out: only some snapshots have it, or it was created or dropped since.

    Raises:
        JobError: Hopeless if the schema is not that of the snapshots, and they are not taken again.
    """
    request = read(context.launch.parameters)
    started = Started(request.backup_name, request.operation, request.cluster, request.cluster_name, time.time())
    with open_location(context, request) as store:
        catalog.claim(store, started)
        wait_for_agreement(context.node.jolokia, context.wait)
        with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_QUORUM) as session:
            fit, text = _written_down(context, request, session)
            if text is None:
                return {"retake": fit.changed, "message": f"the schema of {list_first(fit.changed)} changed"}
            refuse_nothing(request, fit.key_spaces, text.ids, fit.left_out)
            described_at = time.time()
            missing = _missing(context, fit.key_spaces)
            counted, uncounted = _counted(context, session, text.ids)
            found = Schema(fit.version, text.key_spaces, counted, text.ring)
            digest, problem = _write_roles(request, store, session, found)
        found = replace(found, roles_sha256=digest)
        content = document.write(found)
        key = layout.schema_key(request.backup_name)
        store.put_document(key, content)
    roleless = f"the roles are {problem}" if problem else ""
    sentences = (missing, roleless, _left_out_words(fit.left_out), _uncounted_words(uncounted), _spread_words(context))
    return {
        "key": key,
        "sha256": hashlib.sha256(content).hexdigest(),
        **({"roles": problem} if problem else {}),
        "key_spaces": dict(Counter(table.key_space for table in found.tables)),
        "described_at": described_at,
        "counted_at": time.time() if any(table.rows is not None for table in found.tables) else None,
        **({"left_out": fit.left_out} if fit.left_out else {}),
        **({"message": message} if (message := "; ".join(filter(None, sentences))) else {}),
    }


def _write_roles(request: Request, store: BackupStore, session: Session, found: Schema) -> tuple[str, str]:
    """Write the roles' document, for a restore's statements; return its SHA-256, or the reason why there is none."""
    if request.column_families or ROLES_KEY_SPACE not in {space.name for space in found.key_spaces}:
        return "", ""
    try:
        content = document.write(roles(session))
    except CQL_ERRORS as error:
        return "", f"not in the backup as statements, so that they cannot be restored: {words(error)}"
    store.put_document(layout.roles_key(request.backup_name), content)
    return hashlib.sha256(content).hexdigest(), ""


@dataclass(frozen=True)
class _Fit:
    """The match of schema and snapshots: `changed` names what has changed since, which is no match."""

    key_spaces: frozenset[str]
    version: str = field(compare=False)
    left_out: Mapping[str, str]
    changed: Sequence[str] = ()


def _fit(context: JobContext, request: Request, session: Session) -> _Fit:
    """Return the match. Raises JobError if there is none, and the snapshots are not taken again."""
    shared = {name for name, local in schema.key_spaces(context.node.jolokia).items() if not local}
    names = shared & set(request.key_spaces) if request.key_spaces else shared
    reported = context.launch.parameters.get("schema")
    if reported is None or reported.get("rules") != fingerprint.RULES:
        return _fit_by_version(context, names)
    agreed: Mapping[str, str] = reported["agreed"]
    others = [name for name, having in reported["differs"].items() if _is_another(*having)]
    if differs := {name: having for name, having in reported["differs"].items() if name not in others}:
        _refuse_differing(differs)
    try:
        here = fingerprint.short_like(agreed, fingerprint.take(session, names, request.column_families))
    except CQL_ERRORS as error:
        raise JobError(_STEP, words(error)) from error
    known = {**agreed, **dict.fromkeys([*reported["left_out"], *others], "")}
    _, new, _ = fingerprint.changes(known, here)
    changed, _, gone = fingerprint.changes(agreed, here)
    if context.launch.parameters.get("last_round"):
        others += [name for name in changed if _is_another(agreed[name], here[name])]
        if changed := [name for name in changed if name not in others]:
            texts = (f"{name} changed again: {fingerprint.change(agreed[name], here[name])}" for name in changed)
            raise JobError(_STEP, f"{'; '.join(texts)}; {_REST}", hopeless=True)
    left_out = {**reported["left_out"], **dict.fromkeys(others, _ANOTHER)}
    left_out |= {**dict.fromkeys(new, _CREATED), **dict.fromkeys(gone, _DROPPED)}
    kept = frozenset(name for name in names if name in agreed and name not in left_out)
    return _Fit(kept, _version(context), left_out, changed)


def _fit_by_version(context: JobContext, names: Collection[str]) -> _Fit:
    """Return the match by Cassandra's version of the whole schema: it is the same for executors of all versions."""
    parameters = context.launch.parameters
    now, found = _version(context), sorted(map(str, parameters.get("schema_versions") or ()))
    if found == [now]:
        return _Fit(frozenset(names), now, {})
    if not parameters.get("last_round", True):
        return _Fit(frozenset(), now, {}, [_CLUSTER])
    listed = list_first(found) or "unknown"
    text = f"the schema of {_CLUSTER} changed since the snapshots were taken (versions {listed}, and now {now})"
    raise JobError(_STEP, f"{text}; {_OF_SEVERAL_VERSIONS}; {_REST}", hopeless=True)


def _is_another(one: str, *others: str) -> bool:
    return any(fingerprint.is_another(one, other) for other in others)


_CLUSTER = "the cluster"
_OF_SEVERAL_VERSIONS = (
    "executors of several versions can compare it as a whole alone, and a restart of its node updates an executor"
)
_REST = "the snapshots were taken several times; make a new backup when the schema no longer changes"


def _refuse_differing(differs: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """Raise JobError: after several snapshots, those of some nodes still have another schema than those of others."""
    texts = []
    for name, having in sorted(differs.items())[:_NAMED]:
        (one, here), (other, there), *_ = having.items()
        nodes = f"{list_first(here)} and {list_first(there)}"
        texts.append(f"{name} changed between the snapshots of {nodes}: {fingerprint.change(one, other)}")
    raise JobError(_STEP, f"{'; '.join(texts)}; {_REST}", hopeless=True)


def _missing(context: JobContext, key_spaces: Collection[str]) -> str:
    """Return a sentence about missing replicas. Raises JobError if all replicas of a range would be missing."""
    absent: Mapping[str, Any] = context.launch.parameters.get("absent") or {}
    if not absent:
        return ""
    addresses = [str(found["address"]) for found in absent.values() if found.get("address")]
    present = list(map(str, context.launch.parameters.get("present") or ()))
    found = coverage.measure(context.node.jolokia, key_spaces, present, addresses)
    coverage.refuse_gaps(_STEP, found, absent)
    return coverage.sentence(found, absent)


def _left_out_words(left_out: Mapping[str, str]) -> str:
    texts = [f"{name} is left out: {why}" for name, why in sorted(left_out.items())[:_NAMED]]
    return "; ".join(texts) + (f"; and {len(left_out) - _NAMED} more are" if len(left_out) > _NAMED else "")


def _uncounted_words(uncounted: Mapping[str, str]) -> str:
    texts = [f"{name}: {why}" for name, why in sorted(uncounted.items())]
    more = [f"and {len(texts) - _NAMED} more were not counted"] if len(texts) > _NAMED else []
    return "; ".join([*texts[:_NAMED], *more])


def _spread_words(context: JobContext) -> str:
    parameters = context.launch.parameters
    if "spread_s" not in parameters:
        return ""
    limit = parameters.get("max_snapshot_spread_s")
    return f"the snapshots lie {parameters['spread_s']} s apart, more than max_snapshot_spread_s, which is {limit}"


@dataclass(frozen=True)
class _Text:
    """The part of a matching schema that the document records."""

    key_spaces: tuple[KeySpace, ...]
    ids: Mapping[TableName, str]
    ring: tuple[RingMember, ...]


def refuse_nothing(
    request: Request, key_spaces: Collection[str], tables: Collection[TableName], left_out: Mapping[str, str]
) -> None:
    """Raise JobError if nothing is left of what the request names; a keyspace without tables is something."""
    if (request.key_spaces and not key_spaces) or (request.column_families and not tables):
        raise JobError(_STEP, f"there is nothing to back up: {_left_out_words(left_out)}", hopeless=True)


def _written_down(context: JobContext, request: Request, session: Session) -> tuple[_Fit, _Text | None]:
    """Read the schema between two checks of its match; nothing is read without a match."""
    fit = _fit(context, request, session)
    for _ in range(_TRIES):
        if fit.changed:
            return fit, None
        text = _read(request, session, fit)
        again = _fit(context, request, session)
        if again == fit:
            return fit, text
        fit = again
        context.wait(_PAUSE_SECONDS)
    raise JobError(_STEP, f"the schema changed {_TRIES} times while it was read; the job is tried again")


def _read(request: Request, session: Session, fit: _Fit) -> _Text:
    names = fit.key_spaces
    try:
        spaces = description.key_spaces(session, names, fit.left_out.keys())
        views, ring = description.views(session), description.ring(session)
        ids = {
            name: table_id
            for name, table_id in description.table_ids(session).items()
            if name.key_space in names and _is_wanted(name, request) and str(name) not in fit.left_out
        }
        _refuse_views(request, names, ids, views)
    except CQL_ERRORS as error:
        raise JobError(_STEP, words(error)) from error
    return _Text(spaces, ids, ring)


def _counted(
    context: JobContext, session: Session, ids: Mapping[TableName, str]
) -> tuple[tuple[Table, ...], Mapping[str, str]]:
    count = Counting(context.launch.parameters.get("count_rows"), context.node.jolokia)

    def tell(words: str) -> None:
        context.check()
        context.tell(JobProgress(doing=words))

    return description.tables(session, ids, count, tell)


def _is_wanted(name: TableName, request: Request) -> bool:
    return schema.is_meant(name.key_space, name.table, request.column_families)


def _refuse_views(
    request: Request, names: Container[str], ids: Iterable[TableName], views: Mapping[TableName, TableName]
) -> None:
    """Raise JobError if the request names a view by itself: a restore builds it from its table."""
    tables = list(ids)
    by_itself = [
        name
        for name in request.column_families
        if not any(schema.is_meant(table.key_space, table.table, [name]) for table in tables)
    ]
    for view, table in sorted(views.items()):
        if view.key_space in names and by_itself and schema.is_meant(view.key_space, view.table, by_itself):
            text = f"{view} is a materialized view of {table}, and is built from it at a restore: name {table.table}"
            raise JobError(_STEP, text, hopeless=True)


def _version(context: JobContext) -> str:
    return str(context.node.jolokia.read([_VERSION], _ASK_SECONDS).get(_VERSION))
