"""Clocks of agents: what a reply proves, what is said of it, and how often."""

from __future__ import annotations

from dataclasses import replace

import pytest

from executor.protocol import StatusReply
from scheduler.core.events.nodes import clock_entries
from scheduler.core.fold import fold_updates
from scheduler.core.nodes.clocks import MOST_NAMED, clock_offset, wrong_clocks
from scheduler.core.state.cluster import Asked, ClusterState
from tests.unit.scheduler.core.samples import state, status, up

NOW, DAY = 1_800_000_000.0, 86_400.0


@pytest.mark.parametrize(
    ("clock", "asked", "before", "offset"),
    [
        pytest.param(0.0, Asked(NOW - 1), 0.0, 0.0, id="an earlier version sends none"),
        pytest.param(NOW - 0.5, Asked(NOW - 1, 1), 0.0, 0.0, id="between the query and the reply"),
        pytest.param(NOW - 299.0, Asked(NOW - 300, 1), 0.0, 0.0, id="a reply that was long on its way"),
        pytest.param(NOW + DAY, Asked(NOW - 1, 1), 0.0, DAY, id="a day ahead"),
        pytest.param(NOW + DAY, None, 0.0, DAY, id="ahead, without a query"),
        pytest.param(NOW - DAY, Asked(NOW - 1, 1), 0.0, 1 - DAY, id="a day behind"),
        pytest.param(NOW - DAY, None, 0.0, 0.0, id="behind or late"),
        pytest.param(NOW - 120, Asked(NOW - 1, 4), 0.0, 0.0, id="perhaps the reply to an earlier query"),
        pytest.param(NOW + 61.0, Asked(NOW, 1), 55.0, 55.0, id="nearly as before"),
        pytest.param(NOW, Asked(NOW - 1, 1), DAY, 0.0, id="it was set"),
    ],
)
def test_what_a_reply_proves(clock: float, asked: Asked | None, before: float, offset: float) -> None:
    assert clock_offset(clock, asked, NOW, before) == pytest.approx(offset)


def replied(before: ClusterState, clock: float) -> ClusterState:
    """Return the state after node-0 replied to a query of a second ago."""
    asked = replace(before, memory=replace(before.memory, asked={"node-0": Asked(NOW - 1, 1)}))
    return fold_updates(asked, [StatusReply("q", "node-0", "node-0__a", status(), clock)], NOW)


@pytest.mark.parametrize(
    ("offset", "says"),
    [
        (DAY, "is 24 hours ahead of the scheduler's"),
        (-3 * DAY, "is 3 days behind the scheduler's"),
        (90.0, "is 90 seconds ahead of"),
        (600.0, "is 10 minutes ahead of"),
    ],
)
def test_the_sentence(offset: float, says: str) -> None:
    after = replied(state(up()), NOW + offset)
    (said,) = wrong_clocks(after).values()
    assert said.startswith("the clock of 127.0.0.2, the agent of node-0, ")
    assert says in said
    assert "set the clock that is wrong" in said


def test_an_event_at_the_beginning_and_at_the_end() -> None:
    good = state(up())
    bad = replied(good, NOW + DAY)
    again = replied(bad, NOW + DAY)
    mended = replied(again, NOW)
    (first,), second, (third,) = (
        clock_entries(before, after, NOW) for before, after in ((good, bad), (bad, again), (again, mended))
    )
    assert "24 hours ahead" in first.sentence
    assert second == []
    assert third.sentence == "the clock of its agent agrees with the scheduler's again"


def test_few_nodes_are_named_if_the_scheduler_is_wrong() -> None:
    found = state(*(up(index) for index in range(9)))
    off = {name: replace(sighting, clock_offset=-DAY) for name, sighting in found.sightings.items()}
    assert list(wrong_clocks(replace(found, sightings=off))) == [f"node-{index}" for index in range(MOST_NAMED)]
