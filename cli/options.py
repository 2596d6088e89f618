"""Options that several commands share, and their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from cli.units import NUMBER, WHOLE, parse_duration


class Duration(click.ParamType[float]):
    """A duration such as 90s, 15m or 1h30m, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class WholeNumber(click.IntRange):
    """A whole number in ASCII digits, within limits."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        if isinstance(value, str) and not WHOLE.fullmatch(value.strip()):
            self.fail(f"{value!r} is not a whole number.", param, ctx)
        return super().convert(value, param, ctx)


class Seconds(click.FloatRange):
    """A number of seconds up to a day, such as 0.5."""

    def __init__(self, least: float) -> None:
        super().__init__(least, 86400.0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the seconds."""
        if isinstance(value, str) and not NUMBER.fullmatch(value.strip()):
            self.fail(f"{value!r} is not a number of seconds.", param, ctx)
        return super().convert(value, param, ctx)


def wait_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options --wait and --timeout."""
    timeout = click.option("--timeout", type=Duration(), metavar="D", help="The longest wait, such as 90s or 2h.")
    wait = click.option("--wait", "waits", is_flag=True, help="Wait for the end; Ctrl-C leaves the work running.")
    return wait(timeout(function))


force_option = click.option("--force", is_flag=True, help="Even if the availability checks fail.")
