"""Sealed uploads to a bucket in memory: every form of a file, and an attempt that continues an earlier one's parts."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from executor.backup.format import layout
from executor.backup.format.rules import Place
from executor.backup.seal.vault import Vault, new_vault
from executor.backup.upload import sender
from executor.backup.upload.compression import Decompressor
from executor.backup.upload.files import snapshot_files
from executor.backup.upload.run import Control, Uploaded, upload_files
from executor.s3.body import Body
from executor.s3.errors import StoreError
from executor.s3.listing import Arrived
from executor.s3.store import Part, Store, Stored
from tests.unit.executor.backup.volume import TAG, put, sstable

MIB = 1024 * 1024
IDLE = Control(lambda: None, lambda progress: None, lambda: 0.0)
PREFIX = "data/c-1/node-1/"


class Memory(Store):
    """A bucket in memory. `left` is the number of parts that arrive before the connection breaks, None for all."""

    def __init__(self) -> None:
        self.bucket: dict[str, bytes] = {}
        self.uploads: dict[str, tuple[str, dict[int, bytes]]] = {}
        self.left: int | None = None
        self.parts_sent = 0

    def with_wait(self, wait: object) -> Memory:
        return self

    def size(self, key: str) -> int | None:
        return len(self.bucket[key]) if key in self.bucket else None

    def pages(self, prefix: str) -> Iterator[list[Stored]]:
        yield [Stored(key, len(found), 0.0) for key, found in sorted(self.bucket.items()) if key.startswith(prefix)]

    def send(self, key: str, body: Body | bytes, sha256: bytes) -> None:
        self.bucket[key] = self._read(body, sha256)

    def begin(self, key: str) -> str:
        upload = f"upload-{len(self.uploads)}-{random.random()}"
        self.uploads[upload] = (key, {})
        return upload

    def send_part(self, key: str, upload: str, number: int, body: Body | bytes, sha256: bytes) -> Part:
        if self.left == 0:
            raise StoreError("the connection broke")
        if self.left is not None:
            self.left -= 1
        self.uploads[upload][1][number] = self._read(body, sha256)
        self.parts_sent += 1
        return Part(number, f"{number}", sha256)

    def finish(self, key: str, upload: str, parts: Iterable[Part], size: int) -> None:
        _, arrived = self.uploads.pop(upload)
        assert sorted(part.number for part in parts) == sorted(arrived)
        self.bucket[key] = b"".join(arrived[number] for number in sorted(arrived))
        assert len(self.bucket[key]) == size

    def abort(self, key: str, upload: str) -> None:
        self.uploads.pop(upload, None)

    def list_parts(self, key: str, upload: str) -> dict[int, Arrived]:
        arrived = self.uploads[upload][1]
        return {
            number: Arrived(len(part), f"{number}", hashlib.sha256(part).digest()) for number, part in arrived.items()
        }

    def list_uploads(self, prefix: str) -> list[tuple[str, str]]:
        return [(key, upload) for upload, (key, _) in self.uploads.items() if key.startswith(prefix)]

    @staticmethod
    def _read(body: Body | bytes, sha256: bytes) -> bytes:
        content = body if isinstance(body, bytes) else b"".join(iter(body.read, b""))
        assert isinstance(body, bytes) or len(body) == len(content)
        assert hashlib.sha256(content).digest() == sha256
        return content


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WHOLE_BYTES", "PART_BYTES", "COMPRESSED_PART_BYTES"):
        monkeypatch.setattr(sender, name, MIB)


def run(memory: Memory, directory: Path, vault: Vault) -> Uploaded:
    files = list(snapshot_files([directory / "data"], TAG))
    return upload_files(memory, PREFIX, files, directory / "hashes", IDLE, vault)


def check(memory: Memory, uploaded: Uploaded, vault: Vault) -> None:
    """Each object is sealed, has the size of the manifest, and holds the file."""
    for file, component in uploaded.components.items():
        content = memory.bucket[component.key]
        assert len(content) == component.stored_size
        unsealer = vault.unsealer(component.key)
        plain = b"".join((*unsealer(content), unsealer.finish()))
        if layout.is_compressed(component.key):
            plain = b"".join(Decompressor()(plain))
        assert plain == Path(file.path).read_bytes()
        assert hashlib.sha256(plain).hexdigest() == component.sha256
        assert component.sha256 not in component.key
        Place("here").content(component.key, file.table.id, component.sha256, component.encoding)


MIXED = b"".join(os.urandom(600) + b"text " * 200 for _ in range(3000))
CONTENTS = [b"", b"a", os.urandom(5000), b"text " * 2000, os.urandom(MIB), os.urandom(3 * MIB + 1), MIXED]


def test_every_form(tmp_path: Path) -> None:
    for number, content in enumerate(CONTENTS):
        put(tmp_path / "data", "shop", "user", sstable(number, content))
    memory, vault = Memory(), new_vault()
    uploaded = run(memory, tmp_path, vault)
    check(memory, uploaded, vault)
    encodings = [component.encoding for component in uploaded.components.values()]
    assert (encodings.count("zstd"), len(memory.bucket), uploaded.sent_objects) == (2, len(CONTENTS), len(CONTENTS))
    assert any(part.stored_size > MIB for part in uploaded.components.values() if part.encoding == "zstd")
    again = run(memory, tmp_path, vault)
    assert (again.sent_objects, again.components) == (0, uploaded.components)
    other = run(memory, tmp_path, new_vault())
    assert other.sent_objects == len(CONTENTS)
    assert len(memory.bucket) == 2 * len(CONTENTS)


def test_parts_of_an_earlier_attempt_are_used(tmp_path: Path) -> None:
    put(tmp_path / "data", "shop", "user", sstable(1, os.urandom(6 * MIB + 100)))
    memory, vault = Memory(), new_vault()
    memory.left = 3
    with pytest.raises(StoreError, match="broke"):
        run(memory, tmp_path, vault)
    assert memory.bucket == {}
    memory.left = None
    uploaded = run(memory, tmp_path, vault)
    assert memory.parts_sent == 7
    assert 0 < uploaded.sent_bytes < 5 * MIB
    check(memory, uploaded, vault)


def test_parts_that_another_data_key_sealed_are_sent_again(tmp_path: Path) -> None:
    put(tmp_path / "data", "shop", "user", sstable(1, os.urandom(3 * MIB)))
    memory, vault = Memory(), new_vault()
    memory.left = 1
    with pytest.raises(StoreError, match="broke"):
        run(memory, tmp_path, vault)
    memory.left = None
    other = Vault(vault.id, bytes(32))
    uploaded = run(memory, tmp_path, other)
    check(memory, uploaded, other)
    assert memory.uploads == {}
