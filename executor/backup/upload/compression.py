"""zstd, for files that it makes clearly smaller."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# For well compressible files, faster on one core than a network of 10 GBit/s.
_LEVEL = 1
_PROBE_BYTES = 128 * 1024
_LEAST_BYTES = 4096
_WORTH = 0.9
_CHUNK = 1024 * 1024
# The logarithm of the bytes that a frame can have a reader keep: 8 MiB, as the format recommends for readers. By
# default a frame could take 128 MiB, and so could each of several downloads. Level 1 needs 512 KiB.
_WINDOW_LOG = 23
# An object has at most ten thousand parts, which is enough for this size even without any saving.
MOST_BYTES = 64 * 1024**3


def is_worth_it(path: str, size: int) -> bool:
    """Return whether compression makes a file clearly smaller, judged by its beginning.

    Args:
        path: The file.
        size: Its size in bytes.

    Raises:
        OSError: The file cannot be read.
    """
    if not _LEAST_BYTES <= size <= MOST_BYTES:
        return False
    with Path(path).open("rb", buffering=0) as file:
        beginning = file.read(_PROBE_BYTES)
    return len(zstd.compress(beginning, _LEVEL)) < _WORTH * len(beginning)


def compress(path: str, part_bytes: int, check: Callable[[], object]) -> Iterator[bytes]:
    """Yield a file as one zstd frame, in parts of at least `part_bytes`; the last one can be smaller.

    `check` is called between pieces, and can raise.
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
    """Bytes that are not a valid zstd frame, or one that takes too much memory."""


class Decompressor:
    """A decompressor of one object: it takes pieces, and yields at most a megabyte at a time."""

    def __init__(self) -> None:
        self._frame = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        """Yield the plain content of another piece. Raises DamagedError."""
        try:
            while True:
                if plain := self._frame.decompress(piece, _CHUNK):
                    yield plain
                piece = b""
                if self._frame.eof or self._frame.needs_input:
                    return
        except (zstd.ZstdError, EOFError) as error:
            raise DamagedError(str(error)) from error
