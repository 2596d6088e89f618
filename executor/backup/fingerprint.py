"""Fingerprints of the schema, as far as a backup's data depends on it: a few letters for each table and keyspace.

Options of tables are left out, since they can change at any time. The source are the tables of the queried node,
even if other nodes have another schema. A fingerprint has a letter and a digest for each part: it shows what differs.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from cassandra.cluster import Session

from executor.cql.tokenizer import words
from executor.jobs.schema import is_meant

# The number of the way in which fingerprints are computed: another one if that changes, since an update of executors
# can be half done. Executors that report none have the first one.
RULES = 3
# A job's result must fit into a record of ZooKeeper. What is longer has fingerprints by keyspace, for the largest ones.
MOST_BYTES = 40_000
_DIGITS = 8
_PARTS = {
    "i": "it was dropped and recreated",
    "v": "its definition as a view",
    "c": "its columns",
    "d": "its dropped columns",
    "x": "its indexes",
    "r": "its replication",
    "t": "its types",
    "s": "its tables",
}
# The parts of a table or view that no ALTER changes: one that differs in them is another table or view.
_IDENTITY = ("i", "v")
_KEY_SPACES = "SELECT keyspace_name, replication FROM system_schema.keyspaces"
_TYPES = "SELECT keyspace_name, type_name, field_names, field_types FROM system_schema.types"
_OF_TABLES = {
    "i": "SELECT keyspace_name, table_name, id FROM system_schema.tables",
    "v": (
        "SELECT keyspace_name, view_name AS table_name, id, base_table_name, where_clause FROM system_schema.views"
    ),
    "c": (
        "SELECT keyspace_name, table_name, column_name, kind, position, clustering_order, type"
        " FROM system_schema.columns"
    ),
    # Some drop times of Cassandra's own tables are beyond the dates of Python.
    "d": "SELECT keyspace_name, table_name, column_name, timestamp_as_blob(dropped_time) AS dropped_time, kind, type"
    " FROM system_schema.dropped_columns",
    "x": "SELECT keyspace_name, table_name, index_name, kind, options FROM system_schema.indexes",
}  # fmt: skip


def take(session: Session, key_spaces: Collection[str], column_families: Collection[str]) -> dict[str, str]:
    """Return the fingerprints of these keyspaces and of the selected tables and views in them.

    The keys are `keyspace` and `keyspace.table`.

    Args:
        session: The connection to one node.
        key_spaces: The keyspaces.
        column_families: The tables as in a request; empty for all.

    Raises:
        DriverException: As the driver raises it.
    """
    parts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in _rows(session, _KEY_SPACES, key_spaces):
        parts[row["keyspace_name"]]["r"].append(_text(row))
    types: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in _rows(session, _TYPES, key_spaces):
        types[row["keyspace_name"]][row["type_name"]] = row
    for letter, query in _OF_TABLES.items():
        for row in _rows(session, query, key_spaces):
            if is_meant(row["keyspace_name"], row["table_name"], column_families):
                own = parts[f"{row['keyspace_name']}.{row['table_name']}"]
                own[letter].append(_text(row))
                if letter == "c":
                    own["t"] += (_text(found) for found in _used([row["type"]], types[row["keyspace_name"]]))
    # A table that is created during the read can show its columns alone: it does not count yet.
    return {
        name: ".".join(f"{letter}{_digest(rows)}" for letter, rows in sorted(found.items()))
        for name, found in parts.items()
        if "." not in name or found.keys() & {"i", "v"}
    }


def _used(open_ends: list[str], types: Mapping[str, dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield those of a keyspace's user-defined types that types name, also through each other, each once."""
    seen = set[str]()
    while open_ends:
        for word in words(open_ends.pop()):
            if word.name is not None and word.name in types and word.name not in seen:
                seen.add(word.name)
                open_ends += types[word.name]["field_types"]
                yield types[word.name]


def short(found: Mapping[str, str]) -> dict[str, str]:
    """Return the fingerprints within MOST_BYTES of JSON: if they are longer, the largest keyspaces have one each."""
    sizes: dict[str, int] = defaultdict(int)
    for name, digest in found.items():
        sizes[name.partition(".")[0]] += len(json.dumps({name: digest}))
    whole, left = set[str](), sum(sizes.values())
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if left <= MOST_BYTES:
            break
        whole.add(name)
        left -= sizes[name]
    return _by_key_space(found, whole)


def short_like(other: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str]:
    """Return the fingerprints of the same keyspaces as a whole as in others."""
    return _by_key_space(found, {name for name, digest in other.items() if "." not in name and digest.startswith("s")})


def _by_key_space(found: Mapping[str, str], whole: Collection[str]) -> dict[str, str]:
    parts: dict[str, list[str]] = defaultdict(list)
    kept: dict[str, str] = {}
    for name, digest in found.items():
        if (key_space := name.partition(".")[0]) in whole:
            parts[key_space].append(f"{name}:{digest}")
        else:
            kept[name] = digest
    return {**kept, **{name: f"s{_digest(own)}" for name, own in parts.items()}}


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[list[str], list[str], list[str]]:
    """Return the names that differ, those that are new, and those that are gone, each sorted."""
    differ = sorted(name for name in before.keys() & after.keys() if before[name] != after[name])
    return differ, sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())


def change(one: str, other: str) -> str:
    """Return the parts that differ between two fingerprints, in words."""
    parts = [{item[0]: item for item in text.split(".") if item} for text in (one, other)]
    letters = [letter for letter in _PARTS if parts[0].get(letter) != parts[1].get(letter)]
    return " and ".join(_PARTS[letter] for letter in letters) or "nothing"


def is_another(one: str, other: str) -> bool:
    """Return whether these are fingerprints of two tables or views of one name: it was dropped and recreated."""
    parts = [{item[0]: item for item in text.split(".") if item} for text in (one, other)]
    return any(parts[0].get(letter) != parts[1].get(letter) for letter in _IDENTITY)


def _rows(session: Session, query: str, key_spaces: Collection[str]) -> Iterable[dict[str, Any]]:
    for row in session.execute(query):
        found = dict(row._asdict())
        if found["keyspace_name"] in key_spaces:
            yield found


def _text(row: Mapping[str, Any]) -> str:
    plain = {name: sorted(value.items()) if isinstance(value, Mapping) else value for name, value in row.items()}
    return repr(sorted((name, str(value)) for name, value in plain.items()))


def _digest(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()[:_DIGITS]
