"""The workspace of one cycle: states that were read from it never change."""

from __future__ import annotations

from dataclasses import replace

from scheduler.core.cycle.workspace import Cycle
from scheduler.core.state.configuration import PlanRecord
from scheduler.core.state.node import NodeRecord
from tests.unit.scheduler.core.samples import Ids, state, up

BEFORE = state(up(0), up(1))


def cycle() -> Cycle:
    return Cycle(BEFORE, (), 100.0, Ids())


def test_what_is_put_is_read_and_states_that_were_read_before_stay() -> None:
    found = cycle()
    found.put(up(1, mode="LEAVING"))
    first = found.state
    found.put(up(1, mode="DECOMMISSIONED"))
    found.remove(up(0))
    assert first.nodes == {"node-0": up(0), "node-1": up(1, mode="LEAVING")}
    assert found.state.nodes == {"node-1": up(1, mode="DECOMMISSIONED")}
    assert BEFORE.nodes == {"node-0": up(0), "node-1": up(1)}


def test_a_read_without_a_change_in_between_is_the_same_state() -> None:
    found = cycle()
    assert found.state is BEFORE
    found.put(PlanRecord("deploy"))
    assert found.state is found.state
    assert found.state.nodes is BEFORE.nodes


def test_other_things_are_replaced_and_records_stay_as_they_were_put() -> None:
    found = cycle()
    old = found.state
    found.put(NodeRecord(2))
    found.replace_state(replace(old, suppressed=True))
    assert found.state.suppressed
    assert found.state.nodes == {**BEFORE.nodes, "node-2": NodeRecord(2)}


def test_to_remove_what_is_not_there_changes_nothing() -> None:
    found = cycle()
    found.remove(NodeRecord(9))
    assert found.state == BEFORE
