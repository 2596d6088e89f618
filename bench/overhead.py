"""The time that the product adds to Cassandra's own start.

Three nodes are started by Mesos offers and again by a shell script. The script starts the very command lines and
configurations that the executor made, with empty volumes, one after another, each as soon as the one before serves CQL.
Printed as one JSON document: `python -m bench.overhead`.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from devcluster import processes, scheduler_process
from devcluster.layout import ClusterLayout
from executor.cassandra import jvm, start_cache
from executor.cassandra.install import jolokia_address
from executor.jmx.jolokia import Jolokia
from tests.cluster.world import World, make_layout, make_world
from tests.ports import free_port
from tests.waiting import wait_for

NODES = 3
NETWORK = "127.0.3"
KEPT = ("-Dcassandra.memtable.row_overhead_size=", "-XX:SharedArchiveFile=", "-XX:DumpLoadedClassList=")
_ARCHIVE_SECONDS = 300.0


@dataclass(frozen=True)
class Started:
    """One Cassandra as the executor started it."""

    arguments: list[str]
    sandbox: Path
    volume: Path
    address: str


def warm_up(directory: Path, cache: Path) -> None:
    """Deploy one node, and wait until it has written the cache that later starts use."""
    os.environ[start_cache.VARIABLE] = str(cache)
    world = make_world(make_layout(directory / "first", 1, NETWORK))
    try:
        by_product(world)
        wait_for("an archive of classes", lambda: bool(list(cache.glob(f"*/{start_cache.ARCHIVE}"))), _ARCHIVE_SECONDS)
    finally:
        world.stop()


def without(node: Started, prefixes: Sequence[str]) -> Started:
    """Return the same node without some of its options."""
    return replace(node, arguments=[item for item in node.arguments if not item.startswith(tuple(prefixes))])


def by_product(world: World) -> float:
    """Return the seconds from the first launch, in the cycle of the first offer, to the plan's COMPLETE."""
    world.start()
    while world.read("/v1/plan")["status"] != "COMPLETE":
        time.sleep(0.05)
    ended = time.time()
    record = world.records()[f"/dcos-service-{world.layout.service_name}/nodes/node-0"]
    return ended - float(record["task"]["launched_at"])


def restart_of_scheduler(world: World, end: Callable[[World], object]) -> float:
    """Return the seconds from the scheduler's end until the next one is reconciled and serves."""
    began = time.monotonic()
    end(world)
    world.start()
    while not world.read("/v1/health")["reconciled"]:
        time.sleep(0.05)
    return time.monotonic() - began


@dataclass(frozen=True)
class Death:
    """The consequence of a node's end: seconds until it was seen and until its next launch was sent.

    `in_part` are the offers before it that showed the volume, with fewer other resources than a launch takes.
    """

    seen: float
    launched: float
    in_part: int


def death_of_cassandra(world: World) -> Death:
    """Send SIGKILL to one node's Cassandra and measure."""
    before = world.task_ids()
    pid = min(world.cassandras())
    began = time.time()
    os.kill(pid, signal.SIGKILL)
    while world.read("/v1/plans/recovery")["status"] == "COMPLETE":
        time.sleep(0.01)
    seen = time.time() - began
    while (after := world.task_ids()) == before:
        time.sleep(0.05)
    name = next(name for name, task_id in after.items() if task_id != before[name])
    record = world.records()[f"/dcos-service-{world.layout.service_name}/nodes/{name}"]
    judged = [
        item["outcome"] for item in world.read("/v1/debug/offers") if item["node"] == name and item["at"] >= began
    ]
    return Death(seen, float(record["task"]["launched_at"]) - began, judged.index("launched"))


def terminate(world: World) -> None:
    """Stop the scheduler as Marathon does."""
    process = world.table.find("scheduler")
    assert process is not None
    processes.stop([process], 30.0)


def observe(world: World, nodes: int = NODES) -> list[Started]:
    """Return the running nodes, in the order in which they joined."""
    records = world.records()
    found = []
    for pid in world.cassandras():
        arguments = psutil.Process(pid).cmdline()
        conf = next(
            Path(part.removeprefix("-Dcassandra.config=file://")) for part in arguments if "cassandra.config" in part
        )
        volume = next(Path(part.partition("=")[2]) for part in arguments if part.startswith("-Dcassandra.storagedir="))
        lines = conf.read_text().splitlines()
        address = next(line.partition(": ")[2].strip('"') for line in lines if line.startswith("listen_address"))
        found.append(Started(arguments, conf.parents[1], volume, address))
    order = [
        records[f"/dcos-service-{world.layout.service_name}/nodes/node-{index}"]["address"] for index in range(nodes)
    ]
    return sorted(found, key=lambda node: order.index(node.address))


