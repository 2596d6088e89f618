"""The works of the matrix, at which a fault strikes: how each begins, where it is at work, and when it is done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from cassandra.cluster import Session

from tests.cluster.world import World

TABLES = 12
BLOB = 100_000
# With the throttle an upload takes some seconds, so that a fault strikes in the middle of it.
BLOBS = 30
THROTTLE = 500_000
_names = count()


@dataclass(frozen=True)
class Work:
    """One row of the table. `at_work` names the nodes in the middle of it; `done` says whether all is done."""

    name: str
    begin: Callable[[World], str]
    at_work: Callable[[World, str], set[str]]
    done: Callable[[World, str], bool]
    stop: Callable[[World], object] = field(default=lambda world: None)


def prepare(session: Session) -> None:
    """Tables that give maintenance something to do."""
    session.execute(
        "CREATE KEYSPACE work WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 3}"
    )
    session.execute("CREATE TABLE work.blobs (id uuid PRIMARY KEY, body blob)")
    for number in range(TABLES):
        session.execute(f"CREATE TABLE work.t{number} (id int PRIMARY KEY, text text)")
        for row in range(20):
            session.execute(f"INSERT INTO work.t{number} (id, text) VALUES ({row}, 'row {row}')")


def roll_out(world: World) -> str:
    """Change a setting that restarts all nodes; every later scheduler gets it, too."""
    wanted = f"{1000 + next(_names)}KiB"
    os.environ["CASSANDRA_YAML"] = json.dumps({"batch_size_warn_threshold": wanted})
    world.crash("scheduler")
    return wanted


def being_restarted(world: World, wanted: str) -> set[str]:
    """Nodes whose Cassandra is starting with the new setting and does not serve yet."""
    serving = {address.partition(":")[0] for address in world.read("/v1/connection")["nodes"]}
    records = _nodes(world)
    configurations = _configurations(world)
    return {
        record_name
        for record_name, record in records.items()
        if _has(configurations[record["task"]["configuration"]], wanted)
        and record["agent"]["hostname"] not in serving
        and world.cassandras_on(world.agent_of(record_name))
    }


def is_rolled_out(world: World, wanted: str) -> bool:
    """Return whether every node was seen ready with it."""
    configurations = _configurations(world)
    return all(_has(configurations[record["deployed"]], wanted) for record in _nodes(world).values())


def _nodes(world: World) -> Mapping[str, Any]:
    return {path.rpartition("/")[2]: record for path, record in world.records().items() if "/nodes/" in path}


def _configurations(world: World) -> Mapping[str, Any]:
    return {path.rpartition("/")[2]: record for path, record in world.records().items() if "/configurations/" in path}


def _has(configuration: Any, wanted: str) -> bool:
    return f'"{wanted}"' in json.dumps(configuration)


def _operation(kind: str, body: Callable[[World], Mapping[str, Any]], phase: str) -> Work:
    """Return a maintenance operation that faults hit while a job of this phase runs."""

    def at_work(world: World, identifier: str) -> set[str]:
        status = world.read(f"/v1/{kind}/status")
        assert status["id"] == identifier
        assert status["state"] != "COMPLETE", "it was done before it was struck"
        nodes = status["nodes"].items()
        return {name for name, node in nodes if node["phase"] == phase and node["state"] == "IN_PROGRESS"}

    def done(world: World, identifier: str) -> bool:
        status = world.read(f"/v1/{kind}/status")
        assert status["id"] == identifier, status
        assert status["state"] not in ("STOPPED", "ERROR"), json.dumps(status, indent=1)
        return bool(status["state"] == "COMPLETE")

    def stop(world: World) -> None:
        world.put(f"/v1/{kind}/stop")

    return Work(kind, lambda world: world.begin(kind, body(world)), at_work, done, stop)


def _tables(world: World) -> Mapping[str, Any]:
    return {"nodes": ["*"], "key_spaces": ["work"]}


def _segments(world: World) -> Mapping[str, Any]:
    return {**_tables(world), "segment_mb": 1}


def _slow_backup(world: World) -> Mapping[str, Any]:
    """Add new data and return the request of a backup: data that was sent already is not sent again."""
    with world.cql() as session:
        insert = session.prepare("INSERT INTO work.blobs (id, body) VALUES (uuid(), ?)")
        for _ in range(BLOBS):
            session.execute(insert, (os.urandom(BLOB),))
    return {
        "backup_name": f"chaos-{next(_names)}",
        "external_location": world.location,
        "key_spaces": ["work"],
        "throttle": THROTTLE,
        "upload_parallelism": 3,
    }


WORKS = (
    Work("idle", lambda world: "", lambda world, _: set(world.task_ids()), lambda world, _: True),
    Work("roll-out", roll_out, being_restarted, is_rolled_out),
    _operation("cleanup", _tables, "Cleanup"),
    _operation("repair", _segments, "Repair"),
    _operation("backup", _slow_backup, "Upload"),
)
IDLE = WORKS[0]
