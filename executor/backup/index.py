"""What is kept for a node already, in a few bytes for each object."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from executor.backup import layout
from executor.backup.s3 import Store

_ENCODINGS = (layout.PLAIN_ENCODING, layout.ZSTD_ENCODING)


@dataclass(frozen=True, slots=True)
class Kept:
    """An object: how the content is encoded in it, and its size."""

    encoding: str
    stored_size: int


class Index:
    """The objects of one node for some tables, by table and content."""

    def __init__(self) -> None:
        self._objects: dict[bytes, int] = {}

    @classmethod
    def list(cls, store: Store, prefix: str, table_ids: Collection[str]) -> Index:
        """All that is there below a node's prefix for these tables. Raises StoreError."""
        index = cls()
        for item in store.objects(prefix):
            table, _, name = item.key.removeprefix(prefix).partition("/")
            if table in table_ids:
                index.add(table, name, item.size)
        return index

    def add(self, table_id: str, name: str, size: int) -> None:
        """An object by the last part of its key; what is not one of ours is ignored."""
        sha256 = name.removesuffix(layout.COMPRESSED)
        try:
            if layout.data_name(table_id, sha256, _ENCODINGS[sha256 != name]) != f"{table_id}/{name}":
                return
        except layout.LayoutError:
            return
        self._objects[_key(table_id, sha256, sha256 != name)] = size

    def get(self, table_id: str, sha256: str, size: int) -> Kept | None:
        """The object with a content of this hash and size; None if there is none, or one that cannot be right."""
        for compressed in (False, True):
            stored = self._objects.get(_key(table_id, sha256, compressed))
            if stored is not None and (stored > 0 if compressed else stored == size):
                return Kept(_ENCODINGS[compressed], stored)
        return None


def _key(table_id: str, sha256: str, compressed: bool) -> bytes:
    return bytes.fromhex(table_id.replace("-", "")) + bytes.fromhex(sha256) + bytes([compressed])