def copy(node: Started, target: Path) -> Started:
    """Return the same node with an empty volume and another password of Jolokia, in another directory."""
    volume = target / "volume"
    for directory in (volume, target / "logs", target / "tmp"):
        directory.mkdir(parents=True)
    shutil.copytree(node.sandbox / "conf", target / "conf")
    shutil.copytree(node.sandbox / "cassandra", target / "cassandra")

    def moved(text: str) -> str:
        text = text.replace(str(node.volume), str(volume)).replace(str(node.volume.resolve()), str(volume))
        return text.replace(str(node.sandbox), str(target)).replace(str(node.sandbox.resolve()), str(target))

    for path in (target / "conf").iterdir():
        path.write_text(moved(path.read_text()))
    _configure_jolokia(target / "conf", node.address)
    return Started([moved(part) for part in node.arguments], target, volume, node.address)


def _configure_jolokia(conf: Path, address: str) -> None:
    """Write the file that the executor removed when the node served: it has a password."""
    jolokia = Jolokia(jolokia_address(address), free_port(address), "executor", "of a bench")
    text = jvm.jolokia_properties(jolokia, conf / "jolokia-access.xml")
    (conf / "jolokia.properties").write_text(text)


def command(node: Started) -> str:
    """Return the shell command that starts the node; some paths are relative to the sandbox."""
    return f"cd {shlex.quote(str(node.sandbox))} && exec {shlex.join(node.arguments)}"


def by_script(commands: list[str], addresses: list[str], directory: Path) -> float:
    """Return the seconds that a bare shell script takes to start nodes with these commands."""
    lines = ["set -eu", "trap 'kill $(jobs -p); wait' EXIT"]
    for start, address in zip(commands, addresses, strict=True):
        lines += [
            f"({start}) >>{shlex.quote(str(directory / 'out'))} 2>&1 &",
            f"until (exec 3<>/dev/tcp/{address}/9042) 2>/dev/null; do sleep 0.05; done",
        ]
    lines += ["date +%s.%N"]
    script = directory / "start.sh"
    script.write_text("\n".join(lines) + "\n")
    began = time.time()
    environment = {**os.environ, "MALLOC_ARENA_MAX": "4"}
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1]) - began


def main() -> None:
    """Measure both and print."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        warm_up(directory, directory / "cache")
        # That of ./dev up, as nothing else runs here.
        layout = make_layout(directory / "product", NODES, NETWORK)
        world = make_world(replace(layout, ring_delay_ms=ClusterLayout.ring_delay_ms))
        try:
            product = by_product(world)
            restart = restart_of_scheduler(world, terminate)
            killed = restart_of_scheduler(world, lambda world: world.kill("scheduler"))
            nodes = observe(world)
            targets = [directory / f"script-{index}" for index in range(NODES)]
            commands = [command(copy(node, target)) for node, target in zip(nodes, targets, strict=True)]
            own = scheduler_process.jvm_options(world.layout.ring_delay_ms)
            slower = [without(node, (*KEPT, *own)) for node in nodes]
            others = [directory / f"own-options-{index}" for index in range(NODES)]
            with_own = [command(copy(node, target)) for node, target in zip(slower, others, strict=True)]
            death = death_of_cassandra(world)  # from here on a node has the settings of a member, not of a new node
        finally:
            world.stop()
        addresses = [node.address for node in nodes]
        script, own_options = by_script(commands, addresses, directory), by_script(with_own, addresses, directory)
    result = {
        "by_mesos_offers_s": round(product, 1),
        "by_shell_script_s": round(script, 1),
        "by_shell_script_own_options_s": round(own_options, 1),
        "overhead_a_node_s": round((product - script) / NODES, 2),
        "scheduler_restart_s": round(restart, 1),
        "scheduler_restart_after_kill_s": round(killed, 1),
        "death_seen_s": round(death.seen, 2),
        "death_relaunch_sent_s": round(death.launched, 2),
        "death_offers_in_part": death.in_part,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
