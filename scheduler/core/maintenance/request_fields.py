"""Fields of a request, read one by one; every problem becomes a sentence that names its field."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from executor.sentences import list_first

SHOWN = 60
LISTED = 20
# A list has at most so many items, and an answer so many problems.
ITEMS = 10_000
NAME_LENGTH = 512
PROBLEMS = 20


class Form:
    """The body of a request. A null field counts as absent; a field that is never read is unknown."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._known: list[str] = []
        self._problems: list[str] = []
        self._wrong: dict[str, int] = {}  # the fields with a problem

    def problems(self) -> tuple[str, ...]:
        """Return all problems, unknown fields first; call it after every field was read."""
        unknown = [name for name in self._body if name not in self._known]
        known = f"known: {', '.join(self._known)}"
        first = (f"The field {show_value(name)} is unknown; {known}." for name in unknown[:PROBLEMS])
        found = [*first, *self._problems][:PROBLEMS]
        more = len(unknown) + sum(self._wrong.values()) - len(found)
        return (*found, f"{more} more problems are not shown.") if more else tuple(found)

    def problem(self, field: str, words: str) -> None:
        """Add a problem with a field."""
        self._wrong[field] = self._wrong.get(field, 0) + 1
        if len(self._problems) < PROBLEMS:
            self._problems.append(f"{field}{words if words.startswith(':') else ' ' + words}.")

    def has_problem(self, field: str) -> bool:
        """Return whether the field has a problem so far."""
        return field in self._wrong

    def value(self, field: str) -> Any:
        """Return the value of a field, None if it is absent."""
        if field not in self._known:
            self._known.append(field)
        return self._body.get(field)

    def text(self, field: str, around: str | None = None) -> str:
        """Return a text without blanks, or the signs `around`, at its ends; empty if absent.

        Problems never repeat it: it may be a secret.
        """
        value = self.value(field)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.problem(field, "must be a text")
            return ""
        return value.strip(around)

    def is_text(self, field: str) -> bool:
        """Return whether the field is a text or absent; otherwise it has a problem already."""
        return isinstance(self.value(field), str | None)

    def flag(self, field: str, default: bool) -> bool:
        """Return true or false."""
        value = self.value(field)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.problem(field, f"must be true or false, not {show_value(value)}")
            return default
        return value

    def whole(self, field: str, default: int | None, minimum: int, maximum: int) -> int | None:
        """Return a whole number from `minimum` to `maximum`, or the default."""
        value = self.value(field)
        if value is None:
            return default
        if not isinstance(value, int) or isinstance(value, bool):
            self.problem(field, f"must be a whole number, not {show_value(value)}")
        elif not minimum <= value <= maximum:
            self.problem(field, f"must be at least {minimum} and at most {maximum}, not {show_value(value)}")
        else:
            return value
        return default

    def word(self, field: str, words: tuple[str, ...], default: str) -> str:
        """Return one of a few words."""
        value = self.value(field)
        if value is None:
            return default
        if value not in words:
            named = [word or "empty" for word in words]
            self.problem(field, f"must be {', '.join(named[:-1])} or {named[-1]}, not {show_value(value)}")
            return default
        return str(value)

    def items(self, field: str) -> tuple[Any, ...] | None:
        """Return a list, or the parts of a text with commas; each item once, in its order. None if absent."""
        value = self.value(field)
        if value is None:
            return None
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            self.problem(field, f"must be a list, not {show_value(value)}")
            return None
        if len(value) > ITEMS:
            self.problem(field, f"must have at most {ITEMS} items, not {len(value)}")
            return None
        # 1, 1.0 and true are equal, and are not the same; a list or an object is known by its text.
        found: dict[tuple[type, Hashable], Any] = {}
        for item in value:
            found.setdefault((type(item), repr(item) if isinstance(item, list | dict) else item), item)
        return tuple(found.values())

    def names(self, field: str) -> tuple[str, ...]:
        """Return a list of texts, empty if absent."""
        items = self.items(field) or ()
        if wrong := [item for item in items if not isinstance(item, str) or not item]:
            self.problem(field, f"must be a list of names, and {show_value(wrong[0])} is not a name")
            return ()
        if wrong := [item for item in items if len(item) > NAME_LENGTH or not item.isprintable()]:
            self.problem(field, f"must be a list of names, and {show_value(wrong[0])} is not a name")
            return ()
        return items


def show_value(value: Any) -> str:
    """Return a value as a problem repeats it, cut short."""
    text = value if isinstance(value, str) else repr(value)
    text = "".join(sign if sign.isprintable() else "?" for sign in text[: SHOWN + 1])
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def list_names(names: Iterable[str]) -> str:
    """Return names for a sentence: the first of them, and the number of the others."""
    return list_first(map(show_value, names), LISTED) or "none"
