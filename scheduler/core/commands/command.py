"""What an operator may ask for through the API, as values; `scheduler.core.commands.apply` carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scheduler.core.configuration.overrides import Wanted
from scheduler.core.state.configuration import Overrides


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


@dataclass(frozen=True)
class StartOperation:
    """Begin a maintenance operation; its fields are those of the record that it becomes."""

    plan: str
    id: str
    nodes: tuple[str, ...]
    request: Mapping[str, Any]
    principal: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    sealed: str = field(default="", repr=False)


@dataclass(frozen=True)
class StopOperation:
    """End a maintenance operation: its jobs are cancelled."""

    plan: str
    principal: str = field(default="", compare=False)


@dataclass(frozen=True)
class ResumeOperation:
    """Go on with a stopped operation where it was; `sealed` are its secrets anew, if it needs any."""

    plan: str
    sealed: str = field(default="", repr=False)


@dataclass(frozen=True)
class TuneOperation:
    """Change what may be changed while an operation runs."""

    plan: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class RestartNodes:
    """End the tasks of these nodes and launch them again in place, one node at a time; `forced`: whoever is down.

    `by_rack`: those of one rack at the same time.
    """

    nodes: tuple[str, ...]
    principal: str
    forced: bool = False
    by_rack: bool = False


@dataclass(frozen=True)
class ReplaceNode:
    """Let a new node on another agent take over this one's tokens; `forced`: whoever is down."""

    node: str
    principal: str
    forced: bool = False


@dataclass(frozen=True)
class PauseNode:
    """Stop this node's Cassandra and keep it off, its volume mounted; `forced`: whoever is down."""

    node: str
    principal: str
    forced: bool = False


@dataclass(frozen=True)
class ResumeNode:
    """Start a paused node's Cassandra again."""

    node: str
    principal: str


@dataclass(frozen=True)
class CancelIntent:
    """Take back what is intended for a node, as long as nothing of it is done that cannot be undone."""

    node: str
    principal: str


@dataclass(frozen=True)
class SetTarget:
    """Have the cluster follow these settings: a new configuration, with the new id, is the target then.

    `base` and `base_overrides` are what it was computed on: it is refused if they are not the present ones any more.
    `configuration` is the one that is to be brought back, if one is; it becomes the target itself if it can. With
    `canary` one node gets the target before the others. `names` are the settings that differ, for people.
    `tried`: Cassandra has tried them, as far as that could be done or was wanted.
    """

    new_id: str
    wanted: Wanted = field(repr=False)
    base: str
    base_overrides: Overrides = field(repr=False)
    names: tuple[str, ...] = ()
    canary: bool = False
    configuration: str = ""
    tried: bool = False


PlanCommand = Interrupt | Proceed | ForceComplete | RestartStep
OperationCommand = StartOperation | StopOperation | ResumeOperation | TuneOperation
NodeCommand = RestartNodes | ReplaceNode | PauseNode | ResumeNode | CancelIntent
Command = PlanCommand | OperationCommand | NodeCommand | SetTarget


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
