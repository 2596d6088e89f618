"""Sentences from texts that are parts of others."""

from __future__ import annotations


def sentence(text: str, ends: tuple[str, ...] = (".", "!", "?")) -> str:
    """Return a text as a sentence: with a capital, and with one of these ends."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith(ends) else f"{text}."
