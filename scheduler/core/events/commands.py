"""Events of commands, without anything that may be secret."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from scheduler.core.commands.command import Command
from scheduler.core.maintenance.request_fields import list_names
from scheduler.core.state.event import Entry, EntryKind

# The fields of commands that an event shows; the others may be large or secret.
_SHOWN_FIELDS = (
    "plan", "phase", "step", "id", "node", "nodes", "names", "kind", "configuration", "canary", "forced", "by_rack",
)  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """An accepted command, its principal and the reason that it gave. A refused command is only logged."""

    command: Command
    principal: str
    reason: str = ""


def command_entry(outcome: Outcome, now: float) -> Entry:
    """Return the event of a command, stored together with its changes."""
    words = describe_command(outcome.command)
    nodes: tuple[str, ...] = getattr(outcome.command, "nodes", ())
    return Entry(
        sequence=0,
        at=now,
        kind=EntryKind.COMMAND,
        sentence=f"{outcome.principal} asked to {words}",
        node=nodes[0] if len(nodes) == 1 else str(getattr(outcome.command, "node", "")),
        subject=str(getattr(outcome.command, "plan", "")),
        cause=outcome.reason,
        principal=outcome.principal,
    )


def describe_command(command: Command) -> str:
    """Return the command's name in words, with the parameters of `_SHOWN_FIELDS`."""
    name = re.sub(r"(?<!^)(?=[A-Z])", " ", type(command).__name__).lower()
    parts = []
    for item in fields(command):
        value = getattr(command, item.name)
        if item.name in _SHOWN_FIELDS and value not in (None, "", False, ()):
            parts.append(f"{item.name.replace('_', ' ')} {_shown(value)}")
    return f"{name} ({', '.join(parts)})" if parts else name


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return list_names(str(item) for item in value)
    return "yes" if value is True else str(value)
