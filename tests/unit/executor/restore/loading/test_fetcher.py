"""A file is what was backed up, byte for byte, or it is not there."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from backports import zstd

from executor.backup.seal.cipher import Unsealer
from executor.backup.seal.vault import new_vault
from executor.restore.loading.fetcher import Contents, Fetcher, FetchStopped
from executor.restore.source.batches import Piece
from executor.restore.source.stored import FetchError

PLAIN = os.urandom(300_000) + b"\0" * 5_000_000
PACKED = zstd.compress(PLAIN)
VAULT = new_vault()
SEALED, SEALED_PACKED = VAULT.seal("o.sealed", PLAIN), VAULT.seal("o.zst.sealed", PACKED)


class Store:
    """Objects; a stream of one breaks after each of `breaks` bytes in turn."""

    def __init__(self, *breaks: int, **objects: bytes) -> None:
        self.objects = {name.replace("_", "."): content for name, content in objects.items()}
        self.breaks = list(breaks)
        self.offsets: list[int] = []

    @contextmanager
    def stream(self, key: str, offset: int) -> Iterator[Iterator[bytes]]:
        if key not in self.objects:
            raise FetchError(f"{key} does not exist", hopeless=True)
        self.offsets.append(offset)
        yield self._chunks(self.objects[key][offset:])

    def _chunks(self, content: bytes) -> Iterator[bytes]:
        end = self.breaks.pop(0) if self.breaks else None
        for begin in range(0, len(content) if end is None else end, 50_000):
            yield content[begin : min(begin + 50_000, end or len(content))]
        if end is not None:
            raise FetchError("the connection broke")

    def unsealer(self, key: str) -> Unsealer:
        return VAULT.unsealer(key)


class Counted:
    def __init__(self, store: Store) -> None:
        self.bytes = 0
        self.paced = 0
        self.fetcher = Fetcher(store, self.pace, self.count, threading.Event())

    def count(self, number: int) -> None:
        self.bytes += number

    def pace(self, number: int) -> None:
        self.paced += number


def piece(key: str, plain: bytes = PLAIN, stored: bytes | None = None) -> Piece:
    stored = plain if stored is None else stored
    return Piece("nb-1-big-Data.db", len(plain), hashlib.sha256(plain).hexdigest(), key, len(stored))


@pytest.mark.parametrize(
    ("store", "wanted", "offsets"),
    [
        pytest.param(Store(plain=PLAIN), piece("plain"), [0], id="as it is"),
        pytest.param(Store(o_zst=PACKED), piece("o.zst", stored=PACKED), [0], id="compressed"),
        pytest.param(Store(1000, 200_000, plain=PLAIN), piece("plain"), [0, 1000, 201_000], id="the connection breaks"),
        pytest.param(Store(7, 200_000, o_zst=PACKED), piece("o.zst", stored=PACKED), [0, 7, 200_007], id="in a frame"),
        pytest.param(Store(), piece("nothing", b""), [], id="zero bytes need no object (T8)"),
        pytest.param(
            Store(20, 200_000, 300_000, o_sealed=SEALED),
            piece("o.sealed", stored=SEALED),
            [0, 20, 200_020, 500_020],
            id="sealed, and the connection breaks in the header and in chunks",
        ),
        pytest.param(
            Store(100_000, o_zst_sealed=SEALED_PACKED),
            piece("o.zst.sealed", stored=SEALED_PACKED),
            [0, 100_000],
            id="compressed and sealed",
        ),
    ],
)
def test_fetch(tmp_path: Path, store: Store, wanted: Piece, offsets: list[int]) -> None:
    counted = Counted(store)
    target = tmp_path / "file"
    counted.fetcher.fetch(wanted, target)
    assert target.read_bytes() == (PLAIN if wanted.size else b"")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (counted.bytes, counted.paced) == (wanted.size, wanted.stored_size)
    assert store.offsets == offsets


@pytest.mark.parametrize(
    ("store", "wanted", "message"),
    [
        pytest.param(Store(), piece("gone"), "gone does not exist", id="missing"),
        pytest.param(
            Store(plain=PLAIN[:-1] + b"x"), piece("plain"), r"plain \(nb-1-big-Data\.db\) is damaged: it has the SHA",
            id="another byte",
        ),
        pytest.param(Store(plain=PLAIN + b"x"), piece("plain"), "is damaged: it has more than", id="longer"),
        pytest.param(
            Store(o_sealed=SEALED[:-1] + bytes([SEALED[-1] ^ 1])), piece("o.sealed", stored=SEALED),
            "cannot be opened: it was changed", id="another byte of a sealed object",
        ),
        pytest.param(
            Store(o_sealed=SEALED[:-9]), piece("o.sealed", stored=SEALED[:-9]), "cannot be opened: it was changed, cut",
            id="a sealed object that was cut",
        ),
        pytest.param(
            Store(o_sealed=PLAIN), piece("o.sealed"), "cannot be opened: it is not sealed as its name says",
            id="plain text in place of a sealed object",
        ),
        pytest.param(Store(o_zst=PLAIN), piece("o.zst"), "is damaged: it cannot be decompressed", id="no zstd"),
        pytest.param(
            Store(o_zst=PACKED[:1000]), piece("o.zst", stored=PACKED[:1000]), r"has \d+ bytes when decompressed",
            id="an object that was cut before it came into the manifest",
        ),
    ],
)  # fmt: skip
def test_what_is_damaged_is_named_and_leaves_no_file(tmp_path: Path, store: Store, wanted: Piece, message: str) -> None:
    counted = Counted(store)
    with pytest.raises(FetchError, match=message) as caught:
        counted.fetcher.fetch(wanted, tmp_path / "file")
    assert caught.value.hopeless
    assert not (tmp_path / "file").exists()
    assert counted.bytes == 0


def test_a_file_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    store = Store(plain=PLAIN)
    counted = Counted(store)
    for _ in range(2):
        counted.fetcher.fetch(piece("plain"), tmp_path / "file")
    assert store.offsets == [0]
    assert counted.bytes == 2 * len(PLAIN)


@pytest.mark.parametrize("content", [PLAIN[:-1], PLAIN[:-1] + b"x"], ids=["shorter", "other"])
def test_a_file_with_another_content_is_fetched_again(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    counted = Counted(Store(plain=PLAIN))
    counted.fetcher.fetch(piece("plain"), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == PLAIN


def test_it_ends_at_the_next_chunk_when_told_to(tmp_path: Path) -> None:
    counted = Counted(Store(plain=PLAIN))
    counted.fetcher.stopped.set()
    with pytest.raises(FetchStopped):
        counted.fetcher.fetch(piece("plain"), tmp_path / "file")
    assert counted.paced == 0


def test_a_small_file_that_has_come_is_not_asked_for_again(tmp_path: Path) -> None:
    store = Store(toc=b"Data.db\n", other=b"Data.db\n", large=PLAIN)
    counted = Counted(store)
    for number, key in enumerate(("toc", "other", "toc")):
        counted.fetcher.fetch(piece(key, b"Data.db\n"), tmp_path / str(number))
        assert (tmp_path / str(number)).read_bytes() == b"Data.db\n"
    assert (len(store.offsets), counted.bytes, counted.paced) == (1, 24, 8)
    for number in range(2):
        counted.fetcher.fetch(piece("large"), tmp_path / f"large{number}")
    assert len(store.offsets) == 3


def test_the_oldest_contents_are_forgotten_first() -> None:
    known = Contents(most_bytes=10)
    pieces = [piece(str(number), str(number).encode() * 4) for number in range(3)]
    for one in pieces:
        known.put(one, one.key.encode() * 4)
    assert [known.get(one) for one in pieces] == [None, b"1111", b"2222"]
