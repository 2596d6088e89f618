"""Records of plans, configurations and overrides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scheduler.core.state.node import SCHEMA_VERSION
from scheduler.core.state.spec import ClusterSpec

Texts = Mapping[str, str]  # by setting; what is unset is not there


@dataclass(frozen=True)
class PlanRecord:
    """What an operator told a plan; stored under plans/<name>."""

    name: str
    interrupted: bool = False
    completed: bool = False  # all nodes were members once: what joins later takes data over
    cleanup_due_since: float | None = None  # such a one joined, and no cleanup was begun since
    cleanup_due: tuple[str, ...] | None = None  # on the nodes that were members before; earlier versions named none
    canary: Canary | None = None  # of the plan deploy: until an operator lets it go on, no other node has the target
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Configuration:
    """An immutable configuration, stored under configurations/<id>.

    `settings` are the texts of which it was made; earlier versions recorded none.
    """

    id: str
    created_at: float
    spec: ClusterSpec
    settings: Mapping[str, str] | None = None
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class Override:
    """A setting given through the API: its text (empty: unset), and what the environment said when it was given."""

    text: str
    over: str


Overrides = Mapping[str, Override]


@dataclass(frozen=True)
class Canary:
    """The node that has a new target alone until an operator lets the plan go on; `node` is empty before it begins."""

    configuration: str
    node: str = ""
