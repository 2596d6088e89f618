"""What an operator may ask for through the API, as values; `scheduler.core.operate` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Interrupt:
    """Let what runs finish, start nothing new, also after a restart of the scheduler."""

    plan: str


@dataclass(frozen=True)
class Proceed:
    """Undo an interrupt."""

    plan: str


@dataclass(frozen=True)
class ForceComplete:
    """Take a step for done; phase and step by id or name."""

    plan: str
    phase: str | None
    step: str


@dataclass(frozen=True)
class RestartStep:
    """Begin a step anew: clears its failures and its forced mark; phase and step by id or name."""

    plan: str
    phase: str | None
    step: str


Command = Interrupt | Proceed | ForceComplete | RestartStep


class RefusalKind(StrEnum):
    """Why a command was not carried out."""

    UNKNOWN = "unknown"  # it names something that does not exist
    INVALID = "invalid"  # it makes no sense as asked
    CONFLICT = "conflict"  # not now


@dataclass(frozen=True)
class Refusal:
    """A command that changed nothing, and the sentence that says why."""

    kind: RefusalKind
    message: str
