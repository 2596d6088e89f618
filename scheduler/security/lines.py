"""Text files of secrets and names, with an entry on each line. A line ends at a newline, and at nothing else.

`str.splitlines` also ends a line at form feeds, U+2028 and others, and Python's text files at each carriage return. The
rest of a secret would then be a line of its own, such as a token with all rights.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_BLANK = " \t\r"


def read_text(path: Path) -> str:
    """Return the text of a file with the ends of its lines as they are. Raises OSError, UnicodeDecodeError."""
    return path.read_bytes().decode("utf-8")


def entries(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number, from 1, and the text of each line that is neither blank nor a comment."""
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(_BLANK)
        if line and not line.startswith("#"):
            yield number, line
