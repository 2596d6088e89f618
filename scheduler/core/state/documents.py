"""Frozen dataclasses as JSON documents and back, by their type hints: strict, so that nothing is lost or guessed."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class DocumentError(ValueError):
    """A document that does not fit; the text names the field."""


def encode(value: Any) -> Any:
    """JSON of a dataclass, or of what its fields hold."""
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: encode(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def decode(cls: type[T], document: Mapping[str, Any], where: str = "") -> T:
    """The dataclass that a document describes; raises DocumentError for an unknown, missing or wrong field."""
    kind: Any = cls
    hints = _hints(kind)
    known = {item.name: item for item in _fields(kind)}
    for name in document:
        if name not in known:
            raise DocumentError(f"unknown field {where}{name}")
    values = {}
    for name, item in known.items():
        if name in document:
            values[name] = _value(hints[name], document[name], f"{where}{name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise DocumentError(f"missing field {where}{name}")
    return cls(**values)


@lru_cache(maxsize=64)
def _hints(cls: Any) -> Mapping[str, Any]:
    return get_type_hints(cls)


@lru_cache(maxsize=64)
def _fields(cls: Any) -> tuple[Field[Any], ...]:
    return fields(cls)


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return None if value is None else _value(_only_type(hint), value, where)
    if origin is Literal:
        return _checked(value in get_args(hint), value, where, f"one of {', '.join(get_args(hint))}")
    if origin is tuple:
        items = _checked(isinstance(value, list), value, where, "a list")
        return tuple(_value(get_args(hint)[0], item, f"{where}[{index}]") for index, item in enumerate(items))
    if origin is Mapping or origin is not None:
        items = _checked(isinstance(value, dict), value, where, "an object")
        return {key: _value(get_args(hint)[1], item, f"{where}.{key}") for key, item in items.items()}
    if isinstance(hint, type) and is_dataclass(hint):
        items = _checked(isinstance(value, dict), value, where, "an object")
        return decode(hint, items, f"{where}.")
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if issubclass(hint, Enum):
        words = [item.value for item in hint]
        return hint(_checked(value in words, value, where, f"one of {', '.join(words)}"))
    if hint is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(_checked(number, value, where, "a number"))
    if hint is bool:
        return _checked(isinstance(value, bool), value, where, "true or false")
    good = isinstance(value, hint) and not (hint is int and isinstance(value, bool))
    return _checked(good, value, where, {int: "a whole number", str: "a text"}.get(hint, hint.__name__))


def _checked(good: bool, value: Any, where: str, wanted: str) -> Any:
    if not good:
        raise DocumentError(f"{where} is {value!r}, not {wanted}")
    return value


def _only_type(hint: Any) -> Any:
    return next(item for item in get_args(hint) if item is not type(None))
