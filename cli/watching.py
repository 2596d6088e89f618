"""Repeating a command's output until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from cli.session import Session

WATCH_SECONDS = 2.0


def watch_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options -w and --watch: repeat the output, after so many seconds."""
    option = click.option(
        "-w",
        "--watch",
        is_flag=False,
        flag_value=WATCH_SECONDS,
        type=click.FloatRange(min=0.1),
        metavar="[SECONDS]",
        help="Repeat the output until Ctrl-C, each 2 seconds or as given.",
    )
    return option(function)


def repeat(session: Session, seconds: float | None, show: Callable[[], int]) -> int:
    """Show once or, with seconds, until Ctrl-C; return the last exit code."""
    if seconds is None:
        return show()
    while True:
        if session.output.terminal:
            click.clear()
        show()
        time.sleep(seconds)
