"""Words about nodes and jobs, as far as a record has room for them."""

from __future__ import annotations

import pytest

from scheduler.core.state.lifecycle import shorten


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (" short\n", "short"),
        ("x" * 30, "…" + "x" * 17),
        ("é" * 30, "…" + "é" * 8),
        ("ended with SIGKILL:\n" + "x" * 900, "…" + "x" * 17),
    ],
)
def test_the_end_is_kept(words: str, expected: str) -> None:
    assert shorten(words, 20) == expected


def test_a_short_first_line_stays() -> None:
    """An executor that the kernel has killed for its memory: Cassandra's last words do not know of it."""
    words = "Cassandra ended with signal SIGKILL:\n" + "ERROR [main] an old one é\n" * 200 + "the end"
    found = shorten(words)
    assert found.startswith("Cassandra ended with signal SIGKILL:\n…")
    assert found.endswith("an old one é\nthe end")
    assert 890 <= len(found.encode()) <= 900
    assert shorten(found, 300).startswith("Cassandra ended with signal SIGKILL:\n…")


def test_a_long_first_line_does_not_stay() -> None:
    found = shorten("y" * 101 + "\n" + "x" * 900)
    assert found == "…" + "x" * 897
