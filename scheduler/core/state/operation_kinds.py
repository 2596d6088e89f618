"""The table of maintenance operations: one entry for each kind, which is all that the core knows of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ALL_AT_ONCE = 0
CLUSTER = "cluster"


@dataclass(frozen=True)
class Needs:
    """A condition: any step of the phase `begun` has begun, and a result of any of the `phases` has a value in `field`.

    All of them are earlier phases.
    """

    phases: tuple[str, ...]
    field: str
    begun: str


@dataclass(frozen=True)
class PhaseKind:
    """A phase: a step for each node of the operation, or (`once`) a single one on any of them.

    `job` is the executor's. `at_once` is the number of steps that can run side by side: a number, ALL_AT_ONCE, or the
    name of the request's field with the number. A phase with `always` also runs when the operation is stopped, on the
    nodes where a phase before it has begun. Without what it `needs` the phase has no steps. With `of_members` the step
    of a node that has left the ring is skipped.
    """

    name: str
    job: str
    once: bool = False
    at_once: int | str = 1
    always: bool = False
    needs: Needs | None = None
    of_members: bool = False


@dataclass(frozen=True)
class Kind:
    """One kind of operation: its name in URLs, plans and ZooKeeper, its title for people, and its phases in order.

    `resumable`: an operator can continue it after a stop. `own`: no request starts it by its name.
    """

    name: str
    title: str
    phases: tuple[PhaseKind, ...]
    resumable: bool = False
    own: bool = False


def _everywhere(name: str, title: str, resumable: bool = False) -> Kind:
    """Return a kind of one phase: the job of the same name on each node."""
    return Kind(name, title, (PhaseKind(title, name, at_once="parallelism", of_members=True),), resumable)


DECOMMISSION = "decommission"
AUTHENTICATION = "authentication"
ROTATION = "rotation"
# The views that Schema finds, and those that are made while Load runs.
VIEWS = Needs(("Schema", "Load"), "views", begun="Load")

_KINDS = (
    _everywhere("cleanup", "Cleanup", resumable=True),
    Kind("repair", "Repair", (PhaseKind("Repair", "repair", of_members=True),), resumable=True),
    _everywhere("upgradesstables", "UpgradeSSTables", resumable=True),
    _everywhere("compact", "Compact", resumable=True),
    _everywhere("scrub", "Scrub", resumable=True),
    _everywhere("flush", "Flush", resumable=True),
    _everywhere("garbagecollect", "GarbageCollect", resumable=True),
    Kind(
        "backup",
        "Backup",
        (
            PhaseKind("Snapshot", "snapshot", at_once=ALL_AT_ONCE),
            PhaseKind("Describe", "describe", once=True),
            PhaseKind("Upload", "upload", at_once="upload_parallelism"),
            PhaseKind("Complete", "complete", once=True),
            PhaseKind("Clear", "clear", at_once=ALL_AT_ONCE, always=True),
        ),
    ),
    Kind(DECOMMISSION, "Decommission", (PhaseKind("Leave", DECOMMISSION),)),
    Kind("backup-verify", "Backup verification", (PhaseKind("Verify", "verify", at_once="parallelism"),)),
    Kind("backup-delete", "Backup deletion", (PhaseKind("Delete", "delete", once=True),)),
    Kind(
        "restore",
        "Restore",
        (
            PhaseKind("Check", "restore-check", at_once=ALL_AT_ONCE),
            PhaseKind("Schema", "restore-schema", once=True),
            PhaseKind("Load", "restore-load", at_once="parallelism"),
            # Before the first node builds a view, all nodes empty theirs, since each sends the others what it builds.
            # A restore that is stopped has loaded rows too, and can have emptied views.
            PhaseKind("Empty Views", "restore-empty-views", at_once=ALL_AT_ONCE, always=True, needs=VIEWS),
            PhaseKind("Build Views", "restore-build-views", at_once=ALL_AT_ONCE, always=True, needs=VIEWS),
            PhaseKind("Digest", "restore-digest", at_once="parallelism"),
            PhaseKind("Compare", "restore-compare", once=True),
        ),
    ),
    Kind(
        AUTHENTICATION,
        "Authentication",
        (
            PhaseKind("Replication", "logins-replication", once=True),
            PhaseKind("Superusers", "logins-superusers", once=True),
            PhaseKind("Repair", "repair", of_members=True),
            PhaseKind("Login", "logins-check", at_once=ALL_AT_ONCE, of_members=True),
        ),
        own=True,
    ),
    Kind(
        ROTATION,
        "User rotation",
        (
            PhaseKind("Password", "logins-password", once=True),
            PhaseKind("Login", "logins-check", at_once=ALL_AT_ONCE, of_members=True),
        ),
        own=True,
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _KINDS}
