"""The index of a node's stored objects, with a few bytes for each.

A bucket has the objects of all backups of a node, and a small backup must not list all of them. So for few files, each
object is queried by its key. For many files, the list is read for as many pages as are worth it, and the objects after
these pages are queried.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from executor.backup.format import layout
from executor.backup.seal.cipher import sealed_size
from executor.s3.store import Store, Stored

_ENCODINGS = (layout.PLAIN_ENCODING, layout.ZSTD_ENCODING)
# A page of a list takes as long as some queries for single objects, many of which run in parallel.
_OBJECTS_PER_PAGE = 100
# With fewer files nothing is listed: for a page, some servers go through all that they hold.
_LISTED_FROM = 256


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored object: its encoding and its size in bytes."""

    encoding: str
    stored_size: int


class Index:
    """The objects of one node for some tables, by table and content; for several threads.

    `listed_to` is the last listed key after the node's prefix; None if the list is complete. `sealed`: only sealed
    objects count, or only those that are not; a content's hash is then the keyed one.
    """

    def __init__(self, listed_to: str | None = None, sealed: bool = False) -> None:
        self._objects: dict[bytes, int] = {}
        self.listed_to = listed_to
        self._sealed = sealed

    @classmethod
    def list(
        cls,
        store: Store,
        prefix: str,
        table_ids: Collection[str],
        objects: int,
        see: Callable[[Stored], None] = lambda item: None,
        sealed: bool = False,
    ) -> Index:
        """List what is stored for these tables, as far as it is worth it.

        Args:
            store: The location.
            prefix: The node's prefix.
            table_ids: The tables.
            objects: The number of objects that are needed.
            see: Receives each listed object.
            sealed: Whether the sealed objects count.

        Raises:
            StoreError: S3 refuses a call.
        """
        if objects < _LISTED_FROM:
            return cls("", sealed)
        index = cls(None, sealed)
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
        """Add an object by the last part of its key; a name of another form is ignored."""
        inner = name.removesuffix(layout.SEALED) if self._sealed else name
        sha256 = inner.removesuffix(layout.COMPRESSED)
        try:
            if self._name(table_id, sha256, _ENCODINGS[sha256 != inner]) != f"{table_id}/{name}":
                return
        except layout.LayoutError:
            return
        self._objects[_key(table_id, sha256, sha256 != inner)] = size

    def get(self, table_id: str, sha256: str, size: int) -> Kept | None:
        """Return the object with this hash and size; None if there is none, or its own size cannot be right."""
        for compressed in (False, True):
            stored = self._objects.get(_key(table_id, sha256, compressed))
            if stored is not None and self._is_right(compressed, stored, size):
                return Kept(_ENCODINGS[compressed], stored)
        return None

    def knows(self, name: str) -> bool:
        """Return whether the list covers this name (after the prefix), so that no query is needed."""
        return self.listed_to is None or name <= self.listed_to

    def ask(self, store: Store, prefix: str, content: tuple[str, str, int], encoding: str) -> Kept | None:
        """Query an object that was not listed, in one encoding; None as in `get`.

        Args:
            store: The location.
            prefix: The node's prefix.
            content: Table id, SHA-256 and size of the plain content.
            encoding: The object's encoding.

        Raises:
            StoreError: S3 refuses a call.
        """
        table_id, sha256, size = content
        name = self._name(table_id, sha256, encoding)
        if self.knows(name):
            return None
        stored = store.size(prefix + name)
        if stored is None or not self._is_right(encoding == layout.ZSTD_ENCODING, stored, size):
            return None
        self.add(table_id, name.rpartition("/")[2], stored)
        return Kept(encoding, stored)

    def _name(self, table_id: str, sha256: str, encoding: str) -> str:
        return layout.data_name(table_id, sha256, encoding, self._sealed)

    def _is_right(self, compressed: bool, stored: int, size: int) -> bool:
        return stored > 0 if compressed else stored == (sealed_size(size) if self._sealed else size)


def _key(table_id: str, sha256: str, compressed: bool) -> bytes:
    return bytes.fromhex(table_id.replace("-", "")) + bytes.fromhex(sha256) + bytes([compressed])
