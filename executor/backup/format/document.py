"""Frozen dataclasses as documents of a backup: JSON with a version, read strictly.

Fields that have their default are not written, so that executors of earlier versions read what lacks them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeVar

from executor import json_codec
from executor.json_codec import DocumentError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

VERSION = 1

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
    try:
        document = json.loads(data)
    except ValueError as error:
        raise DocumentError(f"{what} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise DocumentError(f"{what} is no JSON object")
    version = document.pop("version", None)
    if version != VERSION:
        raise DocumentError(f"{what} has version {version!r}, and this executor reads version {VERSION}")
    try:
        return json_codec.decode(cls, document)
    except DocumentError as error:
        raise DocumentError(f"{what}: {error}") from error
