"""Logging to standard output: lines for people, or one JSON object on each line."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import deque
from contextlib import nullcontext

from executor.untrusted import log_entry, visible

# What is kept of the log in memory, for the API: about a day of a cluster that is well.
KEPT_ENTRIES, LONGEST_ENTRY = 5000, 2000


class TextFormatter(logging.Formatter):
    """One entry with time, level, message, and the trace of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry."""
        return log_entry(super().format(record))


class JsonFormatter(logging.Formatter):
    """One object on each line: time (seconds since the epoch), level, logger, message, and the trace of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        document = {
            "time": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            document["error"] = self.formatException(record.exc_info)
        return visible(json.dumps(document, ensure_ascii=False))


class RecentEntries(logging.Handler):
    """The last entries of the log, each as one text; long ones are cut."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: deque[str] = deque(maxlen=KEPT_ENTRIES)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an entry."""
        text = self.format(record)
        self._entries.append(text if len(text) <= LONGEST_ENTRY else f"{text[:LONGEST_ENTRY]}…")

    def entries(self) -> tuple[str, ...]:
        """Return the entries, the oldest first."""
        with self.lock or nullcontext():
            return tuple(self._entries)


recent = RecentEntries()


def set_up(level: str, style: str) -> None:
    """Log messages of `level` and above to standard output and to `recent`; `style` is text or json."""
    handler = logging.StreamHandler(sys.stdout)
    if style == "json":
        handler.setFormatter(JsonFormatter())
    else:
        formatter = TextFormatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    recent.setFormatter(handler.formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler, recent]
    for one in root.handlers:
        one.addFilter(_is_logged)
    root.setLevel(level)


def _is_logged(record: logging.LogRecord) -> bool:
    """Return whether a record is logged: of kazoo and pymesos, which log every attempt, only errors are."""
    return not record.name.startswith(("kazoo", "pymesos")) or record.levelno > logging.WARNING
