"""Logging to standard output: lines for people, or one JSON object on each line."""

from __future__ import annotations

import json
import logging
import sys
import time

from executor.untrusted import log_entry, visible


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


def set_up(level: str, style: str) -> None:
    """Log messages of `level` and above to standard output; `style` is text or json."""
    handler = logging.StreamHandler(sys.stdout)
    if style == "json":
        handler.setFormatter(JsonFormatter())
    else:
        formatter = TextFormatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
    handler.addFilter(_is_logged)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _is_logged(record: logging.LogRecord) -> bool:
    """Return whether a record is logged: of kazoo and pymesos, which log every attempt, only errors are."""
    return not record.name.startswith(("kazoo", "pymesos")) or record.levelno > logging.WARNING
