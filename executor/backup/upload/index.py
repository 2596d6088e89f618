"""What is kept for a node already, in a few bytes for each object.

A bucket holds what all backups of a node ever sent, and a small backup is not to read a list of that. So of few
files each one's object is asked for by its key; for many the list is read for as many pages as pay for them, and what
comes after those is asked for likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from executor.backup.format import layout
from executor.s3.store import Store, Stored

_ENCODINGS = (layout.PLAIN_ENCODING, layout.ZSTD_ENCODING)
# A page of a list takes as long as some questions after single objects, many of which are asked at the same time.
_OBJECTS_PER_PAGE = 100
# For less nothing is listed at all: some servers go through all that they hold for a page.
_LISTED_FROM = 256


@dataclass(frozen=True, slots=True)
class Kept:
    """An object: how the content is encoded in it, and its size."""

    encoding: str
    stored_size: int


class Index:
    """The objects of one node for some tables, by table and content. For use from several threads.

    `listed_to` is the last key, after the node's prefix, up to which everything is known; None: all of it is.
    """

    def __init__(self, listed_to: str | None = None) -> None:
        self._objects: dict[bytes, int] = {}
        self.listed_to = listed_to

    @classmethod
    def list(
        cls,
        store: Store,
        prefix: str,
        table_ids: Collection[str],
        objects: int,
        see: Callable[[Stored], None] = lambda item: None,
    ) -> Index:
        """What is there below a node's prefix for these tables, as far as it pays for so many objects that are looked
        for; `see` is told of all that is listed. Raises StoreError."""
        if objects < _LISTED_FROM:
            return cls(listed_to="")
        index = cls()
        for number, page in enumerate(store.pages(prefix)):
            for item in page:
                see(item)
                table, _, name = item.key.removeprefix(prefix).partition("/")
                if table in table_ids:
                    index.add(table, name, item.size)
            if page and number >= objects // _OBJECTS_PER_PAGE:
                index.listed_to = page[-1].key.removeprefix(prefix)
                return index
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
            if stored is not None and _is_right(compressed, stored, size):
                return Kept(_ENCODINGS[compressed], stored)
        return None

    def knows(self, name: str) -> bool:
        """Whether the list tells if there is an object of this name (after the prefix), so that nobody has to ask."""
        return self.listed_to is None or name <= self.listed_to

    def ask(self, store: Store, prefix: str, content: tuple[str, str, int], encoding: str) -> Kept | None:
        """The same as `get` for a table's id, a hash and a size: of an object that was not listed, in one encoding.

        Raises StoreError.
        """
        table_id, sha256, size = content
        name = layout.data_name(table_id, sha256, encoding)
        if self.knows(name):
            return None
        stored = store.size(prefix + name)
        if stored is None or not _is_right(encoding == layout.ZSTD_ENCODING, stored, size):
            return None
        self.add(table_id, name.rpartition("/")[2], stored)
        return Kept(encoding, stored)


def _is_right(compressed: bool, stored: int, size: int) -> bool:
    return stored > 0 if compressed else stored == size


def _key(table_id: str, sha256: str, compressed: bool) -> bytes:
    return bytes.fromhex(table_id.replace("-", "")) + bytes.fromhex(sha256) + bytes([compressed])
