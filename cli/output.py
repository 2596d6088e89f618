"""The output of a command: data on stdout in the chosen format, words for people on stderr."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from cli.tables import Table, clean, names_of, render_text, render_tsv, visible

FORMATS = ("table", "wide", "json", "yaml", "tsv", "name")
_COLOURS = {
    "green": {"UN", "COMPLETE", "RUNNING", "TASK_RUNNING", "NORMAL", "accepted"},
    "red": {"ERROR", "DIFFERENT", "refused", "DN", "DI", "UI"},
    "yellow": {"WAITING", "DELAYED", "STOPPED", "STOPPING", "PENDING", "IN_PROGRESS", "UJ", "UL", "UP", "DP"},
}
_COLOUR_OF = {word: colour for colour, words in _COLOURS.items() for word in words}


@dataclass(frozen=True)
class Output:
    """The chosen format, and what the two streams are."""

    format: str = "table"
    colour: bool = False
    terminal: bool = False
    quiet: bool = False

    @property
    def for_people(self) -> bool:
        """True if tables are written, not documents."""
        return self.format in ("table", "wide")

    def show(self, document: Any, *tables: Table, head: Sequence[str] = (), foot: Sequence[str] = ()) -> None:
        """Write a document: as it is for json and yaml, else its tables. People also get head and foot."""
        match self.format:
            case "json":
                lines = [json_text(document)]
            case "yaml":
                lines = [_yaml(document)]
            case "name":
                lines = [name for table in tables for name in names_of(table)]
            case "tsv":
                lines = [line for table in tables for line in render_tsv(table)]
            case _:
                lines = [*map(clean, head), *self._tables(tables), *map(clean, foot)]
        for line in lines:
            click.echo(line)
        if self.terminal and self.for_people and tables and not head and not any(table.rows for table in tables):
            self.say("There is nothing to list.")

    def say(self, sentence: str, colour: str | None = None) -> None:
        """Write a sentence for people, unless the user wants quiet. Parts of it can be words of other programs."""
        if not self.quiet:
            text = clean(sentence)
            click.echo(text if colour is None else click.style(text, fg=colour), err=True)

    def suggest(self, command: str) -> None:
        """Write the next useful command, on a terminal only."""
        if self.terminal and self.for_people:
            self.say(f"Next: cassandra-mesos {command}")

    def _tables(self, tables: Sequence[Table]) -> list[str]:
        width = shutil.get_terminal_size().columns if self.terminal else None
        style = _style if self.colour else None
        lines: list[str] = []
        for table in tables:
            if lines:
                lines.append("")
            lines += render_text(table, present_time(), self.format == "wide", width, style)
        return lines


def present_time() -> float:
    """Return the time to which relative times refer, in seconds since 1970."""
    return time.time()


def is_terminal() -> bool:
    """Return whether a person can be asked: stdin and stderr are terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _style(text: str) -> str:
    colour = _COLOUR_OF.get(text)
    return text if colour is None else click.style(text, fg=colour)


def json_text(document: Any, indent: int | None = 2) -> str:
    """Return a document as JSON; the control characters that JSON permits are escaped too."""
    return visible(json.dumps(document, indent=indent, ensure_ascii=False))


def _yaml(document: Any) -> str:
    import yaml

    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, default_flow_style=False)
    if visible(text) != text:
        text = yaml.safe_dump(document, sort_keys=False, default_flow_style=False)
    return text.removesuffix("...\n").rstrip("\n")
