"""Requests out of the bytes of one connection, as they come. gunicorn's parser judges them; nothing here waits."""

from __future__ import annotations

import re
from enum import Enum, auto

from gunicorn.config import Config
from gunicorn.http.body import Body, ChunkedReader, LengthReader
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, LimitRequestHeaders
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader, Unreader

from service.http.limits import Limits

_HEAD_END = b"\r\n\r\n"
_BARE_LF = re.compile(rb"(?<!\r)\n")
_LINE_END = b"\r\n"


class Incomplete(Exception):
    """The parser needs bytes that have not come."""


class Stage(Enum):
    """What a connection has of its next request."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class _Received(Unreader):
    """Bytes that have come, as gunicorn's parser reads them; raises Incomplete where a socket would wait."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return all bytes at once."""
        if not self._data:
            raise Incomplete
        data, self._data = self._data, b""
        return data

    def rest(self) -> bytes:
        """Return what the parser has left over."""
        return self.buf.getvalue() + self._data


class _Sized:
    """A body with a Content-Length."""

    def __init__(self, length: int) -> None:
        self._length = length

    def take(self, data: bytearray) -> bytes | None:
        """Remove the body from `data` and return it, None while it is incomplete."""
        if len(data) < self._length:
            return None
        body = bytes(data[: self._length])
        del data[: self._length]
        return body


class _Chunked:
    """A body in chunks. gunicorn's reader parses sizes and trailers; only the bytes between are moved here."""

    def __init__(self, reader: ChunkedReader, limits: Limits) -> None:
        self._reader = reader
        self._limits = limits
        self._body = bytearray()
        self._chunks = 0
        self._left: int | None = None

    def __len__(self) -> int:
        return len(self._body)

    @property
    def excessive(self) -> bool:
        """Whether the body is longer than the API takes."""
        return len(self._body) > self._limits.body_bytes

    def take(self, data: bytearray) -> bytes | None:
        """Remove from `data` what belongs to the body; return the body once it is complete, or too long."""
        while True:
            if self._left is not None:
                if not self._move(data):
                    return bytes(self._body) if self.excessive else None
                continue
            size = self._size(data)
            if size is None:
                return None
            if size == 0:
                return bytes(self._body)
            self._chunks += 1
            if self._chunks > self._limits.body_chunks:
                raise InvalidChunkSize(b"more than %d chunks" % self._limits.body_chunks)
            self._left = size

    def _move(self, data: bytearray) -> bool:
        """Move bytes of the present chunk; return whether the chunk has ended."""
        assert self._left is not None
        part = min(self._left, len(data), self._limits.body_bytes + 1 - len(self._body))
        self._body += data[:part]
        del data[:part]
        self._left -= part
        if self._left or self.excessive or len(data) < len(_LINE_END):
            return False
        if data[:2] != _LINE_END:
            raise ChunkMissingTerminator(bytes(data[:2]))
        del data[:2]
        self._left = None
        return True

    def _size(self, data: bytearray) -> int | None:
        """Remove one chunk's size from `data`, for the last one with the trailers; None while it is incomplete."""
        end = data.find(_LINE_END)
        line = bytes(data[: end + 2] if end >= 0 else data)
        for part in (line, bytes(data[: self._limits.head_bytes + 1])):
            source = _Received(part)
            try:
                size, _ = self._reader.parse_chunk_size(source)
            except Incomplete:
                continue
            # All of a size's line is used up; after trailers the source holds what follows them.
            del data[: len(part) - len(source.rest()) if size == 0 else len(line)]
            return size
        if len(data) > self._limits.head_bytes:
            raise LimitRequestHeaders("limit request trailer section size")
        return None


class RequestReader:
    """The requests of one connection, one after another."""

    def __init__(self, config: Config, client: tuple[str, int], limits: Limits) -> None:
        self._config = config
        self._client = client
        self._limits = limits
        self._data = bytearray()
        self._scanned = 0
        self._number = 0
        self._request: Request | None = None
        self._body: _Sized | _Chunked = _Sized(0)

    def __len__(self) -> int:
        """Return the number of bytes that are held."""
        return len(self._data) + (len(self._body) if isinstance(self._body, _Chunked) else 0)

    @property
    def stage(self) -> Stage:
        """What has come of the next request."""
        if self._request is not None:
            return Stage.BODY
        return Stage.HEAD if self._data else Stage.NOTHING

    def feed(self, data: bytes) -> None:
        """Add bytes that have come."""
        self._data += data

    def expects_continue(self) -> bool:
        """Return, once for a request, whether its client waits for `100 Continue` before it sends the body."""
        if self._request is None or not self._request._expected_100_continue:
            return False
        self._request._expected_100_continue = False
        return not self._data

    def next(self) -> Request | None:
        """Return the next request with all of its body, None while it is incomplete.

        A body that is too long ends early: the request's connection then closes after the answer.

        Raises:
            ParseException: gunicorn's parser refuses the request.
        """
        if self._request is None:
            self._request = self._head()
            if self._request is None:
                return None
            self._body = self._body_of(self._request)
        body = self._body.take(self._data)
        if body is None:
            return None
        request, self._request = self._request, None
        if isinstance(self._body, _Chunked) and self._body.excessive:
            request.force_close()
        self._body = _Sized(0)
        self._scanned = 0
        # 100 Continue is the event loop's; gunicorn would send it again.
        request._expected_100_continue = False
        request.body = Body(LengthReader(IterUnreader([body]), len(body)))
        return request

    def _head(self) -> Request | None:
        if not self._worth_parsing():
            return None
        source = _Received(bytes(self._data))
        try:
            request = Request(self._config, source, self._client, self._number + 1)
        except Incomplete:
            if len(self._data) > self._limits.head_bytes:
                raise LimitRequestHeaders("limit request headers size") from None
            return None
        rest = source.rest()
        if len(self._data) - len(rest) > self._limits.head_bytes:
            raise LimitRequestHeaders("limit request headers size")
        self._data = bytearray(rest)
        self._number += 1
        return request

    def _worth_parsing(self) -> bool:
        """Return whether the parser could find an end or an error now; without this each byte would cost a parse."""
        data, new = self._data, max(0, self._scanned - len(_HEAD_END) + 1)
        self._scanned = len(data)
        if data.find(_HEAD_END, new) >= 0 or len(data) > self._limits.head_bytes:
            return True
        longest = self._config.limit_request_line + len(_LINE_END)
        return _BARE_LF.search(data, new) is not None or (len(data) > longest and data.find(_LINE_END, 0, longest) < 0)

    def _body_of(self, request: Request) -> _Sized | _Chunked:
        reader = request.body.reader
        if isinstance(reader, ChunkedReader):
            return _Chunked(reader, self._limits)
        if reader.length > self._limits.body_bytes:
            # The API refuses it by its Content-Length, before any byte of it is read.
            request.force_close()
            return _Sized(0)
        return _Sized(reader.length)
