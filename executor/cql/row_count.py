"""The number of a table's rows, read in many small ranges so that neither side holds much in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from cassandra import InvalidRequest, OperationTimedOut, ReadFailure, Timeout, Unavailable
from cassandra.cluster import NoHostAvailable, ResponseFuture, Session
from cassandra.query import SimpleStatement

from executor.cql.names import TableName
from executor.cql.session import words
from executor.cql.tokenizer import quote

_MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"
_FIRST, _LAST = -(2**63), 2**63 - 1
_RANGE_BYTES = 64 * 1024**2
_MOST_RANGES = 4096
_AT_ONCE = 4
# Each page is in memory as a whole, values included.
_PAGE_BYTES = 4 * 1024**2
_LEAST_PAGE, _LARGEST_PAGE = 10, 5000
# Cuts of ranges that are too large for one read. A table that needs more cuts is not counted, nor is one of which so
# many parts in a row cannot be read.
_MOST_CUTS, _MOST_IN_A_ROW = 4096, 64
# The replicas' code for a read that exceeded tombstone_failure_threshold.
_TOO_MANY_TOMBSTONES = 1

Range = tuple[int, int]


@dataclass(frozen=True)
class Table:
    """A table to count, with its approximate size and that of a row, in bytes."""

    name: TableName
    bytes: int
    row_bytes: int


def count(session: Session, table: Table, check: Callable[[], None]) -> int:
    """Return the number of a table's rows at the session's consistency.

    A range that takes too long, or has too many tombstones, is cut in two.

    Args:
        session: The connection to one node.
        table: The table.
        check: Called between ranges; can raise to end the count.

    Raises:
        DriverException: As the driver raises it.
    """
    keys = _partition_key(session, table.name)
    if not keys:
        raise InvalidRequest(f"table {table.name} does not exist")
    if session.execute("SELECT partitioner FROM system.local").one().partitioner != _MURMUR3:
        return int(session.execute(_statement(table, keys, None)).one()[0])
    waiting = deque(split((_FIRST, _LAST), _ranges(table.bytes)))
    running: deque[tuple[Range, ResponseFuture]] = deque()
    total = cuts = in_a_row = 0
    while waiting or running:
        check()
        while waiting and len(running) < _AT_ONCE:
            some = waiting.popleft()
            running.append((some, session.execute_async(_statement(table, keys, some))))
        some, future = running.popleft()
        try:
            total += int(future.result().one()[0])
            in_a_row = 0
        except (OperationTimedOut, Timeout, ReadFailure) as error:
            halves = list(split(some, 2))
            cuts, in_a_row = cuts + 1, in_a_row + 1
            if len(halves) < 2 or cuts > _MOST_CUTS or in_a_row > _MOST_IN_A_ROW or not _is_too_much(error):
                raise
            waiting.extend(halves)
    return total


def why_not(session: Session, error: Exception) -> str:
    """Return a sentence with the reason why a table cannot be counted."""
    causes = _causes(error)
    if few := too_few_nodes(session, error):
        return few
    if any(isinstance(cause, ReadFailure) and _is_too_much(cause) for cause in causes):
        return "it cannot be counted: one partition has more tombstones than tombstone_failure_threshold"
    if any(isinstance(cause, InvalidRequest) and "does not exist" in str(cause) for cause in causes):
        return "it was dropped meanwhile"
    if any(isinstance(cause, OperationTimedOut | Timeout) for cause in causes):
        return "it cannot be counted: reading a small part of it takes longer than the time limit"
    return f"it cannot be counted: {words(error)}"


def is_passing(session: Session, error: Exception) -> bool:
    """Return whether a later attempt can succeed."""
    # If the only host of a session lacks replicas, the driver has no other one to ask, and says that.
    unavailable = isinstance(error, NoHostAvailable) or any(isinstance(cause, Unavailable) for cause in _causes(error))
    return unavailable and too_few_nodes(session, error) is None


def _causes(error: Exception) -> list[Exception]:
    return list(error.errors.values()) if isinstance(error, NoHostAvailable) and error.errors else [error]


def _is_too_much(error: Exception) -> bool:
    if not isinstance(error, ReadFailure):
        return True
    return _TOO_MANY_TOMBSTONES in (error.error_code_map or {}).values()


def too_few_nodes(session: Session, error: Exception) -> str | None:
    """Return the reason if no count can ever succeed at a quorum: the data center has too few nodes. Else None."""
    needed = [cause.required_replicas for cause in _causes(error) if isinstance(cause, Unavailable)]
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
    """Cut a range (first excluded, last included) into up to `number` parts of almost equal size."""
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
