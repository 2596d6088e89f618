"""zstd, where the interpreter has it and where it pays."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Faster than a network of 10 GBit/s on one core for what compresses well.
_LEVEL = 1
_PROBE_BYTES = 128 * 1024
_LEAST_BYTES = 4096
_WORTH = 0.9
_CHUNK = 1024 * 1024
# Ten thousand parts, the most that an object can have, are enough for this much even if nothing is saved.
MOST_BYTES = 64 * 1024**3


def is_worth_it(path: str, size: int) -> bool:
    """Whether a file gets clearly smaller, judged by its beginning."""
    if not _LEAST_BYTES <= size <= MOST_BYTES:
        return False
    with Path(path).open("rb", buffering=0) as file:
        beginning = file.read(_PROBE_BYTES)
    return len(zstd.compress(beginning, _LEVEL)) < _WORTH * len(beginning)


def compressed(path: str, part_bytes: int, check: Callable[[], object]) -> Iterator[bytes]:
    """A file as one zstd frame, in parts of at least `part_bytes` (the last one may be smaller).

    `check` is called between pieces, and may raise.
    """
    compressor = zstd.ZstdCompressor(_LEVEL)
    part = bytearray()
    with Path(path).open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            check()
            part += compressor.compress(chunk)
            if len(part) >= part_bytes:
                yield bytes(part)
                part.clear()
    part += compressor.flush()
    yield bytes(part)


class DamagedError(Exception):
    """Bytes that are not zstd's."""


class Decompressor:
    """Takes a compressed object piece by piece and gives the plain content, at most a megabyte at a time."""

    def __init__(self) -> None:
        self._frame = zstd.ZstdDecompressor()

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        """The plain content that another piece gives. Raises DamagedError."""
        try:
            while True:
                if plain := self._frame.decompress(piece, _CHUNK):
                    yield plain
                piece = b""
                if self._frame.eof or self._frame.needs_input:
                    return
        except (zstd.ZstdError, EOFError) as error:
            raise DamagedError(str(error)) from error
