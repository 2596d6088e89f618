"""Records of plans, configurations and overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from executor.json_codec import ADDED
from scheduler.core.state.node import SCHEMA_VERSION
from scheduler.core.state.spec import ClusterSpec

Texts = Mapping[str, str]  # by setting, such as {"NODES": "3"}, without those that are unset


@dataclass(frozen=True)
class PlanRecord:
    """The commands of operators to a plan, and its canary; stored under plans/<name>."""

    name: str
    interrupted: bool = False
    completed: bool = False  # all nodes were members once: a node that joins later takes data over
    cleanup_due_since: float | None = None  # such a node joined, and no cleanup has begun since
    cleanup_due: tuple[str, ...] | None = None  # on the nodes that were members before; earlier versions named none
    canary: Canary | None = None  # of the plan deploy: no other node gets the target before an operator's `continue`
    # Of the plan deploy: nodes that an operator let through a gate.
    passed: Passed | None = field(default=None, metadata=ADDED)
    # Of an interrupt: the principal and the time. Earlier versions did not record them.
    interrupted_by: str = field(default="", metadata=ADDED)
    interrupted_at: float | None = field(default=None, metadata=ADDED)
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Configuration:
    """An immutable configuration, stored under configurations/<id>.

    `settings` are the texts that produced it; earlier versions recorded none.
    """

    id: str
    created_at: float
    spec: ClusterSpec
    settings: Mapping[str, str] | None = None
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Override:
    """A setting given through the API: its text (empty: unset), and the environment's text of that moment."""

    text: str
    over: str


Overrides = Mapping[str, Override]


@dataclass(frozen=True)
class Passed:
    """The nodes that an operator let restart for this target, although a gate held them back."""

    configuration: str
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Canary:
    """The one node that gets a new target before an operator's `continue`; `node` is empty before its restart."""

    configuration: str
    node: str = ""
