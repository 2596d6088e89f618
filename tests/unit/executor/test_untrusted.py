"""Texts of others, as they are stored and shown."""

from __future__ import annotations

import pytest

from executor.untrusted import MAX_BYTES, MAX_TEXT, MAX_VALUES, UntrustedError, clean, clean_text, parse_json


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("", ""),
        ("größer als 1\u202f000 \N{SNOWMAN}", "größer als 1\u202f000 \N{SNOWMAN}"),
        ("two\r\nlines\rand\ta tab", "two\nlines\nand\ta tab"),
        ("bell\x07, escape\x1b, delete\x7f, next line\x85", "bell\ufffd, escape\ufffd, delete\ufffd, next line\ufffd"),
        ("half of a pair: \ud800", "half of a pair: \ufffd"),
        ("a" * (MAX_TEXT + 1), "a" * MAX_TEXT),
    ],
)
def test_a_text_can_be_stored_and_shown(text: str, wanted: str) -> None:
    assert clean_text(text) == wanted
    assert clean({text: [text]}) == {wanted: [wanted]}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[" + ",".join(["[]"] * (MAX_VALUES // 2 + 1)) + "]", "it has more than 500000 values"),
        ("[" + ",".join(["1"] * (MAX_VALUES + 1)) + "]", "it has more than 500000 values"),
        ("[" * (MAX_VALUES + 1), "it has more than 500000 values"),
        ('"' + "," * (MAX_VALUES + 1) + '"', "it has more than 500000 values"),
        (" " * (MAX_BYTES + 1), "it is longer than 16777216 bytes"),
    ],
    ids=["lists", "numbers", "depth", "commas", "bytes"],
)
def test_json_that_is_too_large_is_not_parsed(text: str, problem: str) -> None:
    """One message of a hundred megabytes would keep the scheduler's loop for a minute."""
    for form in (text, text.encode()):
        with pytest.raises(UntrustedError, match=problem):
            parse_json(form)


def test_a_text_with_many_commas_is_a_message() -> None:
    assert parse_json(b'{"a": ["' + b"," * 1000 + b'"]}') == {"a": ["," * 1000]}
