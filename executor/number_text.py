"""Numbers that people and other programs write as text. Pure.

Python's int and float also take `1_000`, other alphabets' digits, `nan` and `inf`, which no reader of a setting, a
request or an answer expects.
"""

from __future__ import annotations

import math
import re

# Eighteen digits: larger than any number that is asked for, and a whole number in every program.
LARGEST = 10**18 - 1
_WHOLE = re.compile(r"-?[0-9]+")
_NUMBER = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def parse_whole(text: str) -> int:
    """Return the whole number of a text such as `-12`.

    Raises:
        ValueError: It is none; the text is the rule that it breaks.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError("must be a whole number")
    try:
        return int(text)
    except ValueError:  # more digits than Python converts
        raise ValueError("must be a whole number") from None


def parse_number(text: str) -> float:
    """Return the finite number of a text such as `0.5` or `1e-3`.

    Raises:
        ValueError: It is none; the text is the rule that it breaks.
    """
    if not _NUMBER.fullmatch(text) or not math.isfinite(value := float(text)):
        raise ValueError("must be a number")
    return value


def whole_within(text: str, least: int, most: int = LARGEST) -> int | None:
    """Return the whole number of a text, None if it is none from `least` to `most`."""
    try:
        value = parse_whole(text)
    except ValueError:
        return None
    return value if least <= value <= most else None
