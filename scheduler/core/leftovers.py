"""Records of what is to go: reservations that no other record knows, what was given back, and the whole service."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.core.state.cluster import SCHEMA_VERSION


@dataclass(frozen=True)
class GarbageRecord:
    """A reservation with this cluster's label that no node's record knows, stored under garbage/<resource id>.

    `volumes` are the persistence ids on it; amounts are those of the offer that showed it: cores, and MB. `destroyed`
    once its volume was offered, and so is used by no task: what turns up of it is given back. `executors` ran there
    then, and may hold a part of it: the record goes when its agent's offers show neither it nor them any more.
    """

    id: str
    agent_id: str
    hostname: str
    volumes: tuple[str, ...]
    cpus: float
    memory_mb: float
    disk_mb: float
    found_at: float
    destroyed: bool = False
    executors: tuple[str, ...] = ()
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class ReleasedRecord:
    """The newest reservations that were given back whole, oldest first: stored under `released`.

    No task can use what still turns up of them, since their volume was destroyed.
    """

    ids: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True)
class UninstallRecord:
    """That this service is being removed, for good: stored under `uninstall`, and the last record to go.

    `left` are the reservations that an operator said are not to be waited for. `released` once nothing is held any
    more: the framework is torn down then, and the records go.
    """

    started_at: float
    principal: str
    left: tuple[str, ...] = ()
    released: bool = False
    schema_version: int = SCHEMA_VERSION
