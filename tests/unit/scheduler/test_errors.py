"""Every end of the process is explained to operators."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.errors import Exit

PAGE = Path(__file__).parents[3] / "docs" / "operations" / "exit-codes.md"


@pytest.mark.parametrize("code", [code for code in Exit if code is not Exit.OK])
def test_the_page_says_what_to_do_after_each_exit_code(code: Exit) -> None:
    assert f"| {code.value} | {code.name} | " in PAGE.read_text()
