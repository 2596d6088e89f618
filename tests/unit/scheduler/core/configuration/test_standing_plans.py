"""The reason with which an interrupted plan waits."""

from __future__ import annotations

import pytest

from scheduler.core.configuration.standing_plans import describe_interrupt


@pytest.mark.parametrize(
    ("principal", "at", "words"),
    [
        ("alice", 1764437405.0, "the plan deploy was interrupted by alice at 2025-11-29T17:30:05Z"),
        ("", None, "the plan deploy was interrupted by an operator"),  # of an earlier version
    ],
)
def test_an_interrupt_names_who_and_when(principal: str, at: float | None, words: str) -> None:
    assert describe_interrupt("deploy", principal, at).sentence == words
