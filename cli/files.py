"""Files that a command is given: their text and their mode, with one sentence if they cannot be used."""

from __future__ import annotations

from pathlib import Path

from cli.errors import ExitCode, Failure, words_of


def read_text(file: Path, title: str = "") -> str:
    """Return the text of a file, which an error names by its path or by `title`.

    Raises:
        Failure: It cannot be read, or is not in UTF-8.
    """
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{title or file} cannot be read: {words_of(error)}.", ExitCode.USAGE) from error


def check_mode(file: Path) -> None:
    """Refuse a file with secrets, or with the way to them, that others can read or write.

    Raises:
        Failure: Its mode gives rights to others than the owner.
    """
    try:
        mode = file.stat().st_mode & 0o777
    except OSError as error:
        raise Failure(f"{file} cannot be read: {words_of(error)}.", ExitCode.USAGE) from error
    if mode & 0o077:
        raise Failure(f"{file} has mode {mode:04o}, so others can use it; run: chmod 600 {file}", ExitCode.USAGE)
