from __future__ import annotations

import pytest

from executor.restore.loading.progress import Meter
from executor.s3.throttle import Throttle


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> bool:
        self.now += seconds
        self.slept.append(seconds)
        return False


def test_progress_counts_fetching_and_loading() -> None:
    clock = Clock()
    meter = Meter(1000, 4, clock)
    clock.now += 10
    meter.add_fetched(500)
    meter.add_loaded(100)
    meter.tables(1)
    told = meter.progress("loading a.t", {"throttle": 7})
    assert (told.doing, told.done, told.total) == (
        "loading a.t", {"bytes": 500, "tables": 1}, {"bytes": 1000, "tables": 4},
    )  # fmt: skip
    assert told.percent == pytest.approx(30)
    assert told.rate == 50
    assert told.seconds_left == pytest.approx(10 * 0.7 / 0.3)
    assert told.tuning == {"throttle": 7}


def test_what_an_earlier_attempt_did_takes_no_time() -> None:
    clock = Clock()
    meter = Meter(1000, 1, clock)
    meter.skip(600)
    meter.add_fetched(400)
    meter.add_loaded(400)
    assert meter.progress("", {}).percent == 100
    meter.add_fetched(-400)
    assert meter.progress("", {}).done["bytes"] == 0


def test_nothing_to_do_is_done() -> None:
    assert Meter(0, 0).progress("", {}).percent == 100


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    clock = Clock()
    meter = Meter(10**9, 1, clock)
    for _ in range(100):
        clock.now += 1
        meter.add_fetched(100)
        meter.progress("", {})
    for _ in range(40):
        clock.now += 1
        meter.add_fetched(1000)
        meter.progress("", {})
    assert meter.progress("", {}).rate == pytest.approx(1000, rel=0.05)


@pytest.mark.parametrize("limit", [100.0, 10_000.0])
def test_throttle(limit: float) -> None:
    clock = Clock()
    throttle = Throttle(lambda: limit, clock.sleep, clock)
    for _ in range(101):
        throttle.take(1000)
    assert clock.now - 100 == pytest.approx(100 * 1000 / limit, rel=0.02)


def test_no_limit_never_sleeps() -> None:
    clock = Clock()
    throttle = Throttle(lambda: 0, clock.sleep, clock)
    for _ in range(100):
        throttle.take(1 << 30)
    assert clock.slept == []


def test_a_new_limit_counts_at_once() -> None:
    clock = Clock()
    limits = [1.0]
    throttle = Throttle(lambda: limits[0], clock.sleep, clock)
    throttle.take(1_000_000)

    def sleep(seconds: float) -> bool:
        limits[0] = 1_000_000.0
        return clock.sleep(seconds)

    waiting = Throttle(lambda: limits[0], sleep, clock)
    waiting.take(1_000_000)
    waiting.take(1)
    assert sum(clock.slept) < 2


def test_one_that_is_told_to_give_up_does() -> None:
    throttle = Throttle(lambda: 1.0, lambda seconds: True)
    throttle.take(10)
    throttle.take(10)
