"""The tables that a request names now, and its names that no longer exist.

The scheduler checks every name before it accepts a request: a name that is missing later was dropped meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from executor.jmx.jolokia import Attribute, Jolokia, JolokiaError, NotReachableError
from executor.jobs import schema
from executor.jobs.agreement import wait_for_agreement
from executor.jobs.context import JobContext
from executor.sentences import list_first

DROPPED = "skipped: it was dropped meanwhile"
_SECONDS = 60.0
_DIRECTORY = re.compile(r"-([0-9a-f]{32})/*$")


@dataclass(frozen=True)
class Request:
    """The names of a request; `named` are the tables that `column_families` meant when it was accepted, if known."""

    key_spaces: tuple[str, ...] = ()
    column_families: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @classmethod
    def parse(cls, parameters: Mapping[str, Any]) -> Request:
        """Return the request of a job's parameters."""
        return cls(
            *(tuple(map(str, parameters.get(name) or ())) for name in ("key_spaces", "column_families", "named"))
        )


@dataclass(frozen=True)
class Chosen:
    """Tables by keyspace without the node-local ones; `gone` are the names that were dropped."""

    tables: Mapping[str, Sequence[str]]
    gone: tuple[str, ...] = ()


def find_tables(context: JobContext, request: Request) -> Chosen:
    """Return the tables that a request names now.

    A node that lags behind can lack a new table. So if a name is missing, it is looked up again once all nodes agree.

    Raises:
        JolokiaError: Cassandra does not answer.
        JobError: The nodes have no common schema.
    """
    found = _find(context.node.jolokia, request)
    if found.gone:
        wait_for_agreement(context.node.jolokia, context.wait)
        found = _find(context.node.jolokia, request)
    return found


def dropped_sentence(gone: Iterable[str], anything_left: bool) -> str:
    """Return a sentence about dropped tables; empty if there are none."""
    names = sorted(gone)
    if not names:
        return ""
    if not anything_left:
        return "nothing was done: all of it was dropped meanwhile"
    verb = "were" if len(names) > 1 else "was"
    return f"done, but {list_first(names)} {verb} skipped: dropped meanwhile"


def is_there(jolokia: Jolokia, key: str) -> bool:
    """Return whether a table with this full name (`keyspace.table`) exists. Raises JolokiaError."""
    key_space, _, table = key.partition(".")
    return table in (_tables(jolokia, key_space) or ())


def table_ids(jolokia: Jolokia, tables: Iterable[str]) -> dict[str, str]:
    """Return the ids of tables (`keyspace.table`) without those that are gone; a recreated table has another id.

    Raises JolokiaError.
    """
    attributes = {key: Attribute(_mbean(key), "DataPaths") for key in tables}
    values = jolokia.read(list(attributes.values()), _SECONDS) if attributes else {}
    found = {key: _id(values.get(attribute)) for key, attribute in attributes.items()}
    return {key: table_id for key, table_id in found.items() if table_id}


def _find(jolokia: Jolokia, request: Request) -> Chosen:
    local = schema.key_spaces(jolokia)
    gone = {name for name in request.key_spaces if name not in local}
    names = [name for name in request.key_spaces if name in local] or sorted(
        name for name in local if not local[name] and not request.key_spaces
    )
    tables: dict[str, list[str]] = {}
    for name in names:
        there = _tables(jolokia, name)
        if there is not None:
            tables[name] = there
        elif request.key_spaces:
            gone.add(name)
    everything = [(name, table) for name, there in tables.items() for table in there]
    full = {f"{name}.{table}" for name, table in everything}
    missing = set(request.named) - full if request.named else schema.unknown(request.column_families, everything)
    gone |= {name for name in missing if name.partition(".")[0] not in gone}
    meant = {
        name: [table for table in there if schema.is_meant(name, table, request.column_families)]
        for name, there in tables.items()
        if not local[name]
    }
    return Chosen({name: there for name, there in meant.items() if there}, tuple(sorted(gone)))


def _tables(jolokia: Jolokia, key_space: str) -> list[str] | None:
    """Return None if the keyspace was dropped in this moment."""
    try:
        return schema.tables(jolokia, key_space)
    except NotReachableError:
        raise
    except JolokiaError:
        if key_space in schema.key_spaces(jolokia):
            raise
        return None


def _mbean(key: str) -> str:
    key_space, _, table = key.partition(".")
    return f"org.apache.cassandra.db:type=Tables,keyspace={key_space},table={table}"


def _id(paths: Any) -> str:
    found = _DIRECTORY.search(str(paths[0])) if isinstance(paths, list) and paths else None
    return "" if found is None else found[1]
