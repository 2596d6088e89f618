"""docs/cli.md is what the commands say."""

from __future__ import annotations

import pytest

from cli.document import DOCUMENT, main, render


def test_the_document_is_fresh() -> None:
    assert DOCUMENT.read_text() == render(), "run: python -m cli.document --write"


def test_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert capsys.readouterr().out == render()
    assert main(["--nonsense"]) == 2
