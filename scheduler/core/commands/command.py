"""Commands of operators as values; `scheduler.core.commands.apply` carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scheduler.core.configuration.overrides import Wanted
from scheduler.core.state.configuration import Overrides


@dataclass(frozen=True)
class Interrupt:
    """A stop of new work in a plan, also after a restart of the scheduler; work that runs is finished."""

    plan: str
    principal: str = field(default="", compare=False)


@dataclass(frozen=True)
class Proceed:
    """The end of an interrupt."""

    plan: str


@dataclass(frozen=True)
class ForceComplete:
    """A mark of a step as complete; phase and step by id or name."""

    plan: str
    phase: str | None
    step: str


@dataclass(frozen=True)
class RestartStep:
    """A new begin of a step, without its failures and its forced mark; phase and step by id or name."""

    plan: str
    phase: str | None
    step: str


@dataclass(frozen=True)
class StartOperation:
    """A start of a maintenance operation; the fields are those of its record."""

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
    """A stop of a maintenance operation, with its jobs."""

    plan: str
    principal: str = field(default="", compare=False)


@dataclass(frozen=True)
class ResumeOperation:
    """A continuation of a stopped operation; `sealed` are its secrets again, if it needs any."""

    plan: str
    sealed: str = field(default="", repr=False)


@dataclass(frozen=True)
class TuneOperation:
    """A change of the tuning of a running operation."""

    plan: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class RestartNodes:
    """A restart of nodes in place, one at a time; with `by_rack`, those of one rack at the same time.

    `forced`: even if other members are down.
    """

    nodes: tuple[str, ...]
    principal: str
    forced: bool = False
    by_rack: bool = False


@dataclass(frozen=True)
class ReplaceNode:
    """A replacement: a new node on another agent takes over this node's tokens. `forced`: even if others are down."""

    node: str
    principal: str
    forced: bool = False


@dataclass(frozen=True)
class PauseNode:
    """A stop of this node's Cassandra with its volume mounted. `forced`: even if other members are down."""

    node: str
    principal: str
    forced: bool = False


@dataclass(frozen=True)
class ResumeNode:
    """A start of a paused node's Cassandra."""

    node: str
    principal: str


@dataclass(frozen=True)
class CancelIntent:
    """A removal of a node's intent, as long as it can be undone."""

    node: str
    principal: str


@dataclass(frozen=True)
class SetTarget:
    """A change of the target to a new configuration with `new_id`, made of these settings.

    `base` and `base_overrides` are the target and overrides for which it was computed; with others, it is refused.
    `configuration` is the older one of a roll-back, which becomes the target itself if it can. With `canary` one node
    gets the target before the others. `names` are the settings that differ, for the history. `tried`: the config check
    is over, or was not wanted.
    """

    new_id: str
    wanted: Wanted = field(repr=False)
    base: str
    base_overrides: Overrides = field(repr=False)
    names: tuple[str, ...] = ()
    canary: bool = False
    configuration: str = ""
    tried: bool = False


@dataclass(frozen=True)
class RenewCertificates:
    """A replacement of these nodes' certificates."""

    nodes: tuple[str, ...]
    principal: str = field(default="", compare=False)


@dataclass(frozen=True)
class RotateAuthority:
    """A change to another authority: its certificate as PEM, and its sealed key, empty if the key is in a file.

    With `waits` it stops after the first phase for an operator, who gives the new authority to clients meanwhile.
    """

    certificate: str = field(repr=False)
    sealed: str = field(repr=False)
    principal: str = ""
    waits: bool = False


@dataclass(frozen=True)
class Uninstall:
    """The begin of the service's removal, with all its data; nothing ends it."""

    principal: str = field(default="", compare=False)


PlanCommand = Interrupt | Proceed | ForceComplete | RestartStep
OperationCommand = StartOperation | StopOperation | ResumeOperation | TuneOperation
NodeCommand = RestartNodes | ReplaceNode | PauseNode | ResumeNode | CancelIntent
CertificateCommand = RenewCertificates | RotateAuthority
Command = PlanCommand | OperationCommand | NodeCommand | CertificateCommand | SetTarget | Uninstall


class RefusalKind(StrEnum):
    """The kinds of refusals."""

    UNKNOWN = "unknown"  # a name in it does not exist
    INVALID = "invalid"  # it can never be carried out
    CONFLICT = "conflict"  # it cannot be carried out now


@dataclass(frozen=True)
class Refusal:
    """A command that changed nothing, with the reason as a sentence."""

    kind: RefusalKind
    message: str
