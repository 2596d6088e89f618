"""What a bucket says is checked when a restore reads it, and ends the job for good."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, cast

import pytest

from executor.backup.format import document
from executor.backup.seal.store import BackupStore
from executor.cql.names import TableName
from executor.jobs.context import JobError
from executor.restore.source.repository import BackupRepository
from tests.unit.executor.backup.format.test_document import CLUSTER, ID, NODE, SCHEMA


class Bucket:
    def __init__(self, node: bytes, schema: bytes) -> None:
        whole = json.loads(document.write(CLUSTER))
        whole["nodes"]["node-0"]["manifest_sha256"] = hashlib.sha256(node).hexdigest()
        whole["schema_sha256"] = hashlib.sha256(schema).hexdigest()
        self.objects = {
            "backups/b/manifest.json": json.dumps(whole).encode(),
            "backups/b/nodes/node-0.json": node,
            "backups/b/schema.json": schema,
        }

    def get(self, key: str, most: int = 0) -> bytes | None:
        return self.objects.get(key)


def repository(node: bytes = document.write(NODE), schema: bytes = document.write(SCHEMA)) -> BackupRepository:
    return BackupRepository(cast("BackupStore", Bucket(node, schema)), "b")


def changed(value: Any, old: str, new: str) -> bytes:
    """A document with another text, whose hash the cluster's manifest has: a bucket's owner can do that."""
    data = document.write(value).replace(old.encode(), new.encode())
    assert data != document.write(value)
    return data


def test_a_backup() -> None:
    assert set(repository().pieces("node-0", [TableName("ks", "t")])) == {TableName("ks", "t")}


@pytest.mark.parametrize(
    "name",
    [
        "../../../../../data/shop/users-5a1c395eb41f11eeaaaa0123456789ab",
        "/data/shop/users",
        "..",
        "a\\u0000b",
        "a\\\\b",
    ],
)
def test_a_table_that_leads_elsewhere(name: str, tmp_path: Path) -> None:
    found = repository(changed(NODE, '"name":"t"', f'"name":"{name}"'))
    with pytest.raises(JobError, match="manifest: the backup b, node node-0, table 'ks") as refused:
        found.pieces("node-0", [TableName("ks", "t"), TableName("ks", name)])
    assert refused.value.hopeless
    assert "the name of a table is 1 to 222 letters, digits and underscores" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_component_that_leads_elsewhere() -> None:
    found = repository(changed(NODE, "nb-1-big-A.db", "nb-1-big-../../x"))
    with pytest.raises(JobError, match="the name of a component is nb-1-big"):
        found.pieces("node-0", [TableName("ks", "t")])


def test_a_schema_that_leads_elsewhere() -> None:
    found = repository(schema=changed(SCHEMA, f'"id":"{ID}"', '"id":"../x"'))
    with pytest.raises(JobError, match="the id of a table is a UUID"):
        found.backup()


def test_deep_json() -> None:
    with pytest.raises(JobError, match="is nested too deep"):
        repository(b"[" * 100_000).pieces("node-0", [])
