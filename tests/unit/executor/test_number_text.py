"""Numbers in texts of others."""

from __future__ import annotations

import pytest

from executor.number_text import parse_number, parse_whole, whole_within

NO_NUMBERS = ["", "-", "+1", "1_000", "٣", "\uff11", "²", " 1", "1\n", "0x10", "nan", "inf", "-inf", "Infinity", "1e"]


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("-12", -12), ("007", 7), ("9" * 400, int("9" * 400))])
def test_whole_numbers(text: str, value: int) -> None:
    assert parse_whole(text) == value


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1.0", "1e3", "9" * 5000])
def test_no_whole_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a whole number$"):
        parse_whole(text)


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), (".5", 0.5), ("-2.", -2), ("1e-3", 0.001), ("2E+2", 200)])
def test_numbers(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize("text", [*NO_NUMBERS, ".", "1e400", "9" * 5000])
def test_no_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=r"^must be a number$"):
        parse_number(text)


def test_limits() -> None:
    found = [whole_within(text, 1, 10) for text in ("1", "10", "0", "11", "1_0", "9" * 5000)]
    assert found == [1, 10, None, None, None, None]
