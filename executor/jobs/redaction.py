"""Texts of errors without the secrets that were in use: a library may quote a header or a statement of ours."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

# What is shorter is no secret worth the name, and would tear up words that only look like it.
_SHORTEST = 4


def without(secrets: Iterable[str], text: str) -> str:
    """The text with "…" in place of each secret."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "…")
    return text


def traceback_of(error: BaseException) -> str:
    """An exception with its frames and causes."""
    return "".join(traceback.format_exception(error)).rstrip()
