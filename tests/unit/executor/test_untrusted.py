"""Texts of others, as they are stored and shown."""

from __future__ import annotations

import pytest

from executor.untrusted import MAX_TEXT, clean, clean_text


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
