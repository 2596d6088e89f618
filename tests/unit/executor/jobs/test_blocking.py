"""Calls that a job watches."""

from __future__ import annotations

import pytest

from executor.jobs.blocking import call_watched


def test_a_call_that_breaks_is_no_success() -> None:
    def broken() -> None:
        raise MemoryError("a long answer")

    with pytest.raises(MemoryError, match="a long answer"):
        call_watched(broken, lambda: None)
