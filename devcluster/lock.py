"""A lock that lets one command at a time start or stop a cluster."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class BusyError(Exception):
    """Another command that is starting or stopping this cluster."""


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the cluster's directory, made if it is missing.

    The lock ends with the process, however it ends, and child processes do not inherit it.

    Raises:
        BusyError: another command holds the directory.
    """
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                "Another ./dev command is starting or stopping this cluster; wait until it ends."
            ) from error
        yield
    finally:
        os.close(handle)
