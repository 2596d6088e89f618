"""Options that several commands share, and their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from cli.units import parse_duration


class Duration(click.ParamType[float]):
    """A duration such as 90s, 15m or 1h30m, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def wait_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options --wait and --timeout."""
    timeout = click.option("--timeout", type=Duration(), metavar="D", help="The longest wait, such as 90s or 2h.")
    wait = click.option("--wait", "waits", is_flag=True, help="Wait for the end; Ctrl-C leaves the work running.")
    return wait(timeout(function))


force_option = click.option("--force", is_flag=True, help="Even if the availability checks fail.")
