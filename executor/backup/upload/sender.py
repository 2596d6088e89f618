"""The sender of files: hashed, compressed if it is worth it, and sent unless they are stored already."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from executor.backup.format import layout
from executor.backup.format.manifest import Component
from executor.backup.seal.body import SealedSlice
from executor.backup.seal.cipher import seal_parts, sealed_size
from executor.backup.seal.vault import Vault
from executor.backup.upload import compression
from executor.backup.upload.files import SnapshotFile
from executor.backup.upload.hashes import HashCache
from executor.backup.upload.index import Index, Kept
from executor.backup.upload.progress import Meter
from executor.s3.body import Body, Piecewise, Slice
from executor.s3.crew import Crew
from executor.s3.errors import StoreError
from executor.s3.listing import Arrived
from executor.s3.store import Part, Store

THREADS = 8
_MIB = 1024 * 1024
# Up to this size one request, whose checksum is the content's. Parts are hashed again, and the server joins them.
WHOLE_BYTES = 64 * _MIB
PART_BYTES = 16 * _MIB
# Parts of compressed files are kept in memory.
COMPRESSED_PART_BYTES = 8 * _MIB
_COMPRESSED_AT_ONCE = 3
_PARTS_WAITING = 3
_MOST_PARTS = 9000
_READ_BYTES = _MIB

# A maker of a body, from the function that gets the size of each piece.
_Make = Callable[[Callable[[int], object]], Body]


@dataclass
class _Growing:
    """An object whose parts arrive in any order; `total` is their number, None while unknown.

    `before` are parts that an earlier attempt sent; they count once their content is checked.
    """

    key: str
    upload: str
    total: int | None = None
    before: Mapping[int, Arrived] = field(default_factory=dict)
    arrived: list[Part] = field(default_factory=list)
    stored_size: int = 0
    reused: int = 0


@dataclass
class Sender:
    """A sender of one node's files below `prefix`. Raises StoreError, and OSError if a file cannot be read.

    `pace` receives the number of bytes before they are sent; it waits, and can raise. `look` does the same for bytes
    that are read for a hash. `sent` are the files that had to be sent. `halves` are unfinished uploads of an earlier
    attempt, by key; useful ones are removed from it and finished. With a `vault` the objects are sealed.
    """

    store: Store
    prefix: str
    index: Index
    hashes: HashCache
    meter: Meter
    crew: Crew
    pace: Callable[[int], None]
    look: Callable[[int], None]
    halves: dict[str, str] = field(default_factory=dict)
    vault: Vault | None = None
    components: dict[SnapshotFile, Component] = field(default_factory=dict)
    sent: list[SnapshotFile] = field(default_factory=list)
    sent_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _growing: dict[str, _Growing] = field(default_factory=dict)
    _compressing: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_COMPRESSED_AT_ONCE))

    def send(self, file: SnapshotFile) -> None:
        """Send one file, or its beginning: the crew sends the parts of a large one. Raises StoreError, OSError."""
        sha256 = self._hash(file)
        content = (file.table.id, self._name(file, sha256), file.size)
        kept, pays = self.index.get(*content), False
        if kept is None:
            # Equal content was sent in this encoding before.
            pays = compression.is_worth_it(file.path, file.size)
            encoding = layout.ZSTD_ENCODING if pays else layout.PLAIN_ENCODING
            kept = self.index.ask(self.store, self.prefix, content, encoding)
        if kept is not None:
            self._done(file, sha256, kept)
            self.meter.add_handled(file.size, files=1)
        elif pays:
            while not self._compressing.acquire(timeout=0.2):
                self.crew.check()
            try:
                self._send_compressed(file, sha256)
            finally:
                self._compressing.release()
        elif file.size <= WHOLE_BYTES:
            self._send_whole(file, sha256)
        else:
            self._send_parts(file, sha256)

    def abandon(self) -> None:
        """Abort all unfinished objects. Raises StoreError."""
        with self._lock:
            growing = list(self._growing.values())
            self._growing.clear()
        for item in growing:
            self.store.abort(item.key, item.upload)

    def _hash(self, file: SnapshotFile) -> str:
        known = self.hashes.get(file.identity)
        if known is not None:
            return known
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            sha256 = self._digest(descriptor, file).hex()
        finally:
            os.close(descriptor)
        self.hashes.put(file.identity, sha256)
        return sha256

    def _digest(self, descriptor: int, file: SnapshotFile) -> bytes:
        digest, offset = hashlib.sha256(), 0
        buffer = memoryview(bytearray(min(_READ_BYTES, max(file.size, 1))))
        while offset < file.size:
            self.crew.check()
            self.look(min(len(buffer), file.size - offset))
            count = os.preadv(descriptor, [buffer[: min(len(buffer), file.size - offset)]], offset)
            if not count:
                raise OSError(f"{file.path} ends at byte {offset}, and had {file.size} bytes")
            digest.update(buffer[:count])
            offset += count
        return digest.digest()

    def _send_whole(self, file: SnapshotFile, sha256: str) -> None:
        key = self._key(file, sha256, layout.PLAIN_ENCODING)
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if self.vault is None:
                size, body = file.size, Slice(descriptor, 0, file.size, self.pace)
                self.store.send(key, body if file.size else b"", bytes.fromhex(sha256))
            else:
                sealed = partial(SealedSlice, descriptor, (0, file.size), file.size, self.vault.cipher(key))
                size = sealed_size(file.size)
                self.store.send(key, sealed(self.pace), self._digest_of(sealed(self.look)))
        finally:
            os.close(descriptor)
        self._sent(file, sha256, Kept(layout.PLAIN_ENCODING, size))
        self.meter.add_handled(file.size, files=1)

    # Files in parts, without compression.

    def _send_parts(self, file: SnapshotFile, sha256: str) -> None:
        size = max(PART_BYTES, -(-file.size // _MOST_PARTS // _MIB) * _MIB)
        offsets = range(0, file.size, size)
        growing = self._resume(self._key(file, sha256, layout.PLAIN_ENCODING))
        growing.total = len(offsets)
        for number, offset in enumerate(offsets, 1):
            length = min(size, file.size - offset)
            self.crew.add(partial(self._send_slice, file, sha256, growing, number, offset, length))

    def _send_slice(
        self, file: SnapshotFile, sha256: str, growing: _Growing, number: int, offset: int, length: int
    ) -> None:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            make = self._part_body(descriptor, file, growing, offset, length)
            digest = self._digest_of(make(self.look))
            body = make(self.pace)
            before = growing.before.get(number)
            if before is not None and before.size == len(body) and self._is_same(make, digest, before):
                part = Part(number, before.etag, digest)
                with self._lock:
                    growing.reused += len(body)
            else:
                part = self.store.send_part(growing.key, growing.upload, number, body, digest)
        finally:
            os.close(descriptor)
        self.meter.add_handled(length)
        self._arrived(file, sha256, layout.PLAIN_ENCODING, growing, part, len(body))

    def _part_body(self, descriptor: int, file: SnapshotFile, growing: _Growing, offset: int, length: int) -> _Make:
        """Return the maker of a part's body: each attempt at one upload makes the same bytes."""
        if self.vault is None:
            return partial(Slice, descriptor, offset, length)
        cipher = self.vault.cipher_of_upload(growing.key, growing.upload)
        return partial(SealedSlice, descriptor, (offset, length), file.size, cipher)

    def _digest_of(self, body: Body, digest: hashlib._Hash | None = None) -> bytes:
        digest = digest or hashlib.sha256()
        while piece := body.read():
            self.crew.check()
            digest.update(piece)
        return digest.digest()

    def _is_same(self, make: _Make, digest: bytes, before: Arrived) -> bool:
        if before.sha256 is not None:
            return before.sha256 == digest
        # Servers that do not report checksums have the MD5 as a part's tag.
        md5 = hashlib.md5(usedforsecurity=False)
        return before.etag.strip('"') == self._digest_of(make(self.look), md5).hex()

    # Compressed files: one request, or parts as they come out of the compressor.

    def _send_compressed(self, file: SnapshotFile, sha256: str) -> None:
        key = self._key(file, sha256, layout.ZSTD_ENCODING)
        parts = compression.compress(file.path, COMPRESSED_PART_BYTES, self.crew.check)
        if self.vault is not None:
            parts = seal_parts(parts, self.vault.cipher(key))
        first, second = next(parts), next(parts, None)
        if second is None:
            self.store.send(key, Piecewise(first, self.pace), hashlib.sha256(first).digest())
            self._sent(file, sha256, Kept(layout.ZSTD_ENCODING, len(first)))
            self.meter.add_handled(file.size, files=1)
            return
        growing = self._begin(key)
        number = 0
        for part in chain((first, second), parts):
            number += 1
            self.crew.add(partial(self._send_memory, file, sha256, growing, number, part))
            self.crew.help(_PARTS_WAITING)
        self.meter.add_handled(file.size)
        self._arrived(file, sha256, layout.ZSTD_ENCODING, growing, None, 0, total=number)

    def _send_memory(self, file: SnapshotFile, sha256: str, growing: _Growing, number: int, content: bytes) -> None:
        digest = hashlib.sha256(content).digest()
        part = self.store.send_part(growing.key, growing.upload, number, Piecewise(content, self.pace), digest)
        self._arrived(file, sha256, layout.ZSTD_ENCODING, growing, part, len(content))

    # Objects of parts.

    def _begin(self, key: str) -> _Growing:
        growing = _Growing(key, self.store.begin(key))
        with self._lock:
            self._growing[growing.upload] = growing
        return growing

    def _resume(self, key: str) -> _Growing:
        """Return the object that an earlier attempt began, or a new one."""
        with self._lock:
            upload = self.halves.pop(key, None)
        try:
            if upload is None:
                return self._begin(key)
            growing = _Growing(key, upload, before=self.store.list_parts(key, upload))
        except StoreError as error:
            if upload is None or not error.missing:
                raise
            return self._begin(key)
        with self._lock:
            self._growing[upload] = growing
        return growing

    def _arrived(
        self,
        file: SnapshotFile,
        sha256: str,
        encoding: str,
        growing: _Growing,
        part: Part | None,
        length: int,
        total: int | None = None,
    ) -> None:
        with self._lock:
            if part is not None:
                growing.arrived.append(part)
            growing.total = total or growing.total
            growing.stored_size += length
            if len(growing.arrived) != growing.total:
                return
        self.store.finish(growing.key, growing.upload, growing.arrived, growing.stored_size)
        with self._lock:
            self._growing.pop(growing.upload, None)
        self._sent(file, sha256, Kept(encoding, growing.stored_size), growing.reused)
        self.meter.add_handled(0, files=1)

    def _sent(self, file: SnapshotFile, sha256: str, kept: Kept, reused: int = 0) -> None:
        with self._lock:
            self.sent.append(file)
            self.sent_bytes += kept.stored_size - reused
        _, _, name = self._key(file, sha256, kept.encoding).rpartition("/")
        self.index.add(file.table.id, name, kept.stored_size)
        self._done(file, sha256, kept)

    def _done(self, file: SnapshotFile, sha256: str, kept: Kept) -> None:
        key = self._key(file, sha256, kept.encoding)
        self.components[file] = Component(file.name, file.size, sha256, key, kept.stored_size, kept.encoding)

    def _key(self, file: SnapshotFile, sha256: str, encoding: str) -> str:
        name = self._name(file, sha256)
        return self.prefix + layout.data_name(file.table.id, name, encoding, self.vault is not None)

    def _name(self, file: SnapshotFile, sha256: str) -> str:
        return sha256 if self.vault is None else self.vault.content_name(file.table.id, sha256)


def largest_first(files: Iterable[SnapshotFile]) -> Sequence[SnapshotFile]:
    """Return the files in the order in which all threads end at about the same time."""
    return sorted(files, key=lambda file: (-file.size, file.path))
