"""The sealing of one object: AES-256-GCM in chunks, so that a change, a cut, a swap or another order is found.

A sealed object is a header (8 bytes of magic, 16 of the data key's id, 32 of salt) and chunks: 256 KiB of content each,
the last one possibly less, with a tag of 16 bytes. Each object has a key of its own, derived from the data key and the
salt. The nonce of a chunk is its number and whether it is the last one (the construction STREAM). Each tag also covers
the header and the object's key in the bucket, so that no object can take another one's place.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from executor.json_codec import DocumentError

MAGIC = b"CMSEAL1\n"
ID_BYTES, SALT_BYTES = 16, 32
CHUNK_BYTES = 256 * 1024
_TAG_BYTES = 16
_HEADER_BYTES = len(MAGIC) + ID_BYTES + SALT_BYTES
_WHOLE = CHUNK_BYTES + _TAG_BYTES


class UnsealError(DocumentError):
    """A sealed object that cannot be opened; the text gives the cause."""


class NoKeyError(UnsealError):
    """The key of a sealed object is missing."""


@dataclass(frozen=True)
class Header:
    """The beginning of a sealed object: the id of the data key, and the salt for this object's own key."""

    vault: bytes
    salt: bytes

    def __bytes__(self) -> bytes:
        return MAGIC + self.vault + self.salt


def new_salt() -> bytes:
    """Return a salt that no object has."""
    return os.urandom(SALT_BYTES)


def is_sealed(content: bytes) -> bool:
    """Return whether bytes begin as a sealed object does."""
    return content.startswith(MAGIC)


def sealed_size(size: int) -> int:
    """Return the size of an object whose content has `size` bytes."""
    return sealed_length(0, size)


def sealed_length(offset: int, length: int) -> int:
    """Return the size of a sealed part of a content. The part begins at a chunk, and the first one has the header."""
    chunks = max(1, -(-length // CHUNK_BYTES))
    return (0 if offset else _HEADER_BYTES) + length + _TAG_BYTES * chunks


class ObjectCipher:
    """The cipher of one object. `key` is the object's own, `identity` its key in the bucket."""

    def __init__(self, key: bytes, header: Header, identity: str) -> None:
        self.header = bytes(header)
        self._cipher = AESGCM(key)
        self._associated = self.header + identity.encode()

    def seal(self, number: int, content: bytes | memoryview, last: bool) -> bytes:
        """Return the sealed chunk; the first one follows the header."""
        sealed = self._cipher.encrypt(_nonce(number, last), content, self._associated)
        return self.header + sealed if number == 0 else sealed

    def open(self, number: int, sealed: bytes | memoryview, last: bool) -> bytes:
        """Return the content of a chunk. Raises UnsealError."""
        try:
            return self._cipher.decrypt(_nonce(number, last), sealed, self._associated)
        except InvalidTag:
            raise UnsealError("it was changed, cut or moved since it was sealed") from None


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def seal_parts(parts: Iterable[bytes], cipher: ObjectCipher) -> Iterator[bytes]:
    """Yield sealed bytes for each part of a content. The last part can be empty, others have a chunk or more."""
    number, rest, before = 0, b"", None
    for part in parts:
        if before is not None:
            yield before
        content = memoryview(rest + part)
        at, sealed = 0, []
        # The last chunk is known only at the end.
        while len(content) - at > CHUNK_BYTES:
            sealed.append(cipher.seal(number, content[at : at + CHUNK_BYTES], last=False))
            at, number = at + CHUNK_BYTES, number + 1
        rest, before = bytes(content[at:]), b"".join(sealed)
    yield (before or b"") + cipher.seal(number, rest, last=True)


class Unsealer:
    """An opener of one sealed object: it takes pieces of any size, and holds back one chunk at most.

    `find` returns the object's cipher for its header; it raises UnsealError.
    """

    def __init__(self, find: Callable[[Header], ObjectCipher]) -> None:
        self._find = find
        self._cipher: ObjectCipher | None = None
        self._rest = b""
        self._number = 0

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        """Yield the content of another piece. Raises UnsealError."""
        self._rest += piece
        if self._cipher is None:
            if len(self._rest) < _HEADER_BYTES:
                return
            self._cipher = self._find(read_header(self._rest))
            self._rest = self._rest[_HEADER_BYTES:]
        content, at = memoryview(self._rest), 0
        while len(content) - at > _WHOLE:
            plain = self._cipher.open(self._number, content[at : at + _WHOLE], last=False)
            at, self._number = at + _WHOLE, self._number + 1
            yield plain
        self._rest = bytes(content[at:])

    def finish(self) -> bytes:
        """Return the content of the last chunk. Raises UnsealError."""
        if self._cipher is None:
            raise UnsealError("it ends in its header")
        return self._cipher.open(self._number, self._rest, last=True)


def read_header(content: bytes) -> Header:
    """Return the header at the beginning of a sealed object. Raises UnsealError."""
    if len(content) < _HEADER_BYTES or not content.startswith(MAGIC):
        raise UnsealError("it is not sealed as its name says")
    rest = content[len(MAGIC) : _HEADER_BYTES]
    return Header(rest[:ID_BYTES], rest[ID_BYTES:])
