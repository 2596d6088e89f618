"""Repeating a command's output until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from cli.errors import ExitCode, Failure
from cli.options import Seconds
from cli.session import Session

WATCH_SECONDS = 2.0


def watch_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options -w and --watch: repeat the output, after so many seconds."""
    option = click.option(
        "-w",
        "--watch",
        is_flag=False,
        flag_value=WATCH_SECONDS,
        type=Seconds(0.1),
        metavar="[SECONDS]",
        help="Repeat the output until Ctrl-C, each 2 seconds or as given.",
    )
    return option(function)


def repeat(session: Session, seconds: float | None, show: Callable[[], int]) -> int:
    """Show once or, with seconds, until Ctrl-C; return the exit code.

    Raises:
        Failure: The API refuses or, without seconds, is not reachable.
    """
    if seconds is None:
        return show()
    while True:
        if session.output.terminal:
            click.clear()
        try:
            show()
        except Failure as failure:
            # A scheduler that restarts is away for some seconds.
            if failure.code is not ExitCode.NOT_REACHABLE:
                raise
            session.output.say(f"{failure} Trying again.")
        time.sleep(seconds)
