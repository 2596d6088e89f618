"""The happenings of a run and their times: drawn from a seed alone, so that a run can be repeated."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """The kinds of happenings; most are faults, the last ones are operators' work."""

    CASSANDRA_DIES = "cassandra_dies"
    EXECUTOR_DIES = "executor_dies"
    AGENT_AWAY = "agent_away"
    AGENT_LOST = "agent_lost"
    AGENT_REBOOTED = "agent_rebooted"
    AGENT_RENAMED = "agent_renamed"
    MASTER_FAILOVER = "master_failover"
    SCHEDULER_KILLED = "scheduler_killed"
    ZOOKEEPER_AWAY = "zookeeper_away"
    OFFERS_RESCINDED = "offers_rescinded"
    OFFERS_IN_PART = "offers_in_part"
    OPERATION_REFUSED = "operation_refused"
    EVENTS_LOST = "events_lost"
    EVENTS_DOUBLED = "events_doubled"
    ACKNOWLEDGEMENTS_LOST = "acknowledgements_lost"
    ACKNOWLEDGEMENTS_DOUBLED = "acknowledgements_doubled"
    CLOCK_JUMP = "clock_jump"
    ROLLING_RESTART = "rolling_restart"
    ROLL_OUT = "roll_out"
    OPERATION = "operation"
    OPERATION_STOPPED = "operation_stopped"
    INTERRUPT = "interrupt"


@dataclass(frozen=True)
class Happening:
    """One kind of happening at a time, in simulated seconds; `seed` is for what else is left to chance about it."""

    at: float
    kind: Kind
    seed: int


def schedule(seed: int, seconds: float, counts: Mapping[Kind, int]) -> tuple[Happening, ...]:
    """So many of each kind at random times, in order; those of one kind are the same whatever others there are."""
    found = []
    for kind in Kind:
        chance = random.Random(f"{seed} {kind}")
        for _ in range(counts.get(kind, 0)):
            at = chance.uniform(0.0, seconds)
            found.append(Happening(at, kind, chance.randrange(2**32)))
    return tuple(sorted(found, key=lambda item: (item.at, item.kind)))


def log_uniform(chance: random.Random, low: float, high: float) -> float:
    """Draw seconds from low to high, as many short times as long ones."""
    return float(low * (high / low) ** chance.random())
