"""Exit codes, and the error that ends a command with one of them."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    ENDED_IN_ERROR = 3
    WAITS_FOR_OPERATOR = 4
    NOT_FOUND = 5
    CONFLICT = 6
    NO_RIGHT = 7
    NOT_REACHABLE = 8
    TIMED_OUT = 9
    INTERRUPTED = 130
    # The code of a program that SIGPIPE ended, as of `cassandra-mesos events | head`.
    BROKEN_PIPE = 141


class Failure(Exception):
    """The end of a command: one sentence for stderr, and the exit code; `document` is that of a refusal, if any."""

    def __init__(self, message: str, code: ExitCode = ExitCode.FAILED, document: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.document = document


def words_of(error: Exception) -> str:
    """Return the cause of an error for a sentence that names the file: no number of an error, no words of Python."""
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


_CODES = {
    401: ExitCode.NO_RIGHT,
    403: ExitCode.NO_RIGHT,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    502: ExitCode.NOT_REACHABLE,
    503: ExitCode.NOT_REACHABLE,
    504: ExitCode.NOT_REACHABLE,
}


def code_of_status(status: int) -> ExitCode:
    """Return the exit code for an HTTP status that is not a success."""
    return _CODES.get(status, ExitCode.FAILED)
