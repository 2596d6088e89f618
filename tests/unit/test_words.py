"""Docstrings, comments and sentences of the product use field terms: a short list of words is not among them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_architecture import MODULES, identify
from tests.unit.test_documents import OBSCURE

_OBSCURE = re.compile("|".join(rf"\b{word}s?\b" for word in OBSCURE), re.IGNORECASE)


def spoken(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and text of each comment and of each string that has a space, docstrings included."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value


@pytest.mark.parametrize("path", MODULES.values(), ids=identify)
def test_words_are_plain(path: Path) -> None:
    found = [
        f"line {line}: {match[0]}"
        for line, text in spoken(path.read_text())
        for match in _OBSCURE.finditer(" ".join(text.split()))
    ]
    assert found == []
