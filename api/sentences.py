"""Sentences from texts that are parts of others."""

from __future__ import annotations

import re

# A name that can be copied keeps its form, as node-0 does.
_NAME = re.compile(r"node-\d")


def sentence(text: str, ends: tuple[str, ...] = (".", "!", "?")) -> str:
    """Return a text as a sentence: with a capital, unless a node's name begins it, and with one of these ends."""
    if not _NAME.match(text):
        text = text[:1].upper() + text[1:]
    return text if text.endswith(ends) else f"{text}."
