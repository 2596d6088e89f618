"""The questions `backups` and `backup` about the content of a bucket."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from executor.backup import coverage
from executor.backup.catalog import Catalog, Entry
from executor.backup.format.layout import LayoutError
from executor.backup.format.manifest import ClusterManifest
from executor.backup.seal.keys import read_keys
from executor.backup.seal.signature import Verdict
from executor.backup.seal.store import BackupStore
from executor.cql.ddl import views_in
from executor.cql.names import TableName
from executor.cql.tokenizer import CqlError
from executor.jobs.context import NodeFacts, QuestionError
from executor.json_codec import DocumentError
from executor.s3.client import Patience
from executor.s3.errors import StoreError
from executor.s3.location import LocationError, parse
from executor.s3.store import open_store
from executor.sentences import stamp

COMPLETE, UNFINISHED, DAMAGED, LOCKED = "complete", "unfinished", "damaged", "locked"
# An API client waits for the answer: a quick error is better than more attempts.
_PATIENCE = Patience(attempts=3, connect_seconds=5.0, read_seconds=15.0, pause=0.5, longest_pause=2.0)


def list_backups(node: NodeFacts, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return all backups of a location, the newest first; sizes are before compression. Raises QuestionError."""
    with _catalog(node, content) as catalog:
        found = list(catalog.entries(lambda entry: (-entry.changed_at, entry.name, _listed(entry))))
    return {"backups": [listed for _, _, listed in sorted(found, key=lambda item: item[:2])]}


def describe_backup(node: NodeFacts, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return one backup. Raises QuestionError, with the kind unknown if there is none of that name."""
    name = str(content.get("backup_name") or "")
    with _catalog(node, content) as catalog:
        entry = catalog.entry(name)
        found = None if entry is None else entry.manifest
        tables, views = ({}, {}) if found is None else _key_spaces(catalog, found)
    if entry is None or (entry.manifest is None and entry.started is None and not entry.problem):
        raise QuestionError("unknown", f"there is no backup {name}")
    if entry.problem:
        raise QuestionError("failed", entry.problem)
    return {
        "state": UNFINISHED if found is None else COMPLETE,
        "nodes": {} if found is None else _nodes(found),
        "key_spaces": tables,
        "views": views,
        "bytes": None if found is None else found.bytes,
        "cassandra_version": None if found is None else _version(found),
        "started_at": _started_at(entry),
        "finished_at": None if found is None else stamp(found.finished_at),
        "cluster": _of(entry, "cluster"),
        "cluster_name": _of(entry, "cluster_name"),
        "operation": _of(entry, "operation"),
        **({} if found is None else _gaps(found)),
        **_signature(entry),
    }


def _signature(entry: Entry) -> Mapping[str, Any]:
    """Return the verdict on the signature of a complete backup, if this service has a key, and why it is refused."""
    judged = entry.judged
    if entry.manifest is None or judged.verdict is Verdict.UNCHECKED:
        return {}
    return {"signature": str(judged.verdict)} | ({} if judged.is_fine else {"refusal": judged.refusal(entry.name)})


def _gaps(found: ClusterManifest) -> Mapping[str, Any]:
    """Return what the cluster had and the backup lacks; empty if nothing is missing."""
    parts = {
        "left_out": dict(found.left_out),
        "absent": {name: {"address": item.address, "why": item.why} for name, item in found.absent.items()},
        "coverage": {
            name: {"ranges": item.ranges, "fewer": item.fewer, "none": item.none}
            for name, item in found.coverage.items()
        },
    }
    words = coverage.sentence(found.coverage, found.absent)
    return {name: part for name, part in parts.items() if part} | ({"message": words} if words else {})


def _of(entry: Entry, name: str) -> str | None:
    """Return a field that the claim and the manifest share."""
    found = entry.manifest or entry.started
    return None if found is None else str(getattr(found, name))


@contextmanager
def _catalog(node: NodeFacts, content: Mapping[str, Any]) -> Iterator[Catalog]:
    try:
        location = parse(content.get("location") or {})
        secrets = content.get("secrets") or {}
        with open_store(location, secrets, time.sleep, node.scratch, patience=_PATIENCE) as store:
            yield Catalog(BackupStore(store, read_keys(secrets)))
    except (LocationError, LayoutError) as error:
        raise QuestionError("invalid", str(error)) from error
    except DocumentError as error:
        raise QuestionError("failed", str(error)) from error
    except StoreError as error:
        raise QuestionError("invalid" if error.hopeless else "failed", str(error)) from error


def _listed(entry: Entry) -> Mapping[str, Any]:
    found, started = entry.manifest, entry.started
    name = found or started
    state = LOCKED if entry.is_locked else DAMAGED if entry.problem else UNFINISHED if found is None else COMPLETE
    return {
        "backup_name": entry.name,
        "cluster": None if name is None else name.cluster,
        "cluster_name": None if name is None else name.cluster_name,
        "state": state,
        "started_at": _started_at(entry),
        "finished_at": None if found is None else stamp(found.finished_at),
        "nodes": None if found is None else len(found.nodes),
        "objects": None if found is None else found.objects,
        "bytes": None if found is None else found.bytes,
        **({} if found is None else {name: part for name, part in _gaps(found).items() if name == "message"}),
        **({"message": entry.problem} if entry.is_locked else {}),
        **{name: part for name, part in _signature(entry).items() if name == "signature"},
    }


def _nodes(found: ClusterManifest) -> Mapping[str, Any]:
    return {
        name: {
            "tokens": node.member.num_tokens,
            "rack": node.member.rack,
            "data_center": node.member.data_center,
            "taken_at": stamp(node.member.taken_at),
        }
        for name, node in found.nodes.items()
    }


def _key_spaces(catalog: Catalog, found: ClusterManifest) -> tuple[dict[str, list[str]], dict[str, dict[str, str]]]:
    """Return tables by keyspace, and by keyspace the views with their tables."""
    try:
        schema = catalog.schema(found)
        derived = views_in(text for space in schema.key_spaces for text in space.statements)
        names = [space.name for space in schema.key_spaces]
    except (StoreError, DocumentError, CqlError):
        # A job that uses the backup reports the error; the manifest has the tables as well.
        derived, names = {}, []
    tables: dict[str, list[str]] = {name: [] for name in names}
    for table in found.tables:
        own = tables.setdefault(table.key_space, [])
        if TableName(table.key_space, table.name) not in derived:
            own.append(table.name)
    views: dict[str, dict[str, str]] = {}
    for view, base in derived.items():
        views.setdefault(view.key_space, {})[view.table] = base.table
    return tables, views


def _version(found: ClusterManifest) -> str:
    return ", ".join(sorted({node.member.cassandra_version for node in found.nodes.values()}))


def _started_at(entry: Entry) -> str | None:
    found = entry.manifest or entry.started
    return None if found is None else stamp(found.started_at)
