"""Frozen dataclasses as JSON documents with a version, read strictly: what is not exactly as expected is refused."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

VERSION = 1
# More than any backup has. What a foreign document may take is bounded before it is parsed: an executor has little
# memory, and an empty list of three bytes takes fifty in it.
MOST_BYTES = 64 * 1024**2
MOST_VALUES = 1_500_000
_SHOWN = 80

T = TypeVar("T", bound="DataclassInstance")


class DocumentError(ValueError):
    """A document that cannot be read; the text says where and why."""


def write(value: DataclassInstance) -> bytes:
    """The document; equal values give equal bytes."""
    plain = {"version": VERSION, **_plain(value)}
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()


def read(cls: type[T], data: bytes, what: str) -> T:
    """The reverse of `write`; `what` names the document in errors. Raises DocumentError."""
    _check_amount(data, what)
    try:
        document = json.loads(data, parse_constant=_no_number)
    except RecursionError as error:
        raise DocumentError(f"{what} is nested too deep") from error
    except ValueError as error:
        raise DocumentError(f"{what} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{what} is no JSON object")
    version = document.pop("version", None)
    if version != VERSION:
        raise DocumentError(f"{what} has version {_told(version)}, and this executor reads version {VERSION}")
    built: T = _build(cls, document, what)
    return built


def _check_amount(data: bytes, what: str) -> None:
    if len(data) > MOST_BYTES:
        raise DocumentError(f"{what} has {len(data)} bytes, and an executor reads at most {MOST_BYTES}")
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES:
        raise DocumentError(f"{what} has more than {MOST_VALUES} values, which no executor reads")


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _told(value: Any) -> str:
    """A value of a foreign document, for an error. Its nesting may be as deep as could just be read."""
    try:
        return repr(value)[:_SHOWN]
    except RecursionError:
        return "a deep structure"


def _default(item: Field[Any]) -> Any:
    """What a field is when it is not written; it is no value of its own, so that older executors read what lacks it."""
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        found = {item.name: getattr(value, item.name) for item in fields(value)}
        return {item.name: _plain(found[item.name]) for item in fields(value) if found[item.name] != _default(item)}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


_HINTS: dict[type[Any], Mapping[str, Any]] = {}


def _hints(cls: type[Any]) -> Mapping[str, Any]:
    found = _HINTS.get(cls)
    if found is None:
        found = _HINTS[cls] = typing.get_type_hints(cls)
    return found


def _build(cls: type[Any], document: Any, where: str) -> Any:
    if not isinstance(document, dict):
        raise DocumentError(f"{where} is no object")
    hints = _hints(cls)
    if unknown := sorted(document.keys() - hints.keys()):
        raise DocumentError(f"{where} has an unknown field {_told(unknown[0])}")
    required = {item.name for item in fields(cls) if item.default is MISSING and item.default_factory is MISSING}
    if missing := sorted(required - document.keys()):
        raise DocumentError(f"{where} has no field {missing[0]!r}")
    return cls(**{name: _value(hints[name], item, f"{where}, {name}") for name, item in document.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return _build(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is types.UnionType:
        return None if value is None else _value(arguments[0], value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], item, where) for item in value)
    if isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, dict):
        items = ((_text(str(key), where), item) for key, item in value.items())
        return {key: _value(arguments[1], item, f"{where}, {key[:_SHOWN]}") for key, item in items}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return _float(value, where)
    # A bool is an int to isinstance.
    if isinstance(kind, type) and type(value) is kind:
        return _text(str(value), where) if kind is str else value
    raise DocumentError(f"{where} is {_json(value)}, which is not what is expected there")


def _float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise DocumentError(f"{where} is a number that is too large") from error


def _text(value: str, where: str) -> str:
    """A text that can be written and sent again: half of a surrogate pair cannot."""
    if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
        raise DocumentError(f"{where} holds half of a surrogate pair, which is no text")
    return value


def _json(value: Any) -> str:
    try:
        return json.dumps(value)[:_SHOWN]
    except RecursionError:
        return "a deep structure"
