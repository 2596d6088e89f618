"""The rules for what the documents of a bucket may say. Each writer of a bucket can change them.

Names become paths on a node's volume, keys in the bucket, and names of MBeans. So each is exactly what Cassandra or
this project makes: no separator, no name of dots, no control character, and no name longer than Cassandra takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from executor.backup.format import layout
from executor.json_codec import SHOWN, DocumentError
from executor.key_spaces import KEY_SPACE_LENGTH, TABLE_LENGTH
from executor.sentences import has_date

# `nb-1-big`, `da-3gzd_0x2k_1yvtc2gqkq4fkpfn5j-bti`: version, id and format.
SSTABLE = re.compile(r"[a-z]{2}-[0-9a-z_]{1,64}-[a-z]{1,16}", re.ASCII)
# `Data.db`, `Digest.crc32`, `TOC.txt`, `SAI+aa+by_mail+Meta.db`, `SI_by_mail.db`.
COMPONENT = re.compile(r"[A-Z][A-Za-z0-9_+]*(\.[A-Za-z0-9]{1,16})?", re.ASCII)
# What the components of storage-attached indexes and of SASI begin with; the name of the index follows.
INDEX_COMPONENTS = ("SAI+", "SI_")
_FILE_LENGTH = 255
_WORD = re.compile(r"\w+", re.ASCII)
_TABLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-f]+", re.ASCII)
_DATA = re.compile(rf"{layout.DATA}(?P<cluster>[^/]+)/(?P<node>[^/]+)/(?P<rest>[^/]+/[^/]+)")

# Far beyond any cluster's: what is more was not written by a backup.
_MOST_SIZE = 2**53
MOST_COMPONENTS = 4_096
MOST_DIRECTORIES = 1_024
MOST_TOKENS = 16_384
MOST_CHARACTERS = 255


def shown(value: object) -> str:
    """Render a value of a foreign document for people: no control character, and not much of it."""
    text = ascii(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def folded(component: str) -> str:
    """Return a component's name so that two are equal if they would be one file on some disks.

    Names of indexes can differ in the case of letters alone, and a restore writes no file of them.
    """
    return component if component.split("-", 3)[-1].startswith(INDEX_COMPONENTS) else component.lower()


class Place:
    """Where something stands in a document. Each method raises DocumentError with one sentence: place, value, rule."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def within(self, *words: str) -> Place:
        """Return a place in this one."""
        return Place(*self._words, *words)

    def demand(self, holds: bool, value: object, rule: str) -> None:
        """Refuse a value unless a rule holds of it."""
        if not holds:
            raise DocumentError(f"{', '.join(self._words)}: {shown(value)} is refused: {rule}")

    def names(self, *names: str) -> None:
        """Demand names of a backup, a cluster, a node or an operation."""
        for name in names:
            rule = "a name here is 1 to 128 letters, digits and ._-, and begins with a letter, a digit or _"
            self.demand(layout.is_name(name), name, rule)

    def key_space(self, name: str) -> None:
        """Demand a name as Cassandra takes it for a keyspace."""
        rule = f"the name of a keyspace is 1 to {KEY_SPACE_LENGTH} letters, digits and underscores"
        self.demand(_is(_WORD, name) and len(name) <= KEY_SPACE_LENGTH, name, rule)

    def table(self, key_space: str, name: str, identifier: str) -> None:
        """Demand names as Cassandra takes them for a table, and its id."""
        self.key_space(key_space)
        rule = f"the name of a table is 1 to {TABLE_LENGTH} letters, digits and underscores"
        self.demand(_is(_WORD, name) and len(name) <= TABLE_LENGTH, name, rule)
        self.demand(_is(_TABLE_ID, identifier), identifier, "the id of a table is a UUID in small letters")

    def sstable(self, name: str) -> None:
        """Demand what the names of an SSTable's files begin with."""
        self.demand(_is(SSTABLE, name), name, "the name of an SSTable is its version, id and format, as in nb-1-big")

    def component(self, sstable: str, name: str) -> None:
        """Demand the name of a file of an SSTable."""
        own = name.removeprefix(f"{sstable}-")
        fits = own != name and _is(COMPONENT, own) and len(name) <= _FILE_LENGTH
        self.demand(fits, name, f"the name of a component is {sstable}, a dash and a part as in {sstable}-Data.db")

    def content(self, key: str, table: str, sha256: str, encoding: str) -> None:
        """Demand the key of a file's content: it tells table and content, as the node that sent it made it."""
        self.digest(sha256)
        encodings = (layout.PLAIN_ENCODING, layout.ZSTD_ENCODING)
        self.demand(encoding in encodings, encoding, f"an encoding is {' or '.join(encodings)}")
        found = _DATA.fullmatch(key)
        # A sealed content's name follows from its hash by a key that is not here; its tags and its hash prove it.
        named = layout.sealed_content(key) or sha256
        name = layout.data_name(table, named, encoding, sealed=key.endswith(layout.SEALED))
        fits = found is not None and found["rest"] == name
        fits = fits and found is not None and layout.is_name(found["cluster"]) and layout.is_name(found["node"])
        self.demand(fits, key, f"its key is {layout.DATA}, a cluster, a node and {name}")

    def key_id(self, text: str, length: int) -> None:
        """Demand the id of a key, of `length` bytes in hexadecimal."""
        fits = len(text) == 2 * length and _is(_HEXADECIMAL, text)
        self.demand(fits, text, f"the id of a key has {2 * length} digits of 0 to f")

    def digest(self, text: str) -> None:
        """Demand a SHA-256."""
        self.demand(_is(_DIGEST, text), text, "a SHA-256 has 64 digits of 0 to f")

    def moment(self, seconds: float) -> None:
        """Demand a time in seconds since 1970."""
        rule = "a moment is in seconds since 1970, and before the year 10000"
        self.demand(has_date(seconds), seconds, rule)

    def counts(self, *numbers: int) -> None:
        """Demand numbers and sizes in bytes."""
        for number in numbers:
            self.demand(0 <= number <= _MOST_SIZE, number, "a number or a size is from 0 to 2^53")

    def once(self, names: Iterable[object], rule: str) -> None:
        """Demand that no name stands there twice."""
        seen = set[object]()
        for name in names:
            self.demand(name not in seen, name, rule)
            seen.add(name)


def _is(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None
