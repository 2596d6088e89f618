"""Frozen dataclasses as JSON documents and back, by their type hints: pure, and the one codec of all formats.

The stored records, the backups and the protocol are such formats. Their fields are texts, numbers, booleans, enums,
literals, Any, other dataclasses, tuples of one type and mappings from texts, and each of these or None.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum, auto
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

# So much of a wrong value is shown.
SHOWN = 80
_UNIONS = (Union, types.UnionType)
_AS_THEY_ARE = frozenset({str, int, float, bool, types.NoneType})
# The metadata of a field that an earlier version did not know: it is left out while it has its default, so that the
# records of that version keep their bytes.
ADDED: Mapping[str, bool] = {"added": True}


class DocumentError(ValueError):
    """A document that does not fit; the text names the field and the rule."""


class Reading(Enum):
    """The strictness towards a document; a missing field without a default is an error in both."""

    STRICT = auto()  # unknown fields and values of another type are errors
    TYPED = auto()  # unknown fields are ignored, and values of another type are errors: for what is stored
    TOLERANT = auto()  # unknown fields are ignored, and values are taken as they are, for other versions' messages


def encode(value: Any, sparse: bool = False) -> Any:
    """Return the JSON of a dataclass, or of what its fields hold; `sparse` leaves out fields that have their default.

    A reader that refuses unknown fields then reads what a newer version wrote, as long as it says nothing new. Fields
    that are ADDED are always left out so.
    """
    kind: Any = type(value)
    if kind in _AS_THEY_ARE:  # nearly all values
        return value
    if _is_dataclass(kind):
        document = {}
        for item in _fields(kind):
            found = getattr(value, item.name)
            if not (sparse or "added" in item.metadata) or found != _default(item):
                document[item.name] = found if type(found) in _AS_THEY_ARE else encode(found, sparse)
        return document
    if isinstance(value, Mapping):
        return {str(key): encode(item, sparse) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item, sparse) for item in value]
    return value.value if isinstance(value, Enum) else value


def decode(cls: type[T], document: Mapping[str, Any], where: str = "", reading: Reading = Reading.STRICT) -> T:
    """Return the dataclass that a document describes.

    Args:
        cls: The dataclass.
        document: Its fields by name.
        where: The text before the names of its fields in errors, such as `task.`.
        reading: The strictness.

    Raises:
        DocumentError: A field is missing, or, if the reading is strict, unknown or of another type.
    """
    kind: Any = cls
    hints, known = _hints(kind), _fields(kind)
    if reading is Reading.STRICT:
        for name in document:
            if name not in hints:
                raise DocumentError(f"unknown field {where}{name}")
    values = {}
    for item in known:
        name = item.name
        if name in document:
            value, hint = document[name], hints[name]
            if type(value) is hint:
                values[name] = value
            elif reading is Reading.TOLERANT:
                values[name] = _tolerant(hint, value, f"{where}{name}")
            else:
                values[name] = _strict(hint, value, f"{where}{name}", reading)
        elif item.default is MISSING and item.default_factory is MISSING:
            raise DocumentError(f"missing field {where}{name}")
    return cls(**values)


@cache
def _hints(cls: Any) -> Mapping[str, Any]:
    return get_type_hints(cls)


@cache
def _fields(cls: Any) -> tuple[Field[Any], ...]:
    return fields(cls)


@cache
def _origin(hint: Any) -> Any:
    return get_origin(hint)


@cache
def _is_dataclass(hint: Any) -> bool:
    return isinstance(hint, type) and is_dataclass(hint)


def _default(item: Field[Any]) -> Any:
    """Return the value of a field that is not given; MISSING, which equals no value, if it must be given."""
    return item.default if item.default_factory is MISSING else item.default_factory()


def _tolerant(hint: Any, value: Any, where: str) -> Any:
    if value is not None and _origin(hint) in _UNIONS:
        hint = _only_type(hint)
    if _is_dataclass(hint):
        return decode(hint, _checked(isinstance(value, dict), value, where, "an object"), f"{where}.", Reading.TOLERANT)
    return tuple(value) if isinstance(value, list) else value  # a frozen dataclass holds no lists


def _strict(hint: Any, value: Any, where: str, reading: Reading) -> Any:
    # A bool is an int to isinstance, but its type is not.
    if hint is Any or type(value) is hint:
        return value
    origin = _origin(hint)
    if origin in _UNIONS:
        return None if value is None else _strict(_only_type(hint), value, where, reading)
    if origin is Literal:
        return _checked(value in get_args(hint), value, where, f"one of {', '.join(get_args(hint))}")
    if origin is tuple:
        kind = get_args(hint)[0]
        items = _checked(isinstance(value, list), value, where, "a list")
        if all(type(item) is kind for item in items):  # such as a thousand addresses in the status of each node
            return tuple(items)
        return tuple(_strict(kind, item, f"{where}[{index}]", reading) for index, item in enumerate(items))
    if origin is not None:
        items = _checked(isinstance(value, dict), value, where, "an object")
        return {key: _strict(get_args(hint)[1], item, f"{where}.{key}", reading) for key, item in items.items()}
    if _is_dataclass(hint):
        return decode(hint, _checked(isinstance(value, dict), value, where, "an object"), f"{where}.", reading)
    return _plain(hint, value, where)


def _plain(hint: Any, value: Any, where: str) -> Any:
    if issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            return _checked(False, value, where, f"one of {', '.join(item.value for item in hint)}")
    if hint is float:
        return float(_checked(type(value) is int, value, where, "a number"))
    names = {int: "a whole number", str: "a text", bool: "true or false"}
    return _checked(False, value, where, names.get(hint, hint.__name__))


def _checked(good: bool, value: Any, where: str, wanted: str) -> Any:
    if not good:
        raise DocumentError(f"{where} is {repr(value)[:SHOWN]}, not {wanted}")
    return value


@cache
def _only_type(hint: Any) -> Any:
    return next(item for item in get_args(hint) if item is not type(None))
