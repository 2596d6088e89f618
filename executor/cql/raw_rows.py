"""Rows as Cassandra sends them: each value is bytes.

Not every value can be one of Python, such as a timestamp of the year 10000, and the driver has no form for some types.
If it cannot read a value, it gives the whole connection up. Bytes can be compared, and sent back as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import IO, Any

from cassandra.cluster import ResponseFuture, Session
from cassandra.cqltypes import BytesType
from cassandra.protocol import PrepareMessage, ProtocolHandler, ResultMessage, read_int, read_short, read_string
from cassandra.query import BoundStatement, PreparedStatement

from executor.cql.session import PROTOCOL

_SECONDS = 60.0

Row = tuple[bytes | None, ...]


# The codes of types in CQL's native protocol, with the number of types that follow; the other types have none.
_CUSTOM, _LIST, _MAP, _SET, _USER, _TUPLE = 0x00, 0x20, 0x21, 0x22, 0x30, 0x31
_PARTS = {_LIST: 1, _SET: 1, _MAP: 2}


class _RawResult(ResultMessage):
    """An answer whose values stay bytes, and whose types are skipped: the driver cannot read the names of all."""

    @classmethod
    def read_type(cls, f: IO[bytes], user_type_map: Any) -> type[BytesType]:
        """Read a type with all types in it."""
        code = read_short(f)
        if code == _CUSTOM:
            read_string(f)
        elif code == _USER:
            read_string(f)
            read_string(f)
            for _ in range(read_short(f)):
                read_string(f)
                cls.read_type(f, user_type_map)
        else:
            for _ in range(read_short(f) if code == _TUPLE else _PARTS.get(code, 0)):
                cls.read_type(f, user_type_map)
        return BytesType

    def recv_results_rows(
        self, f: IO[bytes], protocol_version: int, user_type_map: Any, result_metadata: Any, encryption: Any
    ) -> None:
        """Read the rows, as the driver's own method does it, without decoding a value."""
        self.recv_results_metadata(f, user_type_map)
        columns = self.column_metadata or result_metadata
        number = read_int(f)
        self.parsed_rows = [tuple(self.recv_row(f, len(columns))) for _ in range(number)]
        self.column_names = [column[2] for column in columns]
        self.column_types = [column[3] for column in columns]


class _RawHandler(ProtocolHandler):
    message_types_by_opcode = {**ProtocolHandler.message_types_by_opcode, ResultMessage.opcode: _RawResult}


class _RawFuture(ResponseFuture):
    _protocol_handler = _RawHandler


class RawSession:
    """A session beside another one, with the same cluster and consistency. Raises CQL_ERRORS, as that one does."""

    def __init__(self, session: Session) -> None:
        self._session = session.cluster.connect()
        self._session.client_protocol_handler = _RawHandler

    def prepare(self, text: str) -> PreparedStatement:
        """Prepare a statement, as the driver does it, without reading the types of its columns."""
        future = _RawFuture(self._session, PrepareMessage(text), query=None, timeout=_SECONDS)
        future.send_request()
        found = future.result().one()
        return PreparedStatement(
            column_metadata=found.bind_metadata,
            query_id=found.query_id,
            routing_key_indexes=None,
            query=text,
            keyspace=None,
            protocol_version=PROTOCOL,
            result_metadata=found.column_metadata,
            result_metadata_id=found.result_metadata_id,
        )

    def rows(self, statement: PreparedStatement, values: Sequence[bytes | None]) -> list[Row]:
        """Return the rows for these values, in the form in which another row has them."""
        bound = BoundStatement(statement)
        bound.values = list(values)
        return [tuple(row) for row in self._session.execute(bound)]


def bigint(value: int) -> bytes:
    """Return a value of the type bigint, such as a token."""
    return struct.pack(">q", value)


def first_parts(collection: bytes) -> list[bytes]:
    """Return the first element of a list or set, or the first key and value of a map; empty for an empty one."""
    (number,) = struct.unpack_from(">i", collection)
    parts, at = list[bytes](), 4
    while number and at < len(collection) and len(parts) < 2:
        (length,) = struct.unpack_from(">i", collection, at)
        parts.append(collection[at + 4 : at + 4 + max(0, length)])
        at += 4 + max(0, length)
    return parts
