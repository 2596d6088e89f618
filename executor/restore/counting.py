"""How many rows a table has, read in many small ranges so that neither side holds much in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cassandra import OperationTimedOut, Timeout, Unavailable
from cassandra.cluster import NoHostAvailable, ResponseFuture, Session
from cassandra.query import SimpleStatement

from executor.restore.cql import quote
from executor.restore.selection import TableName

_MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"
_FIRST, _LAST = -(2**63), 2**63 - 1
_RANGE_BYTES = 64 * 1024**2
_MOST_RANGES = 4096
_AT_ONCE = 4
# A page is held in memory whole, values included.
_PAGE_BYTES = 4 * 1024**2
_LEAST_PAGE, _LARGEST_PAGE = 10, 5000

Range = tuple[int, int]


@dataclass(frozen=True)
class Table:
    """A table to be counted, and about how large it and its rows are, in bytes."""

    name: TableName
    bytes: int
    row_bytes: int


def count(session: Session, table: Table, check: Callable[[], None]) -> int:
    """The rows of a table as the session's consistency sees them. Raises what the driver raises.

    A range that takes too long is cut in two. `check` is called between ranges, and may raise.
    """
    keys = _partition_key(session, table.name)
    if session.execute("SELECT partitioner FROM system.local").one().partitioner != _MURMUR3:
        return int(session.execute(_statement(table, keys, None)).one()[0])
    waiting = deque(split((_FIRST, _LAST), _ranges(table.bytes)))
    running: deque[tuple[Range, ResponseFuture]] = deque()
    total = 0
    while waiting or running:
        check()
        while waiting and len(running) < _AT_ONCE:
            some = waiting.popleft()
            running.append((some, session.execute_async(_statement(table, keys, some))))
        some, future = running.popleft()
        try:
            total += int(future.result().one()[0])
        except (OperationTimedOut, Timeout):
            halves = list(split(some, 2))
            if len(halves) < 2:
                raise
            waiting.extend(halves)
    return total


def too_few_nodes(session: Session, error: Exception) -> str | None:
    """Why no count will ever succeed at a quorum: the data center has not as many nodes. None for any other error."""
    causes = error.errors.values() if isinstance(error, NoHostAvailable) else [error]
    needed = [cause.required_replicas for cause in causes if isinstance(cause, Unavailable)]
    if not needed:
        return None
    own = session.execute("SELECT data_center FROM system.local").one().data_center
    nodes = sum(host.datacenter == own for host in session.cluster.metadata.all_hosts())
    if max(needed) <= nodes:
        return None
    return f"a quorum is {max(needed)} replicas, and the data center has {nodes} node{'s' * (nodes != 1)}"


def _ranges(size: int) -> int:
    return max(1, min(_MOST_RANGES, size // _RANGE_BYTES))


def split(whole: Range, number: int) -> Iterator[Range]:
    """A range (first excluded, last included) in up to that many parts that are as good as equal."""
    first, last = whole
    number = max(1, min(number, last - first))
    edges = [first + (last - first) * index // number for index in range(number + 1)]
    yield from pairwise(edges)


def _partition_key(session: Session, table: TableName) -> list[str]:
    rows = session.execute(
        "SELECT column_name, kind, position FROM system_schema.columns WHERE keyspace_name = %s AND table_name = %s",
        (table.key_space, table.table),
    )
    keys = sorted((row.position, row.column_name) for row in rows if row.kind == "partition_key")
    return [name for _, name in keys]


def _statement(table: Table, keys: Sequence[str], some: Range | None) -> SimpleStatement:
    token = f"token({', '.join(quote(key) for key in keys)})"
    where = "" if some is None else f" WHERE {token} > {some[0]} AND {token} <= {some[1]}"
    page = max(_LEAST_PAGE, min(_LARGEST_PAGE, _PAGE_BYTES // max(1, table.row_bytes)))
    text = f"SELECT count(*) FROM {quote(table.name.key_space)}.{quote(table.name.table)}{where}"
    return SimpleStatement(text, fetch_size=page, is_idempotent=True)
