"""Write `old_records.json`: records of every kind, as this version stores them in simulated clusters.

Run it with a version whose records the later ones have to read:
`python -m tests.unit.scheduler.core.state.collect_records > tests/unit/scheduler/core/state/old_records.json`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from scheduler.core.commands.command import Interrupt, PauseNode, ReplaceNode, RestartNodes
from scheduler.core.configuration.target import set_target
from scheduler.core.state.codec import decode_record, encode_record
from scheduler.core.state.configuration import Configuration, Override
from tests.simulation.cycle.test_week import COUNTS, SPARE
from tests.simulation.engine.faults import HOUR
from tests.simulation.engine.happenings import Kind
from tests.simulation.engine.samples import agents, begin, spec
from tests.simulation.engine.script import Line, Send, World, play
from tests.simulation.engine.week import Week
from tests.simulation.nodes.test_restarts import UP
from tests.simulation.reservations.test_garbage import grace, orphan


class Records(dict[str, bytes]):
    """A store that notes each record that has a field set, or empty, which no earlier one had so."""

    def __init__(self, content: dict[str, bytes], fields: set[str], found: list[list[str]]) -> None:
        super().__init__()
        self._fields = fields
        self._found = found
        for path, record in content.items():
            self[path] = record

    def __setitem__(self, path: str, content: bytes) -> None:
        folder, _, name = path.partition("/")
        kind = f"{folder}/{name}" if folder == "plans" else folder
        new = {f"{kind}{field}" for field in _fields(json.loads(content))} - self._fields
        if new:
            self._fields |= new
            # As it is written once it has been read: the model has whole numbers, such as 32, where that has 32.0.
            self._found.append([path, encode_record(decode_record(path, content)).decode()])
        super().__setitem__(path, content)


def _fields(value: Any, where: str = "") -> Iterator[str]:
    """Yield the fields that are set, those of records inside of records too; the content of a map is one field."""
    if isinstance(value, dict) and value and where.count(".") < 2:
        for name, item in value.items():
            yield from _fields(item, f"{where}.{name}")
    yield where if value else f"{where} empty"


def _target(world: World) -> None:
    new = Configuration("configuration-new", 5.0, replace(spec(), seeds=1), {"SEEDS": "1"})
    state = set_target(world.scheduler.state, new, canary=True)
    world.scheduler.state = replace(state, overrides={"SEEDS": Override("1", "2")})


def collect() -> list[list[str]]:
    """Return [path, record] of each, in the order of their paths."""
    fields: set[str] = set()
    found: list[list[str]] = []
    counts: dict[Kind, int] = {**COUNTS, Kind.AGENT_LOST: 2}
    week = Week(3, 2, SPARE)
    week.life.scheduler.znodes = Records(week.life.scheduler.znodes, fields, found)
    week.live(6 * HOUR, counts)
    for lines in (
        [Send.command(RestartNodes(("node-0",), "operator")), Send.time()],
        [Send.command(PauseNode("node-1", "operator")), Send.time(1.0, cycles=20)],
        [Send.command(ReplaceNode("node-1", "operator")), Send.time(1.0, cycles=40)],
        [Send.command(begin("backup")), Send.time(), Send.failure("node-1"), Send.until_complete("backup")],
        [Send.command(Interrupt("deploy")), Line("other settings", _target), Send.time(1.0, cycles=40)],
        [grace(3600.0), orphan("127.0.0.3"), Send.time(60.0, cycles=90)],
        [Send.uninstall(), Send.time(1.0, cycles=5)],
    ):
        world = play(UP, World(spec(), agents(5)))
        world.scheduler.znodes = Records(world.scheduler.znodes, fields, found)
        play(lines, world)
        Records(world.scheduler.znodes, fields, found)  # what an uninstall stored has another store
    return sorted(found)


if __name__ == "__main__":
    json.dump(collect(), sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")
