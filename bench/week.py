"""A simulated week of 1,000 nodes with faults under a fixed seed, over the simulation's model of Mesos.

Nothing sleeps: the model's clock goes from one event to the next. The rules are checked after every cycle that changed
a record; at the end all faults stop, and the cluster must come to rest. Then another scheduler begins on the stored
state. Printed as one JSON document: `python -m bench.week [nodes [hours [seed]]]`. A broken rule, or no rest, ends it
with the seed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping

from tests.simulation.engine.faults import HOUR
from tests.simulation.engine.happenings import Kind
from tests.simulation.engine.life import Life
from tests.simulation.engine.week import Report, Week

NODES = 1000
HOURS = 7 * 24.0
SEED = 1
SPARE = 8  # machines, besides those for the ones that are lost
TIMER_SECONDS = 0.5  # between two cycles of a scheduler that has something to do
# In a week of a thousand nodes.
COUNTS: Mapping[Kind, int] = {
    Kind.CASSANDRA_DIES: 300,
    Kind.EXECUTOR_DIES: 150,
    Kind.AGENT_AWAY: 150,
    Kind.AGENT_LOST: 12,
    Kind.AGENT_REBOOTED: 50,
    Kind.AGENT_RENAMED: 20,
    Kind.MASTER_FAILOVER: 14,
    Kind.SCHEDULER_KILLED: 100,
    Kind.ZOOKEEPER_AWAY: 30,
    Kind.OFFERS_RESCINDED: 60,
    Kind.OFFERS_IN_PART: 30,
    Kind.OPERATION_REFUSED: 20,
    Kind.EVENTS_LOST: 60,
    Kind.EVENTS_DOUBLED: 60,
    Kind.ACKNOWLEDGEMENTS_LOST: 60,
    Kind.ACKNOWLEDGEMENTS_DOUBLED: 60,
    Kind.CLOCK_JUMP: 20,
    Kind.ROLLING_RESTART: 6,
    Kind.ROLL_OUT: 1,
    Kind.OPERATION: 4,
    Kind.OPERATION_STOPPED: 2,
    Kind.INTERRUPT: 12,
}


def figures(report: Report, real_seconds: float) -> dict[str, float]:
    """Return one figure for each kind of happening, and their sum."""
    return {
        "nodes": report.nodes,
        "simulated_s": round(report.seconds),
        "cycles": report.cycles,
        "events": report.events,
        "launches": report.launches,
        "happenings": sum(report.happenings.values()),
        **{kind.value: count for kind, count in report.happenings.items()},
        "rest_after_s": round(report.rest_after),
        "real_s": round(real_seconds, 1),
    }


def failover(life: Life) -> float:
    """Return the seconds that a new scheduler needs until Mesos has reported every node: the model's and real ones."""
    scheduler, mesos = life.scheduler, life.mesos
    began, real = mesos.now, time.perf_counter()
    scheduler.start()
    while not scheduler.state.reconciliation.complete:
        mesos.step(TIMER_SECONDS)
        scheduler.cycle()
    return mesos.now - began + time.perf_counter() - real


def main() -> None:
    """Run the week and print."""
    arguments = dict(enumerate(sys.argv[1:]))
    nodes, hours, seed = int(arguments.get(0, NODES)), float(arguments.get(1, HOURS)), int(arguments.get(2, SEED))
    began = time.perf_counter()
    week = Week(nodes, seed, COUNTS[Kind.AGENT_LOST] + SPARE)
    report = week.live(hours * HOUR, COUNTS)
    seconds = time.perf_counter() - began
    print(json.dumps({**figures(report, seconds), "failover_s": round(failover(week.life), 2)}, indent=2))


if __name__ == "__main__":
    main()
