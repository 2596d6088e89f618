"""What the roll-out says while Cassandra checks its settings."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.configuration.trial import block
from scheduler.core.state.cluster import Trial
from tests.unit.scheduler.core.samples import state, up


def test_the_nodes_that_check_are_named_by_their_numbers() -> None:
    known = state(up(0))
    trial = Trial(known.target.id, {"node-10": 1.0, "node-9": 1.0, "node-2": 1.0}, frozenset({"node-9"}))
    found = block(replace(known, memory=replace(known.memory, trial=trial)))
    assert found is not None
    assert found.sentence == "waits for node-2, node-10 to check the settings with Cassandra's own classes"
