"""The codec of all formats: what comes back, what is refused, and the words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import pytest

from executor.json_codec import ADDED, SHOWN, DocumentError, Reading, decode, encode


class Colour(StrEnum):
    """An enum."""

    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Part:
    """A dataclass inside of another."""

    name: str
    size: int = 0


@dataclass(frozen=True)
class Whole:
    """One field of each type."""

    number: float
    colour: Colour = Colour.RED
    kind: Literal["ROOT", "MOUNT"] = "ROOT"
    parts: tuple[Part, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    part: Part | None = None
    good: bool = False
    anything: Any = None
    texts: tuple[str, ...] = ()
    flags: tuple[bool, ...] = ()


FULL = Whole(
    1.5, Colour.BLUE, "MOUNT", (Part("a"), Part("b", 2)), {"x": 1}, Part("c"), True, [1, {"a": None}], ("a", "b")
)
DOCUMENT = {
    "number": 1.5,
    "colour": "blue",
    "kind": "MOUNT",
    "parts": [{"name": "a", "size": 0}, {"name": "b", "size": 2}],
    "sizes": {"x": 1},
    "part": {"name": "c", "size": 0},
    "good": True,
    "anything": [1, {"a": None}],
    "texts": ["a", "b"],
    "flags": [],
}


def test_there_and_back() -> None:
    assert encode(FULL) == DOCUMENT
    assert decode(Whole, DOCUMENT) == FULL


def test_sparse_leaves_out_defaults_at_every_depth() -> None:
    assert encode(Whole(1.0, part=Part("c")), sparse=True) == {"number": 1.0, "part": {"name": "c"}}
    assert decode(Whole, {"number": 1.0, "part": {"name": "c"}}) == Whole(1.0, part=Part("c"))


@dataclass(frozen=True)
class Grown:
    name: str = ""
    more: Mapping[str, str] = field(default_factory=dict, metadata=ADDED)


def test_a_field_that_was_added_later_is_left_out_while_it_has_its_default() -> None:
    assert encode(Grown()) == {"name": ""}
    assert encode(Grown(more={"a": "b"})) == {"name": "", "more": {"a": "b"}}
    assert decode(Grown, {"name": ""}) == Grown()


def test_whole_numbers_are_numbers() -> None:
    number = decode(Whole, {"number": 2}).number
    assert (number, type(number)) == (2.0, float)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"more": 1}, "unknown field more"),
        ({"parts": [{"name": "a"}, {}]}, "missing field parts[1].name"),
        ({"part": {"name": "a", "more": 1}}, "unknown field part.more"),
        ({"number": True}, "number is True, not a number"),
        ({"number": None}, "number is None, not a number"),
        ({"colour": "green"}, "colour is 'green', not one of red, blue"),
        ({"kind": "root"}, "kind is 'root', not one of ROOT, MOUNT"),
        ({"colour": ["red"]}, "colour is ['red'], not one of red, blue"),
        ({"texts": ["a", "b", 1, 2]}, "texts[2] is 1, not a text"),
        ({"texts": ["a", None]}, "texts[1] is None, not a text"),
        ({"texts": "ab"}, "texts is 'ab', not a list"),
        ({"flags": [True, 1]}, "flags[1] is 1, not true or false"),
        ({"parts": {}}, "parts is {}, not a list"),
        ({"sizes": []}, "sizes is [], not an object"),
        ({"sizes": {"x": 1.0}}, "sizes.x is 1.0, not a whole number"),
        ({"sizes": {"x": False}}, "sizes.x is False, not a whole number"),
        ({"part": "a"}, "part is 'a', not an object"),
        ({"part": {"name": 1}}, "part.name is 1, not a text"),
        ({"good": 1}, "good is 1, not true or false"),
    ],
)
def test_a_strict_reading_refuses(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DocumentError) as caught:
        decode(Whole, {**DOCUMENT, **changes})
    assert str(caught.value) == words


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(DocumentError) as caught:
        decode(Whole, {**DOCUMENT, "good": "x" * 1000})
    assert len(str(caught.value)) < SHOWN + 40


def test_a_tolerant_reading_ignores_what_it_does_not_know() -> None:
    document = {**DOCUMENT, "more": 1, "part": {"name": "c", "more": 2}}
    found = decode(Whole, document, reading=Reading.TOLERANT)
    assert (found.number, found.part) == (1.5, Part("c"))


def test_a_tolerant_reading_needs_what_has_no_default() -> None:
    with pytest.raises(DocumentError, match="missing field number"):
        decode(Whole, {"colour": "red"}, reading=Reading.TOLERANT)


def test_a_tolerant_reading_takes_values_of_other_types_as_they_are() -> None:
    found = encode(decode(Whole, {"number": "1", "good": [1]}, reading=Reading.TOLERANT))
    assert (found["number"], found["good"]) == ("1", [1])
