"""The sealing of one object, and what happens to it in foreign hands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from executor.backup.seal import cipher
from executor.backup.seal.body import SealedSlice
from executor.backup.seal.cipher import CHUNK_BYTES, UnsealError, seal_parts, sealed_length, sealed_size
from executor.backup.seal.vault import Vault, new_vault

VAULT = new_vault()
KEY = "data/c/n/t/k"
CONTENT = os.urandom(3 * CHUNK_BYTES + 1000)
WHOLE = CHUNK_BYTES + 16
HEADER = 56


def opened(sealed: bytes, key: str = KEY, vault: Vault = VAULT, piece: int = 50_001) -> bytes:
    unsealer = vault.unsealer(key)
    found = b"".join(part for at in range(0, len(sealed), piece) for part in unsealer(sealed[at : at + piece]))
    return found + unsealer.finish()


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
@pytest.mark.parametrize("piece", [17, 50_001, 10_000_000])
def test_there_and_back(size: int, piece: int) -> None:
    sealed = VAULT.seal(KEY, CONTENT[:size])
    assert len(sealed) == sealed_size(size)
    assert cipher.is_sealed(sealed)
    assert opened(sealed, piece=max(piece, size // 50)) == CONTENT[:size]


def test_equal_contents_are_sealed_differently() -> None:
    assert VAULT.seal(KEY, b"a")[HEADER:] != VAULT.seal(KEY, b"a")[HEADER:]


@pytest.mark.parametrize("at", [0, 8, 24, 55, HEADER, HEADER + 5, HEADER + WHOLE, HEADER + 3 * WHOLE, -1])
def test_a_changed_byte(at: int) -> None:
    """Magic, data key's id, salt, the first chunk, the second one, the last one, its tag."""
    sealed = bytearray(VAULT.seal(KEY, CONTENT))
    sealed[at] ^= 1
    with pytest.raises(UnsealError, match=r"changed|sealed"):
        opened(bytes(sealed))


def _chunks(sealed: bytes) -> list[bytes]:
    return [sealed[HEADER + at : HEADER + at + WHOLE] for at in range(0, len(sealed) - HEADER, WHOLE)]


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(lambda c: [c[1], c[0], c[2], c[3]], id="swapped"),
        pytest.param(lambda c: [c[0], c[0], c[1], c[2], c[3]], id="repeated"),
        pytest.param(lambda c: [c[0], c[2], c[3]], id="left out"),
        pytest.param(lambda c: c[:3], id="cut at a chunk"),
        pytest.param(lambda c: [*c[:3], c[3][:-1]], id="cut in a chunk"),
        pytest.param(lambda c: [*c, c[3]], id="longer"),
        pytest.param(lambda c: [*c, b"x"], id="a byte more"),
        pytest.param(lambda c: [], id="no chunk"),
        pytest.param(lambda c: [c[3]], id="only the last one"),
    ],
)
def test_chunks_in_another_order_or_number(arrange: Callable[[list[bytes]], list[bytes]]) -> None:
    sealed = VAULT.seal(KEY, CONTENT)
    with pytest.raises(UnsealError):
        opened(sealed[:HEADER] + b"".join(arrange(_chunks(sealed))))


@pytest.mark.parametrize("size", [0, 1, HEADER - 1])
def test_a_cut_header(size: int) -> None:
    with pytest.raises(UnsealError, match="ends in its header"):
        opened(VAULT.seal(KEY, CONTENT)[:size])


def test_an_object_in_the_place_of_another() -> None:
    with pytest.raises(UnsealError, match="changed, cut or moved"):
        opened(VAULT.seal("data/c/n/t/other", CONTENT))


def test_chunks_of_two_objects() -> None:
    one, other = VAULT.seal(KEY, CONTENT), VAULT.seal(KEY, CONTENT)
    with pytest.raises(UnsealError):
        opened(one[: HEADER + WHOLE] + other[HEADER + WHOLE :])


def test_another_data_key() -> None:
    with pytest.raises(UnsealError):
        opened(VAULT.seal(KEY, CONTENT), vault=Vault(VAULT.id, bytes(32)))


def _parts(*sizes: int) -> Iterator[bytes]:
    at = 0
    for size in sizes:
        yield CONTENT[at : at + size]
        at += size


@pytest.mark.parametrize("sizes", [(0,), (5,), (5, 5, 5), (CHUNK_BYTES, 0), (2 * CHUNK_BYTES, CHUNK_BYTES, 1000)])
def test_parts(sizes: tuple[int, ...]) -> None:
    parts = list(seal_parts(_parts(*sizes), VAULT.cipher(KEY)))
    assert len(parts) == len(sizes)
    assert opened(b"".join(parts)) == CONTENT[: sum(sizes)]


@pytest.mark.parametrize("size", [0, 100, CHUNK_BYTES, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 1])
def test_parts_of_a_file(size: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(CONTENT[:size])
    descriptor = os.open(path, os.O_RDONLY)
    sealed, paced = b"", list[int]()
    own = VAULT.cipher_of_upload(KEY, "upload-1")
    for offset in range(0, max(size, 1), CHUNK_BYTES):
        length = min(CHUNK_BYTES, size - offset)
        body = SealedSlice(descriptor, (offset, length), size, own, paced.append)
        first = b"".join(iter(body.read, b""))
        assert len(body) == sealed_length(offset, length) == len(first) == body.tell()
        body.seek(0)
        assert b"".join(iter(body.read, b"")) == first
        sealed += first
    os.close(descriptor)
    assert sum(paced) == 2 * len(sealed) == 2 * sealed_size(size)
    assert opened(sealed) == CONTENT[:size]


def test_a_file_that_became_shorter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    descriptor = os.open(path, os.O_RDONLY)
    with pytest.raises(OSError, match="ends at byte 3"):
        SealedSlice(descriptor, (0, 10), 10, VAULT.cipher(KEY), lambda size: None).read()
    os.close(descriptor)


def test_one_upload_has_one_cipher_and_another_has_another() -> None:
    one = VAULT.cipher_of_upload(KEY, "1").seal(0, b"a", last=True)
    assert VAULT.cipher_of_upload(KEY, "1").seal(0, b"a", last=True) == one
    assert VAULT.cipher_of_upload(KEY, "2").seal(0, b"a", last=True) != one
    assert VAULT.cipher_of_upload("other", "1").seal(0, b"a", last=True) != one
