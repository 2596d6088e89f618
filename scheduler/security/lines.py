"""Text files of secrets and names, with an entry on each line. A line ends at a newline, and at nothing else.

`str.splitlines` also ends a line at form feeds, U+2028 and others, and Python's text files at each carriage return. The
rest of a secret would then be a line of its own, such as a token with all rights.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Iterator
from pathlib import Path

# The authorities that a system trusts have 250 kB.
_MOST_BYTES = 4 * 1024**2
_BLANK = " \t\r"
PIPE_SECONDS = 5.0


def read_text(path: Path) -> str:
    """Return the text of a file with the ends of its lines as they are.

    Raises:
        OSError: It cannot be read, is too large to be such a file, as a device without an end is, or a silent pipe.
        UnicodeDecodeError: It is no text.
    """
    with open(path, "rb", opener=_open_without_waiting) as file:
        _await_content(file.fileno())
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content.decode("utf-8")


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file, also a pipe without a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _await_content(descriptor: int) -> None:
    """Wait for the content of a pipe, as of `<(…)` in a shell; OSError if none comes: no start hangs without a word."""
    if stat.S_ISFIFO(os.fstat(descriptor).st_mode) and not select.select([descriptor], [], [], PIPE_SECONDS)[0]:
        raise OSError(errno.ETIMEDOUT, f"it is a pipe, and nothing was written to it for {PIPE_SECONDS:.0f} s")
    os.set_blocking(descriptor, True)


def read_pem(path: Path) -> str:
    """Return the text of a file of keys or certificates, in which each end of a line is a newline; raises the same."""
    return read_text(path).replace("\r\n", "\n").replace("\r", "\n")


def entries(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of each line that is neither blank nor a comment."""
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(_BLANK)
        if line and not line.startswith("#"):
            yield number, line
