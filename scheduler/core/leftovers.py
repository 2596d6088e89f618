"""Records of what is to go: reservations that no other record knows, and the whole service."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.core.state import SCHEMA_VERSION


@dataclass(frozen=True)
class GarbageRecord:
    """A reservation with this cluster's label that no node's record knows, stored under garbage/<resource id>.

    `volumes` are the persistence ids on it; amounts are those of the offer that showed it: cores, and MB. `destroyed`
    once it was given back: the record goes when its agent's offers do not show it any more.
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
