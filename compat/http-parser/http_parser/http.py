"""`HttpParser` as pymesos calls it: fed with bytes as they arrive, asked for the parts known so far."""

from __future__ import annotations

from enum import IntEnum

import h11

from http_parser.headers import Headers

# This is the limit of the parser that this module replaces.
_MAX_HEADER_BYTES = 80 * 1024


class ParserError(IntEnum):
    """Values of `HttpParser.get_errno`."""

    OK = 0
    INVALID_EOF_STATE = 1
    CLOSED_CONNECTION = 2
    INVALID_MESSAGE = 3


class HttpParser:
    """Parser of one HTTP response.

    There is deliberately no attribute `errno`: by it pymesos would take this for another parser with other error codes.
    """

    def __init__(self) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEADER_BYTES)
        # h11 reads a response only as the answer to a request. Any method but HEAD and CONNECT gives the same framing.
        self._connection.send(h11.Request(method="POST", target="/", headers=[("Host", "unknown")]))
        self._connection.send(h11.EndOfMessage())
        self._error = ParserError.OK
        self._status_code = 0
        self._headers = Headers()
        self._headers_complete = False
        self._message_complete = False
        self._body: list[bytes] = []

    def execute(self, data: bytes, length: int) -> int:
        """Feed the first `length` bytes of `data`; a length of 0 says that the peer closed the connection.

        Returns:
            The number of bytes parsed. Any other number than `length` is an error, named by `get_errno`; after an error
            nothing more is parsed.
        """
        if self._error:
            return _not(length)
        if self._message_complete:
            return self._surplus(length, length)
        try:
            self._connection.receive_data(data[:length])
            return self._surplus(self._pull(), length)
        except h11.RemoteProtocolError:
            self._error = ParserError.INVALID_MESSAGE if length else ParserError.INVALID_EOF_STATE
            return _not(length)

    def _pull(self) -> int:
        """Take the events that h11 has parsed, and return the number of bytes behind the response."""
        while True:
            event = self._connection.next_event()
            if isinstance(event, h11.Response):
                self._status_code = event.status_code
                self._headers = Headers(event.headers.raw_items())
                self._headers_complete = True
            elif isinstance(event, h11.Data):
                self._body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage):
                self._message_complete = True
                return len(self._connection.trailing_data[0])
            elif isinstance(event, h11.ConnectionClosed):
                raise h11.RemoteProtocolError("closed before a response")
            elif not isinstance(event, h11.InformationalResponse):
                return 0  # h11 needs more data

    def _surplus(self, unread: int, length: int) -> int:
        if unread:
            self._error = ParserError.CLOSED_CONNECTION
        return length - unread

    def get_errno(self) -> int:
        """Return the error, one of `ParserError`; 0 without one."""
        return int(self._error)

    def is_headers_complete(self) -> bool:
        """Return whether status and headers of the response (not of a 1xx before it) are known."""
        return self._headers_complete

    def get_status_code(self) -> int:
        """Return the status code, 0 before the headers are complete."""
        return self._status_code

    def get_headers(self) -> Headers:
        """Return the headers, none before they are complete."""
        return self._headers

    def is_chunked(self) -> bool:
        """Return whether the body comes in chunks."""
        return self._headers.get("Transfer-Encoding", "").lower() == "chunked"

    def is_partial_body(self) -> bool:
        """Return whether `recv_body` has bytes to return."""
        return bool(self._body)

    def recv_body(self) -> bytes:
        """Return the bytes of the body that arrived since the last call."""
        body = b"".join(self._body)
        self._body.clear()
        return body

    def is_message_complete(self) -> bool:
        """Return whether the end of the response was seen."""
        return self._message_complete


def _not(length: int) -> int:
    return 0 if length else 1
