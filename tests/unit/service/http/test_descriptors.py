"""The limit of open files: raised as far as allowed, and told when it is low."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

import pytest

from service.http.descriptors import SELECT_DESCRIPTORS, lift, reserve


@pytest.fixture
def hard() -> Iterator[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 2 * SELECT_DESCRIPTORS:
        pytest.skip(f"the hard limit of open files is {hard}")
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised(hard: int, caplog: pytest.LogCaptureFixture) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (500, hard))
    assert reserve(600) == 600
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (600 + SELECT_DESCRIPTORS, hard)
    assert not caplog.records


def test_a_low_hard_limit_is_told(hard: int, caplog: pytest.LogCaptureFixture) -> None:
    assert reserve(hard) == hard - SELECT_DESCRIPTORS
    assert f"the hard limit of open files is {hard}: the API keeps at most" in caplog.text


def test_descriptors_are_lifted_as_long_as_there_is_room(hard: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (SELECT_DESCRIPTORS + 100, hard))
    high = lift(0)
    os.close(high)
    resource.setrlimit(resource.RLIMIT_NOFILE, (SELECT_DESCRIPTORS, hard))
    low = lift(0)
    os.close(low)
    assert low < SELECT_DESCRIPTORS <= high
