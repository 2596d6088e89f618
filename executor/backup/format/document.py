"""Frozen dataclasses as JSON documents with a version, read strictly: any deviation is refused."""

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

T = TypeVar("T", bound="DataclassInstance")


class DocumentError(ValueError):
    """A document that cannot be read; the text names the position and the cause."""


def write(value: DataclassInstance) -> bytes:
    """Return the document; equal values give equal bytes."""
    plain = {"version": VERSION, **_plain(value)}
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()


def read(cls: type[T], data: bytes, what: str) -> T:
    """Parse the output of `write`.

    Args:
        cls: The dataclass.
        data: The document's bytes.
        what: The document's name in errors, such as its key.

    Raises:
        DocumentError: The document differs from the dataclass, or has another version.
    """
    try:
        document = json.loads(data)
    except ValueError as error:
        raise DocumentError(f"{what} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{what} is no JSON object")
    version = document.pop("version", None)
    if version != VERSION:
        raise DocumentError(f"{what} has version {version!r}, and this executor reads version {VERSION}")
    built: T = _build(cls, document, what)
    return built


def _default(item: Field[Any]) -> Any:
    """Return a field's value when it is not written, so that older executors can read a document without it."""
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
        raise DocumentError(f"{where} has an unknown field {unknown[0]!r}")
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
        return {key: _value(arguments[1], item, f"{where}, {key}") for key, item in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    # To isinstance, a bool is an int.
    if isinstance(kind, type) and type(value) is kind:
        return value
    raise DocumentError(f"{where} is {json.dumps(value)[:80]}, which is not what is expected there")
