"""A CQL query to one node: as much of the native protocol (version 4) as that takes, without a driver's threads."""

from __future__ import annotations

import socket
import struct
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

_VERSION, _ANSWER = 0x04, 0x84
_ERROR, _STARTUP, _READY, _AUTHENTICATE, _QUERY, _RESULT = 0x00, 0x01, 0x02, 0x03, 0x07, 0x08
_AUTH_RESPONSE, _AUTH_SUCCESS = 0x0F, 0x10
_ROWS = 2
_GLOBAL_TABLE, _MORE_PAGES, _NO_METADATA = 0x1, 0x2, 0x4
_CONSISTENCY_ONE = 0x0001
_MAXIMUM_ANSWER = 64 * 1024 * 1024

_SIMPLE: Mapping[int, Callable[[bytes], Any]] = {
    0x0001: bytes.decode,  # ascii
    0x0002: lambda value: int.from_bytes(value, "big", signed=True),  # bigint
    0x0007: lambda value: struct.unpack(">d", value)[0],  # double
    0x0009: lambda value: int.from_bytes(value, "big", signed=True),  # int
    0x000C: lambda value: str(uuid.UUID(bytes=value)),  # uuid
    0x000D: bytes.decode,  # text
    0x000F: lambda value: str(uuid.UUID(bytes=value)),  # timeuuid
}


class QueryError(Exception):
    """The node cannot be asked, or refuses; the text says why in its words."""


@dataclass(frozen=True)
class Login:
    """Name and password for a node that asks for them."""

    user: str
    password: str

    def __repr__(self) -> str:
        return "Login(…)"


class Connection:
    """One connection to one node, to be used in a `with` statement. Raises QueryError."""

    def __init__(self, address: str, port: int, login: Login | None, timeout: float) -> None:
        self._where = f"CQL on {address}:{port}"
        try:
            self._socket = socket.create_connection((address, port), timeout)
        except OSError as error:
            raise QueryError(f"{self._where}: {error}") from error
        try:
            self._start(login)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def rows(self, query: str) -> list[dict[str, Any]]:
        """The first page of a query's rows by column; columns of simple types only."""
        text = query.encode()
        body = struct.pack(">I", len(text)) + text + struct.pack(">HB", _CONSISTENCY_ONE, 0)
        opcode, answer = self._ask(_QUERY, body)
        if opcode != _RESULT:
            raise QueryError(f"{self._where}: unexpected answer {opcode:#x}")
        try:
            return _Reader(answer).rows()
        except (struct.error, UnicodeDecodeError, ValueError) as error:
            raise QueryError(f"{self._where}: an answer that cannot be read: {error}") from error

    def _start(self, login: Login | None) -> None:
        opcode, _ = self._ask(_STARTUP, struct.pack(">H", 1) + _string("CQL_VERSION") + _string("3.0.0"))
        if opcode == _AUTHENTICATE:
            if login is None:
                raise QueryError(f"{self._where}: asks for a user name and a password, and none are given")
            token = f"\0{login.user}\0{login.password}".encode()
            opcode, _ = self._ask(_AUTH_RESPONSE, struct.pack(">I", len(token)) + token)
        if opcode not in (_READY, _AUTH_SUCCESS):
            raise QueryError(f"{self._where}: unexpected answer {opcode:#x}")

    def _ask(self, opcode: int, body: bytes) -> tuple[int, bytes]:
        try:
            self._socket.sendall(struct.pack(">BBHBI", _VERSION, 0, 0, opcode, len(body)) + body)
            version, flags, _, answer, length = struct.unpack(">BBHBI", self._receive(9))
            if version != _ANSWER or flags or length > _MAXIMUM_ANSWER:
                raise QueryError(f"{self._where}: no answer of the native protocol, version 4")
            content = self._receive(length)
        except OSError as error:
            raise QueryError(f"{self._where}: {error}") from error
        if answer == _ERROR:
            raise QueryError(f"{self._where}: {_Reader(content[4:]).string()}")
        return answer, content

    def _receive(self, length: int) -> bytes:
        received = bytearray()
        while len(received) < length:
            more = self._socket.recv(min(length - len(received), 1 << 16))
            if not more:
                raise QueryError(f"{self._where}: the connection was closed")
            received += more
        return bytes(received)


def _string(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()


class _Reader:
    """Reads a body from its beginning."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def rows(self) -> list[dict[str, Any]]:
        if self._number(">i") != _ROWS:
            return []
        flags, count = self._number(">i"), self._number(">i")
        if flags & _MORE_PAGES:
            self._bytes()
        if flags & _NO_METADATA:
            raise ValueError("no metadata")
        if flags & _GLOBAL_TABLE:
            self.string(), self.string()
        columns = [self._column(bool(flags & _GLOBAL_TABLE)) for _ in range(count)]
        return [{name: self._value(kind) for name, kind in columns} for _ in range(self._number(">i"))]

    def string(self) -> str:
        return self._take(self._number(">H")).decode()

    def _column(self, table_known: bool) -> tuple[str, int]:
        if not table_known:
            self.string(), self.string()
        name, kind = self.string(), self._number(">H")
        if kind not in _SIMPLE:
            raise ValueError(f"column {name} is of no simple type")
        return name, kind

    def _value(self, kind: int) -> Any:
        value = self._bytes()
        return None if value is None else _SIMPLE[kind](value)

    def _bytes(self) -> bytes | None:
        length = self._number(">i")
        return None if length < 0 else self._take(length)

    def _number(self, kind: str) -> int:
        number: int = struct.unpack(kind, self._take(struct.calcsize(kind)))[0]
        return number

    def _take(self, length: int) -> bytes:
        found = self._body[self._at : self._at + length]
        if len(found) < length:
            raise ValueError("it ends too early")
        self._at += length
        return found
