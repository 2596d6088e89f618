"""Calls that a job watches."""

from __future__ import annotations

import threading

import pytest

from executor.jobs.blocking import call_watched


def test_a_call_that_breaks_is_no_success() -> None:
    def broken() -> None:
        raise MemoryError("a long answer")

    with pytest.raises(MemoryError, match="a long answer"):
        call_watched(broken, lambda: None)


def test_what_cannot_be_watched_is_stopped() -> None:
    """Another attempt would begin the same work beside it."""
    free = threading.Event()

    def watch() -> None:
        raise ValueError("nonsense")

    with pytest.raises(ValueError, match="nonsense"):
        call_watched(lambda: free.wait(30), watch, free.set)
    assert free.is_set()
