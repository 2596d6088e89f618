"""Frozen dataclasses as documents of a backup: JSON with a version, read strictly.

Fields that have their default are not written, so that executors of earlier versions read what lacks them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar

from executor import json_codec
from executor.json_codec import SHOWN, DocumentError
from executor.untrusted import clean_text, finite

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

VERSION = 1
# More than any backup has. What a foreign document may take is bounded before it is parsed: an executor has little
# memory, and an empty list of three bytes takes fifty in it.
MOST_BYTES = 64 * 1024**2
MOST_VALUES = 1_500_000
_LONGEST_ERROR = 300

T = TypeVar("T", bound="DataclassInstance")


def write(value: DataclassInstance) -> bytes:
    """Return the document; equal values give equal bytes."""
    plain = {"version": VERSION, **json_codec.encode(value, sparse=True)}
    return json.dumps(plain, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()


def read(cls: type[T], data: bytes, what: str) -> T:
    """Return the value of a document, the reverse of `write`.

    Args:
        cls: The dataclass that it describes.
        data: The document.
        what: The name of the document in errors.

    Raises:
        DocumentError: It is no such document; the text names the document, the field and the rule.
    """
    _check_amount(data, what)
    try:
        return _decode(cls, _parse(data, what), what)
    except DocumentError as error:
        # The names of fields in the text can be as long as the document, and hold anything.
        raise DocumentError(clean_text(str(error), _LONGEST_ERROR)) from error
    except RecursionError as error:
        raise DocumentError(f"{what} is nested too deep") from error
    except OverflowError as error:
        raise DocumentError(f"{what} has a number that is too large") from error


def _check_amount(data: bytes, what: str) -> None:
    if len(data) > MOST_BYTES:
        raise DocumentError(f"{what} has {len(data)} bytes, and an executor reads at most {MOST_BYTES}")
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES:
        raise DocumentError(f"{what} has more than {MOST_VALUES} values, which no executor reads")


def _parse(data: bytes, what: str) -> dict[str, Any]:
    try:
        document = json.loads(data.decode(), parse_constant=_no_number, parse_float=finite)
    except ValueError as error:
        raise DocumentError(f"{what} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{what} is no JSON object")
    version = document.pop("version", None)
    if version != VERSION:
        raise DocumentError(f"{what} has version {repr(version)[:SHOWN]}, and this executor reads version {VERSION}")
    # In UTF-8, half of a surrogate pair can only be an escape.
    if b"\\ud" in data or b"\\uD" in data:
        _check_text(document, what)
    return document


def _check_text(document: dict[str, Any], what: str) -> None:
    """Raise DocumentError for texts that cannot be written and sent again."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise DocumentError(f"{what} holds half of a surrogate pair, which is no text") from error


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _decode(cls: type[T], document: dict[str, Any], what: str) -> T:
    try:
        return json_codec.decode(cls, document)
    except DocumentError as error:
        raise DocumentError(f"{what}: {error}") from error
