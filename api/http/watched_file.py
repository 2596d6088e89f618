"""A file of a setting that operators change while the process runs: what it holds now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from scheduler.security.lines import read_text

log = logging.getLogger(__name__)

# A change that leaves size and time stamp as they were is seen after this time.
REREAD_SECONDS = 5.0
Clock = Callable[[], float]
T = TypeVar("T")


class WatchedFile(Generic[T]):
    """The meaning of a text file, made anew when the file changes. Used by many threads."""

    def __init__(
        self, setting: str, path: Path, parse: Callable[[str | None], tuple[T, str]], unread: str, clock: Clock
    ) -> None:
        """Watch a file.

        Args:
            setting: The setting that names it, for the log.
            path: The file.
            parse: Returns the meaning of a text, None for a file that cannot be read, and its problem if it has one.
            unread: What a file that cannot be read means, for the log.
            clock: Seconds.
        """
        self._setting = setting
        self._path = path
        self._parse = parse
        self._unread = unread
        self._clock = clock
        self._value, _ = parse(None)
        self._seen: tuple[int, int, int] | None = None
        self._read_at = -REREAD_SECONDS
        self._said = ""
        self._reading = threading.Lock()

    def current(self) -> T:
        """Return the present meaning."""
        try:
            status = self._path.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            seen = None
        if seen != self._seen or self._clock() - self._read_at >= REREAD_SECONDS:
            with self._reading:
                self._value = self._read()
                # Last: until then other requests read the file too, instead of using what it held before.
                self._seen, self._read_at = seen, self._clock()
        return self._value

    def _read(self) -> T:
        try:
            text = read_text(self._path)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not a text"
            self._say(f"cannot be read, {self._unread}: {why}")
            return self._parse(None)[0]
        value, problem = self._parse(text)
        self._say(problem)
        return value

    def _say(self, problem: str) -> None:
        """Log a problem when it begins, not at each request."""
        if problem and problem != self._said:
            log.error("%s %s: %s", self._setting, self._path, problem)
        self._said = problem
