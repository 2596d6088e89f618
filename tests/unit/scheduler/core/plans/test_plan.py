"""The status of a parent from its children's: every combination up to three."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest

from scheduler.core.plans.plan import Status, aggregate

RUNNING = {Status.PREPARED, Status.STARTING, Status.STARTED, Status.IN_PROGRESS}
COMBINATIONS = [
    children for size in range(4) for children in itertools.combinations_with_replacement(tuple(Status), size)
]


@pytest.mark.parametrize("children", COMBINATIONS, ids=lambda children: "-".join(children) or "none")
def test_every_combination(children: tuple[Status, ...]) -> None:
    """The rules read one by one, each for itself."""
    words = set(children)
    for order in itertools.permutations(children):
        found = aggregate(order)
        assert (found is Status.ERROR) == (Status.ERROR in words)
        assert (found is Status.COMPLETE) == (words <= {Status.COMPLETE})
        if found is Status.IN_PROGRESS:
            assert words & RUNNING or words == {Status.PENDING, Status.COMPLETE}
        if found is Status.WAITING:
            assert Status.WAITING in words
            assert not words & (RUNNING | {Status.ERROR})
        if found is Status.DELAYED:
            assert Status.DELAYED in words
            assert words <= {Status.DELAYED, Status.PENDING, Status.COMPLETE}
        assert (found is Status.PENDING) == (words == {Status.PENDING})
        assert found in {
            Status.ERROR, Status.COMPLETE, Status.IN_PROGRESS, Status.WAITING, Status.DELAYED, Status.PENDING,
        }  # fmt: skip


@pytest.mark.parametrize("children", COMBINATIONS, ids=lambda children: "-".join(children) or "none")
def test_an_interrupt_shows_once_nothing_runs_any_more(children: tuple[Status, ...]) -> None:
    words, found = set(children), aggregate(children, interrupted=True)
    left = words - {Status.COMPLETE}
    if Status.ERROR in words or not left or left & RUNNING:
        assert found is aggregate(children)
    else:
        assert found is Status.WAITING


@pytest.mark.parametrize("children", COMBINATIONS, ids=lambda children: "-".join(children) or "none")
def test_errors_of_its_own_come_first(children: Iterable[Status]) -> None:
    assert aggregate(children, errors=True) is Status.ERROR
    assert aggregate(children, interrupted=True, errors=True) is Status.ERROR
