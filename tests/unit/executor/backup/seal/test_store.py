"""The store of backups over objects in memory: which documents are sealed, and what opens them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from executor.backup.seal.cipher import NoKeyError, UnsealError, is_sealed
from executor.backup.seal.keys import Keys
from executor.backup.seal.store import BackupStore
from executor.s3.store import Store, Stored

OLD, NEW = b"o" * 32, b"n" * 32
KEY = "backups/b/schema.json"


class Memory(Store):
    """A bucket in memory; `written` are the keys in the order of their writing."""

    def __init__(self) -> None:
        self.bucket: dict[str, bytes] = {}
        self.written: list[str] = []

    def get(self, key: str, most: int = 0) -> bytes | None:
        return self.bucket.get(key)

    def put(self, key: str, content: bytes) -> None:
        self.bucket[key] = content
        self.written.append(key)

    def put_new(self, key: str, content: bytes) -> bool:
        if key not in self.bucket:
            self.put(key, content)
        return self.bucket[key] == content

    def objects(self, prefix: str) -> Iterator[Stored]:
        return (Stored(key, len(found), 0.0) for key, found in sorted(self.bucket.items()) if key.startswith(prefix))


class Sealing(BackupStore, Memory):
    """The store of backups over that bucket."""


def opened(memory: Memory, *wrapping: bytes, cluster: str | None = "c-1") -> Any:
    found = Sealing(memory, Keys(wrapping=wrapping))
    if cluster is not None:
        found.use_vault(cluster)
    return found


def test_documents_are_sealed_with_a_key_and_plain_without() -> None:
    memory = Memory()
    opened(memory, OLD).put_document(KEY, b"schema")
    assert is_sealed(memory.bucket[KEY])
    for store in (opened(memory, OLD), opened(memory, OLD, cluster=None), opened(memory, NEW, OLD, cluster=None)):
        assert store.get(KEY) == b"schema"
    opened(memory, cluster=None).put_document(KEY, b"schema")
    assert memory.bucket[KEY] == b"schema"


def test_a_new_key_writes_one_document_alone() -> None:
    memory = Memory()
    opened(memory, OLD).put_document(KEY, b"schema")
    before, memory.written = memory.bucket["vaults/c-1.json"], []
    assert opened(memory, NEW, OLD).get(KEY) == b"schema"
    assert memory.written == ["vaults/c-1.json"]
    assert memory.bucket["vaults/c-1.json"] != before
    assert opened(memory, NEW).get(KEY) == b"schema"
    with pytest.raises(NoKeyError, match="add that line"):
        opened(memory, OLD, cluster=None).get(KEY)
    # The next backup has nothing to wrap.
    memory.written = []
    opened(memory, NEW, OLD)
    assert memory.written == []


def test_clusters_have_data_keys_of_their_own() -> None:
    memory = Memory()
    one, other = opened(memory, OLD), opened(memory, OLD, cluster="c-2")
    one.put_document(KEY, b"schema")
    assert one.vault != other.vault
    assert other.get(KEY) == b"schema"


@pytest.mark.parametrize("content", [b"", b"{}", b"no JSON", b'{"version":1,"cluster":"c-0"}'])
def test_foreign_objects_among_the_data_keys(content: bytes) -> None:
    memory = Memory()
    opened(memory, OLD).put_document(KEY, b"schema")
    memory.bucket["vaults/c-0.json"] = content
    memory.bucket["vaults/0"] = content
    assert opened(memory, OLD, cluster=None).get(KEY) == b"schema"


def test_a_data_key_that_is_gone_or_changed() -> None:
    memory = Memory()
    opened(memory, OLD).put_document(KEY, b"schema")
    wrapped = memory.bucket.pop("vaults/c-1.json")
    with pytest.raises(NoKeyError, match=r"missing below vaults/: put it back"):
        opened(memory, OLD, cluster=None).get(KEY)
    memory.bucket["vaults/c-1.json"] = wrapped.replace(b'"wrapped":"', b'"wrapped":"AAAA')
    with pytest.raises(UnsealError, match="was changed: put back an earlier version"):
        opened(memory, OLD)


def test_no_key_at_all() -> None:
    memory = Memory()
    with pytest.raises(NoKeyError, match="is to be sealed, and BACKUP_ENCRYPTION_KEY_FILE is not set"):
        opened(memory)
    opened(memory, OLD).put_document(KEY, b"schema")
    with pytest.raises(NoKeyError, match="the backup is sealed, and BACKUP_ENCRYPTION_KEY_FILE is not set"):
        opened(memory, cluster=None).get(KEY)


def test_a_document_in_the_place_of_another() -> None:
    memory = Memory()
    opened(memory, OLD).put_document(KEY, b"schema")
    memory.bucket["backups/b2/schema.json"] = memory.bucket[KEY]
    with pytest.raises(UnsealError, match=r"backups/b2/schema\.json cannot be opened: it was changed, cut or moved"):
        opened(memory, OLD).get("backups/b2/schema.json")
