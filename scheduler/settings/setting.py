"""One setting and its kinds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "integer", "number", "boolean"]


@dataclass(frozen=True)
class Setting:
    """One setting. `default` is the variable's default text; `derived` describes a computed default in words.

    `rule` takes the parsed value and returns the rule that it breaks, or None. `marathon` is the value in marathon.json
    if that differs from the default.
    """

    name: str
    kind: Kind
    default: str
    sentence: str
    minimum: float | None = None
    maximum: float | None = None
    words: tuple[str, ...] = ()
    rule: Callable[[Any], str | None] | None = None
    derived: str = ""
    marathon: str | None = None

    @property
    def field(self) -> str:
        """The name of its field in Settings."""
        return self.name.lower()


def text(name: str, default: str, sentence: str, **more: Any) -> Setting:
    """Return a setting that is a text."""
    return Setting(name, "text", default, sentence, **more)


def integer(name: str, default: str, sentence: str, **more: Any) -> Setting:
    """Return a setting that is a whole number."""
    return Setting(name, "integer", default, sentence, **more)


def number(name: str, default: str, sentence: str, **more: Any) -> Setting:
    """Return a setting that is a number."""
    return Setting(name, "number", default, sentence, **more)


def port(name: str, default: str, sentence: str, **more: Any) -> Setting:
    """Return a setting that is a TCP port."""
    return Setting(name, "integer", default, sentence, minimum=1, maximum=65535, **more)
