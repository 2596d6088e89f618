"""The scheduler's core and codec at 1,000 nodes: seconds, megabytes and bytes, printed as one JSON document.

Run as a process of its own, so that the memory figure is the core's alone: `python -m bench.scale [nodes]`.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count

from bench import large
from executor.figures import Figures, Requests
from executor.protocol import encode_status
from scheduler.core.decide import decide
from scheduler.core.fold import fold_updates
from scheduler.core.mesos.offer import Offer, parse_offer
from scheduler.core.mesos.updates import TaskUpdate
from scheduler.core.plans.build import build_plans
from scheduler.core.state import codec, record_kinds
from scheduler.core.state.node import TaskState
from scheduler.loop.snapshot import Snapshot
from scheduler.metrics import Metrics

UPDATES = 10_000


def timed(work: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ids() -> Callable[[], str]:
    """Return ids of a UUID's length."""
    numbers = count()
    return lambda: f"{next(numbers):032x}"


def offers(nodes: int) -> list[Offer]:
    """Return one whole agent for each node."""
    return [parse_offer(large.offer(index), large.ROLE, large.PRINCIPAL) for index in range(nodes)]


def cycle_first_install(nodes: int) -> float:
    """Decide for an empty cluster of that many nodes over as many offers in one batch, parsing included."""
    return timed(lambda: decide(large.fresh(nodes), offers(nodes), large.NOW, ids()))


def cycle_at_rest(nodes: int) -> float:
    """Decide for a deployed cluster over as many offers."""
    state = large.deployed(nodes)
    return timed(lambda: decide(state, offers(nodes), large.NOW + 1, ids()))


def cycle_backup(nodes: int) -> float:
    """Decide and plan while all nodes are backed up: half of the uploads done, a tenth running."""
    state = large.backed_up(nodes)

    def work() -> None:
        _, after = decide(state, (), large.NOW + 1, ids())
        build_plans(after, large.NOW + 1)

    work()  # the ids of an operation's steps are computed in its first cycle
    return timed(work)


def fold(nodes: int, updates: int = UPDATES) -> float:
    """Fold status updates of running nodes, each with its status, in batches of 100; their making is not counted."""
    state = large.deployed(nodes)
    live = tuple(large.address(index) for index in range(nodes))
    seconds = 0.0
    for begin in range(0, updates, 100):
        events = [update(number, nodes, live) for number in range(begin, begin + 100)]
        began = time.perf_counter()
        state = fold_updates(state, events, large.NOW)
        seconds += time.perf_counter() - began
    return seconds


def update(number: int, nodes: int, live: tuple[str, ...]) -> TaskUpdate:
    """Return one of many updates, each of which changes the scheduler's knowledge of its node."""
    record = large.running(number % nodes)
    assert record.task is not None
    status = replace(large.sighting(record.index, live).status, mode="JOINING" if number // nodes % 2 else "NORMAL")
    return TaskUpdate(record.task.id, TaskState.RUNNING, data=encode_status(status), uuid=str(number))


def metrics(nodes: int) -> float:
    """Return the processor time of an answer to Prometheus with the figures of every node."""
    requests = Requests(1_000_000, 1, 1234.5, 98765.4, 1_000_000)
    figures = Figures(owns=1 / nodes, pending_compactions=2, heap_used_bytes=2**30, read=requests, write=requests)
    state = large.deployed(nodes)
    sightings = {name: replace(item, figures=figures, figures_at=large.NOW) for name, item in state.sightings.items()}
    state = replace(state, sightings=sightings)
    snapshot = Snapshot(state, build_plans(state, large.NOW), large.NOW, connected=True, counters={})
    began = time.process_time()
    Metrics().render(snapshot)
    return time.process_time() - began


def record_bytes(nodes: int) -> int:
    """Return the size of the largest node record."""
    return max(len(codec.encode_record(large.running(index))) for index in range(nodes))


def load(nodes: int) -> float:
    """Decode the bytes of every record into the state's records."""
    records: list[record_kinds.Record] = [large.configuration(nodes)]
    records += [large.running(index) for index in range(nodes)]
    contents = {record_kinds.path_of(record): codec.encode_record(record) for record in records}
    contents[record_kinds.TARGET] = codec.encode_record(record_kinds.Target(large.CONFIGURATION))
    return timed(lambda: codec.load(contents))


def main() -> None:
    """Measure and print."""
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    result: dict[str, float] = {"nodes": nodes}
    for size in (nodes // 4, nodes // 2, nodes):
        result[f"cycle_first_install_s_{size}"] = round(cycle_first_install(size), 4)
        result[f"cycle_at_rest_s_{size}"] = round(cycle_at_rest(size), 4)
        result[f"cycle_backup_s_{size}"] = round(cycle_backup(size), 4)
    result["fold_10000_updates_s"] = round(fold(nodes), 3)
    result["metrics_s"] = round(metrics(nodes), 3)
    result["largest_node_record_bytes"] = record_bytes(nodes)
    result["load_s"] = round(load(nodes), 3)
    result["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
