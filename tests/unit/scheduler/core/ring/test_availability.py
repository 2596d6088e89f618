"""Why members must stay in the ring."""

from __future__ import annotations

import pytest

from scheduler.core.ring.availability import ring_strain, survey
from tests.unit.scheduler.core.samples import down, spec, state, up


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (1, "node-0 is down"),
        (2, "node-0, node-1 are down"),
        (7, "node-0, node-1, node-2, node-3, node-4 and 2 more are down"),
    ],
)
def test_members_that_are_down_are_named_or_counted(members: int, expected: str) -> None:
    found = state(*map(down, range(members)), up(members), wanted=spec(members + 1))
    reason = ring_strain(survey(found), {f"node-{members}"})
    assert reason is not None
    assert reason.sentence == expected
