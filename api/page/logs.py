"""The end of a node's log, and the warnings and errors in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from api.page.dispatch import Answer, call

# The names of the logs in the API's requests, each with words for people.
FILES = {"system": "Cassandra's log", "output": "what Cassandra printed", "executor": "the executor's log"}
READ_LINES = 1000
SHOWN_LINES = 200
SHOWN_ENTRIES = 8
# A trace of Java says in its first lines what failed.
_LINES_OF_ENTRY = 6
_HEAD = re.compile(r"(?:\S+ )?(ERROR|FATAL|CRITICAL|WARN|WARNING|INFO|DEBUG|TRACE)\b")
_TONES = {"ERROR": "bad", "FATAL": "bad", "CRITICAL": "bad", "WARN": "warn", "WARNING": "warn"}


@dataclass(frozen=True)
class Entry:
    """One warning or error: `tone` is warn or bad, `text` its first lines."""

    tone: str
    text: str


def read(node: str, file: str) -> Answer:
    """Ask the API for the end of a node's log."""
    return call("GET", f"/v1/nodes/{node}/logs", {"file": file, "lines": str(READ_LINES)})


def entries(lines: Iterable[str]) -> list[Entry]:
    """Return the last warnings and errors, newest first. Lines without a level belong to the entry before."""
    found: list[tuple[str, list[str]]] = []
    tone = ""
    for line in lines:
        head = _HEAD.match(line)
        if head is not None:
            tone = _TONES.get(head[1], "")
            if tone:
                found.append((tone, [line]))
        elif tone and len(found[-1][1]) < _LINES_OF_ENTRY:
            found[-1][1].append(line)
    return [Entry(tone, "\n".join(texts)) for tone, texts in reversed(found[-SHOWN_ENTRIES:])]
