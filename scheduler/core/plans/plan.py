"""Plan > Phase > Step: what is done, what runs, what waits and why. Computed from the state, never stored."""

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
    """One unit of work. `reason` is a code for programs, `message` the sentence for people."""

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
    """A whole plan; `errors` are reasons why it cannot go on until an operator acts."""

    name: str
    phases: tuple[Phase, ...]
    status: Status
    errors: tuple[str, ...] = ()


@lru_cache(maxsize=131072)
def stable_id(*names: str) -> str:
    """The id of a plan's part: the same in every process."""
    return str(uuid.uuid5(_NAMESPACE, "/".join(names)))


def aggregate(children: Iterable[Status], interrupted: bool = False, errors: bool = False) -> Status:
    """The status of a parent from its children's; the first rule that matches wins.

    Errors; nothing left to do; an interrupt while something is left (WAITING once nothing runs any more);
    something runs; something is delayed or waits; nothing has begun; a mix of done and not begun.
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
