"""A node's data directory with a snapshot, made without Cassandra.

Names, sizes and compressibility are like those of real SSTables: LZ4-compressed data, which do not get smaller, and
indexes, which do.
"""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TAG = "backup-bench"
SEED = 5
_KEY_SPACES = {
    "shop": ("orders", "customers", "items", "carts"),
    "metrics": ("raw", "hourly", "daily"),
    "users": ("by_id",),
}
_BLOCK = 1024 * 1024
_POOL_BLOCKS = 64
# Shares of Data.db's size; what is left of an SSTable are small files.
_INDEX_SHARE, _FILTER_SHARE = 0.03, 0.01
_CHUNK_BYTES = 16 * 1024
_COMPONENTS = 8


@dataclass(frozen=True)
class Table:
    """A table of the data directory."""

    key_space: str
    name: str
    id: str

    def directory(self, data: Path) -> Path:
        """Return the directory of its SSTables; the snapshot is below."""
        return data / self.key_space / f"{self.name}-{self.id}"


class Source:
    """A fast source of bytes that differ in every block of every file."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._pool = memoryview(self._random.randbytes(_POOL_BLOCKS * _BLOCK))
        self._regular = memoryview(b"".join(self._entries()))
        self._blocks = 0

    def plain(self, size: int) -> Iterator[memoryview]:
        """Return bytes that do not get smaller."""
        return self._cut(self._pool, size)

    def regular(self, size: int) -> Iterator[memoryview]:
        """Return bytes that get much smaller, like those of an index."""
        return self._cut(self._regular, size)

    def choose(self) -> random.Random:
        """Return the random choices for sizes."""
        return self._random

    def _cut(self, pool: memoryview, size: int) -> Iterator[memoryview]:
        while size > 0:
            self._blocks += 1
            header = struct.pack(">QQ", self._blocks, self._random.getrandbits(64))[:size]
            yield memoryview(header)
            length = min(_BLOCK, size) - len(header)
            start = self._random.randrange(len(pool) - _BLOCK)
            yield pool[start : start + length]
            size -= len(header) + length

    def _entries(self) -> Iterator[bytes]:
        for number in range(8 * _BLOCK // 32):
            key = f"{number * 7919:012d}".encode()
            yield struct.pack(">H12sQ10s", len(key), key, number * 4000, self._random.randbytes(4))


def tables(seed: int) -> list[Table]:
    """Return the tables, the same in every run."""
    ids = random.Random(seed)
    return [
        Table(key_space, name, f"{ids.getrandbits(128):032x}")
        for key_space, names in _KEY_SPACES.items()
        for name in names
    ]


def make(data: Path, size: int, files: int, seed: int = SEED) -> None:
    """Make a data directory of that many bytes in that many files (eight per SSTable), all in the snapshot `TAG`."""
    source = Source(seed)
    sstables = files // _COMPONENTS
    weights = [source.choose().lognormvariate(0, 1.6) for _ in range(sstables)]
    known = tables(seed)
    for number, weight in enumerate(weights):
        table = known[min(len(known) - 1, int(source.choose().expovariate(0.5)))]
        write_sstable(table.directory(data), number + 1, max(40_000, int(size * weight / sum(weights))), source)


def write_sstable(directory: Path, number: int, size: int, source: Source) -> None:
    """Write one SSTable of about that many bytes, with its hard links in the snapshot."""
    snapshot = directory / "snapshots" / TAG
    snapshot.mkdir(parents=True, exist_ok=True)
    data = int(size / (1 + _INDEX_SHARE + _FILTER_SHARE))
    contents = {
        "Data.db": source.plain(data),
        "Index.db": source.regular(int(data * _INDEX_SHARE)),
        "Filter.db": source.plain(int(data * _FILTER_SHARE)),
        "CompressionInfo.db": source.regular(60 + 8 * (2 * data // _CHUNK_BYTES)),
        "Statistics.db": source.regular(10_000),
        "Summary.db": source.regular(200 + data // 20_000),
        "Digest.crc32": iter([memoryview(b"%d" % source.choose().getrandbits(32))]),
        "TOC.txt": iter([memoryview(b"Data.db\nIndex.db\nFilter.db\nCompressionInfo.db\nStatistics.db\nTOC.txt\n")]),
    }
    for name, pieces in contents.items():
        path = directory / f"nb-{number}-big-{name}"
        with path.open("wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)
        os.link(path, snapshot / path.name)


def snapshot_paths(data: Path) -> list[Path]:
    """Return all files of the snapshot, by name."""
    return sorted(data.glob(f"*/*/snapshots/{TAG}/*"))


def warm(paths: list[Path]) -> int:
    """Read all files once, so that they are in the page cache, and return their bytes."""
    buffer = bytearray(_BLOCK)
    total = 0
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                total += count
    return total
