"""A start of one Cassandra, from its launch to NORMAL, against the bare start of the same command line.

All take turns and start with empty volumes; a figure is the least of several, because other programs can only add to a
time. `first` is without the cache of earlier starts, `own` without the options of a local cluster, too. The time until
Cassandra's process begins is the product's own, and varies less. Printed as one JSON document: `python -m bench.start`.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.overhead import KEPT, by_product, by_script, command, copy, observe, warm_up, without
from devcluster import scheduler_process
from executor.cassandra import volume
from tests.cluster.world import World, make_layout, make_world

NETWORK = "127.0.3"
TURNS = 3


@dataclass(frozen=True)
class Turn:
    """Seconds of one start each."""

    product: float
    before: float  # from the launch to Cassandra's process
    executor_cpu: float  # of the executor and what it ran before, once the node is NORMAL
    bare: float
    first: float
    own_options: float


def _own_part(world: World) -> tuple[float, float]:
    """Return the seconds from the launch to Cassandra's process, and the processor time of its executor."""
    (pid,) = world.cassandras()
    began = volume.start_time(pid)
    assert began is not None
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK")
    record = world.records()[f"/dcos-service-{world.layout.service_name}/nodes/node-0"]
    parent = psutil.Process(pid).parent()
    assert parent is not None
    return time.time() - age - float(record["task"]["launched_at"]), sum(parent.cpu_times()[:4])


def _turn(directory: Path) -> Turn:
    world: World = make_world(make_layout(directory / "product", 1, NETWORK))
    try:
        product = by_product(world)
        before, executor_cpu = _own_part(world)
        (node,) = observe(world, 1)
        kinds = {
            "bare": node,
            "first": without(node, KEPT),
            "own": without(node, (*KEPT, *scheduler_process.jvm_options(world.layout.ring_delay_ms))),
        }
        targets = {name: copy(kind, directory / name) for name, kind in kinds.items()}
    finally:
        world.stop()
    times = {name: by_script([command(target)], [target.address], directory) for name, target in targets.items()}
    return Turn(product, before, executor_cpu, times["bare"], times["first"], times["own"])


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        warm_up(directory, directory / "cache")
        turns = [_turn(directory / str(number)) for number in range(TURNS)]
    product, bare = min(turn.product for turn in turns), min(turn.bare for turn in turns)
    result = {
        "launch_to_normal_s": round(product, 2),
        "launch_to_process_s": round(min(turn.before for turn in turns), 2),
        "executor_cpu_s": round(min(turn.executor_cpu for turn in turns), 2),
        "bare_s": round(bare, 2),
        "to_bare": round(product / bare, 2),
        "bare_first_s": round(min(turn.first for turn in turns), 2),
        "bare_own_options_s": round(min(turn.own_options for turn in turns), 2),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
