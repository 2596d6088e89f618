"""Refused requests are counted, and reported within bounds."""

from __future__ import annotations

import logging
from collections import Counter

import pytest

from api.http import refusals
from api.http.refusals import ADDRESSES, LINES_PER_WINDOW, REFUSED, WINDOW_SECONDS, Refusals


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def noted() -> list[str]:
    return []


@pytest.fixture
def counted() -> Counter[int]:
    return Counter()


@pytest.fixture
def found(noted: list[str], counted: Counter[int], clock: Clock) -> Refusals:
    return Refusals(noted.append, lambda status: counted.update([status]), clock)


def test_an_address_is_slowed_down_until_the_window_ends(found: Refusals, clock: Clock) -> None:
    for _ in range(REFUSED):
        assert found.wait("10.0.0.1", 401) == 0
        found.add("10.0.0.1", 401)
    clock.now += 20
    assert found.wait("10.0.0.1", 401) == WINDOW_SECONDS - 20
    assert found.wait("10.0.0.2", 401) == 0
    clock.now += WINDOW_SECONDS
    assert found.wait("10.0.0.1", 401) == 0


def test_a_network_of_ipv6_is_one_address(found: Refusals) -> None:
    for number in range(REFUSED):
        found.add(f"2001:db8::{number:x}", 401)
    assert found.wait("2001:db8::ffff", 401) > 0
    assert found.wait("2001:db8:1::1", 401) == 0


def test_clients_of_ipv4_on_a_socket_of_both_are_told_apart(found: Refusals) -> None:
    for _ in range(REFUSED):
        found.add("::ffff:10.0.0.1", 401)
    assert found.wait("::ffff:10.0.0.1", 401) == found.wait("10.0.0.1", 401) > 0
    assert found.wait("::ffff:10.0.0.2", 401) == 0


def test_the_memory_is_bounded(found: Refusals) -> None:
    for number in range(3 * ADDRESSES):
        address = f"address {number}"
        found.add(address, 401)
        found.remember(address, "alice")
        found.tell(401, address, "", "no")
    assert len(found._refused) <= ADDRESSES
    assert len(found._used) <= ADDRESSES
    assert len(found._unsaid) <= ADDRESSES + 1
    assert found.knows(address, "alice")
    assert not found.knows("address 0", "alice")


def test_a_flood_of_a_week_is_few_events_and_few_lines(
    found: Refusals, clock: Clock, noted: list[str], counted: Counter[int], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, refusals.__name__):
        for _ in range(7 * 24 * 60):
            for _ in range(3):
                found.tell(401, "10.0.0.1", "", "The token is not valid.")
            clock.now += 60
    assert 100 < len(noted) < 200
    assert noted[0] == "a request was refused with 401 for 10.0.0.1: The token is not valid."
    assert noted[-1].startswith("180 requests were refused: 401 for 10.0.0.1 (180); the last one:")
    assert counted == {401: 3 * 7 * 24 * 60}


def test_lines_of_the_log_are_bounded_and_plain(found: Refusals, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, refusals.__name__):
        for _ in range(10 * LINES_PER_WINDOW):
            found.tell(403, "10.0.0.1", "bo\x1bb", "The Host a\r\nb is foreign.")
    assert len(caplog.records) == LINES_PER_WINDOW + 1
    assert caplog.records[0].getMessage() == "refused with 403: bo?b at 10.0.0.1 (The Host a??b is foreign.)"


def test_the_pace_is_that_of_the_beginning_after_a_rest(found: Refusals, clock: Clock, noted: list[str]) -> None:
    for _ in range(4000):
        found.tell(401, "10.0.0.1", "", "no")
        clock.now += 10
    clock.now += 3 * 3600
    before = len(noted)
    for _ in range(8):
        found.tell(401, "10.0.0.1", "", "no")
        clock.now += 10
    assert len(noted) == before + 2
