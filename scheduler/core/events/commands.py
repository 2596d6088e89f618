"""What somebody asked for, in words that hold nothing of what may be secret."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from scheduler.core.commands.command import Command
from scheduler.core.maintenance.request_fields import listed
from scheduler.core.state.event import Entry, EntryKind

# What is told of a command; whatever else it carries may be large, or not for everybody's eyes.
_TOLD = (
    "plan", "phase", "step", "id", "node", "nodes", "names", "kind", "configuration", "canary", "forced", "by_rack",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """A command that was accepted, and who asked for it. What is refused changes nothing: it is in the log alone."""

    command: Command
    principal: str


def command_entry(outcome: Outcome, now: float) -> Entry:
    """The command as it is kept: stored together with what it changed."""
    words = describe_command(outcome.command)
    nodes: tuple[str, ...] = getattr(outcome.command, "nodes", ())
    return Entry(
        sequence=0,
        at=now,
        kind=EntryKind.COMMAND,
        sentence=f"{outcome.principal} asked to {words}",
        node=nodes[0] if len(nodes) == 1 else str(getattr(outcome.command, "node", "")),
        subject=str(getattr(outcome.command, "plan", "")),
        principal=outcome.principal,
    )


def describe_command(command: Command) -> str:
    """Its name in words, and its parameters as far as they are told."""
    name = re.sub(r"(?<!^)(?=[A-Z])", " ", type(command).__name__).lower()
    parts = []
    for item in fields(command):
        value = getattr(command, item.name)
        if item.name in _TOLD and value not in (None, "", False, ()):
            parts.append(f"{item.name.replace('_', ' ')} {_shown(value)}")
    return f"{name} ({', '.join(parts)})" if parts else name


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return listed(str(item) for item in value)
    return "yes" if value is True else str(value)
