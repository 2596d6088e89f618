"""The progress of plans: read over the API, one line for every change."""

from __future__ import annotations

import re
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

# Clients of the API know these words; only the reason after them is new here.
_PREAMBLE = re.compile(r"^\w+ Cassandra node \S+ mode: \S+; (\S+: )?")
_MESSAGE_WIDTH = 240
# Messages that differ only in numbers are the same message.
_SECONDS = re.compile(r"\d+(\.\d+)? s\b")
_COLOURS = {"COMPLETE": "32", "ERROR": "31", "DELAYED": "33", "WAITING": "33", "PENDING": "2"}


@dataclass(frozen=True)
class StepView:
    """One step as the API shows it."""

    plan: str
    phase: str
    name: str
    status: str
    message: str


@dataclass(frozen=True)
class PlanView:
    """One plan as the API shows it."""

    name: str
    status: str
    steps: tuple[StepView, ...]
    errors: tuple[str, ...]


def parse(name: str, document: Mapping[str, Any]) -> PlanView:
    """Return a plan from the JSON of /v1/plans/<name>."""
    steps = tuple(
        _step(name, str(phase["name"]), step) for phase in document["phases"] for step in phase.get("steps", [])
    )
    return PlanView(name, str(document["status"]), steps, tuple(map(str, document.get("errors", []))))


def _step(plan: str, phase: str, step: Mapping[str, Any]) -> StepView:
    return StepView(plan, phase, str(step["name"]), str(step["status"]), _PREAMBLE.sub("", str(step["message"])))


@dataclass
class Printer:
    """A writer of lines to a terminal, where the last one can be replaced, or to a log, without such lines."""

    out: TextIO
    clock: Callable[[], float] = time.monotonic
    started: float = field(init=False)
    _live: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    def line(self, text: str) -> None:
        """Write a line with the time since the start."""
        self._clear()
        self.out.write(f"{self.clock() - self.started:7.1f} s  {text}\n")
        self.out.flush()

    def plain(self, text: str = "") -> None:
        """Write a line without the time."""
        self._clear()
        self.out.write(f"{text}\n")
        self.out.flush()

    def live(self, text: str) -> None:
        """Show a line that the next one replaces; on a terminal only."""
        if self.out.isatty():
            self._clear()
            self.out.write(f"{self.clock() - self.started:7.1f} s  {text}"[:79])
            self.out.flush()
            self._live = True

    def coloured(self, status: str) -> str:
        """Return a status word, padded, in its colour on a terminal."""
        padded = f"{status:<11}"
        return f"\033[{_COLOURS.get(status, '36')}m{padded}\033[0m" if self.out.isatty() else padded

    def _clear(self) -> None:
        if self._live:
            self.out.write("\r\033[K")
            self._live = False


class Progress:
    """A printer of each step when its status changes, and of its message when that is new."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._shown: dict[tuple[str, str, str], tuple[str, str]] = {}
        self.changed_at = printer.clock()

    def show(self, plan: PlanView) -> None:
        """Print the changes of a plan since the last call."""
        for step in plan.steps:
            self._show_step(step)
        self._show_gone(plan)
        done = sum(step.status == "COMPLETE" for step in plan.steps)
        self._printer.live(f"plan {plan.name}: {plan.status}, {done} of {len(plan.steps)} steps done")

    def _show_step(self, step: StepView) -> None:
        key = (step.plan, step.phase, step.name)
        now = (step.status, _SECONDS.sub("", step.message))
        before = self._shown.get(key)
        if before == now:
            return
        self._shown[key] = now
        self.changed_at = self._printer.clock()
        # A step that has not begun is not printed.
        if before is None and step.status == "PENDING":
            return
        message = step.message if step.status not in ("COMPLETE", "PENDING") else ""
        if before is None or before[0] != step.status or message:
            self._print(step.phase, step.name, step.status, message)

    def _show_gone(self, plan: PlanView) -> None:
        """Show steps that recovery has dropped, which are complete."""
        present = {(step.plan, step.phase, step.name) for step in plan.steps}
        for key in [key for key in self._shown if key[0] == plan.name and key not in present]:
            del self._shown[key]
            self.changed_at = self._printer.clock()
            self._print(key[1], key[2], "COMPLETE", "")

    def _print(self, phase: str, name: str, status: str, message: str) -> None:
        # A message can hold the last lines of a log; all of them are printed when the plan ends in an error.
        short = textwrap.shorten(message, _MESSAGE_WIDTH, placeholder=" …")
        self._printer.line(f"{phase:<15} {name:<15} {self._printer.coloured(status)} {short}".rstrip())
