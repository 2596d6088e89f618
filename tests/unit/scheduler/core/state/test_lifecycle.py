"""Words about nodes and jobs, as far as a record has room for them; launches that were given up."""

from __future__ import annotations

import pytest

from scheduler.core.state import operation
from scheduler.core.state.lifecycle import LONGEST_DELAY, delay_after, is_disowned, shorten
from scheduler.core.state.node import NodeRecord, TaskState
from tests.unit.scheduler.core.samples import down, node, up


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (" short\n", "short"),
        ("x" * 30, "…" + "x" * 17),
        ("é" * 30, "…" + "é" * 8),
        ("ended with SIGKILL:\n" + "x" * 900, "…" + "x" * 17),
    ],
)
def test_the_end_is_kept(words: str, expected: str) -> None:
    assert shorten(words, 20) == expected


def test_a_short_first_line_stays() -> None:
    """An executor that the kernel has killed for its memory: Cassandra's last words do not know of it."""
    words = "Cassandra ended with signal SIGKILL:\n" + "ERROR [main] an old one é\n" * 200 + "the end"
    found = shorten(words)
    assert found.startswith("Cassandra ended with signal SIGKILL:\n…")
    assert found.endswith("an old one é\nthe end")
    assert 890 <= len(found.encode()) <= 900
    assert shorten(found, 300).startswith("Cassandra ended with signal SIGKILL:\n…")


def test_a_long_first_line_does_not_stay() -> None:
    found = shorten("y" * 101 + "\n" + "x" * 900)
    assert found == "…" + "x" * 897


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (down(0, TaskState.LOST, agent=None, reservation=None), True),
        (down(0, TaskState.LOST), False),
        (node(0, None, agent=None, reservation=None), False),
        # A record of an earlier version, of a member that serves: to end it would be worse.
        (up(0, agent=None, reservation=None), False),
    ],
)
def test_a_launch_is_disowned_once_its_place_was_given_up(found: NodeRecord, expected: bool) -> None:
    assert is_disowned(found) is expected


@pytest.mark.parametrize("count", [20, 1_030, 10_000, 2**63])
def test_a_number_of_failures_without_a_limit_waits_for_the_longest_time(count: int) -> None:
    assert delay_after(count) == LONGEST_DELAY
    assert operation.delay_after(count) == operation.delay_after(20)
