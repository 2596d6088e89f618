"""Plan > Phase > Step: the work that is done, runs or waits, with reasons. Computed from the state, never stored."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

_NAMESPACE = uuid.UUID("6f2d0b52-5c57-4d0c-9a53-0d2f1f6c2c55")


class Status(StrEnum):
    """The status words of plans, phases and steps."""

    ERROR = "ERROR"
    WAITING = "WAITING"
    PENDING = "PENDING"
    PREPARED = "PREPARED"
    STARTING = "STARTING"
    STARTED = "STARTED"
    DELAYED = "DELAYED"
    IN_PROGRESS = "IN_PROGRESS"
    COMPLETE = "COMPLETE"


@dataclass(frozen=True)
class Step:
    """A unit of work. `reason` is a code for programs, `message` a sentence for operators."""

    id: str
    name: str
    status: Status
    message: str
    reason: str = ""


@dataclass(frozen=True)
class Phase:
    """Steps that belong together, in order."""

    id: str
    name: str
    steps: tuple[Step, ...]
    status: Status


@dataclass(frozen=True)
class Plan:
    """A whole plan; `errors` are reasons why it waits for an operator."""

    name: str
    phases: tuple[Phase, ...]
    status: Status
    errors: tuple[str, ...] = ()


@lru_cache(maxsize=131072)
def stable_id(*names: str) -> str:
    """Return the id of a plan's part, equal in every process."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(names)))


def aggregate(children: Iterable[Status], interrupted: bool = False, errors: bool = False) -> Status:
    """Return the status of a parent from those of its children.

    The first rule that holds wins:

    1. ERROR with errors, or with a child in ERROR.
    2. COMPLETE if all children are.
    3. IN_PROGRESS if a child runs.
    4. WAITING if the plan is interrupted or a child waits.
    5. DELAYED if a child is.
    6. PENDING if no child has begun, otherwise IN_PROGRESS.
    """
    words = set(children)
    if errors or Status.ERROR in words:
        return Status.ERROR
    if words <= {Status.COMPLETE}:
        return Status.COMPLETE
    running = {Status.IN_PROGRESS, Status.PREPARED, Status.STARTING, Status.STARTED}
    if words & running:
        return Status.IN_PROGRESS
    if interrupted or Status.WAITING in words:
        return Status.WAITING
    if Status.DELAYED in words:
        return Status.DELAYED
    return Status.PENDING if words == {Status.PENDING} else Status.IN_PROGRESS
