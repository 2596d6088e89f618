"""Progress on stderr: lines in place on a terminal, and else each line once when it changes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from cli.output import Output
from cli.tables import clean

if TYPE_CHECKING:
    from types import TracebackType

    from rich.live import Live

_SHOWN = 40


class Progress:
    """The lines that a wait shows. `output` decides whether there are any."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._last: list[str] = []
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and not self._output.quiet:
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True, no_color=not self._output.colour), auto_refresh=False)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, lines: Sequence[str]) -> None:
        """Show the present lines; without a terminal only those that were not there before."""
        texts = [clean(line) for line in lines]
        if self._live is not None:
            self._refresh(self._live, texts)
        elif not self._output.quiet:
            for line in texts:
                if line not in self._last:
                    click.echo(line, err=True)
        self._last = texts

    def _refresh(self, live: Live, texts: list[str]) -> None:
        from rich.text import Text

        room = max(1, min(_SHOWN, shutil.get_terminal_size().lines - 2))
        more = [f"… and {len(texts) - room} more"] if len(texts) > room else []
        live.update(Text("\n".join([*texts[:room], *more]), no_wrap=True, overflow="ellipsis"), refresh=True)
