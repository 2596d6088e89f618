"""The parser that pymesos reads the master's answers with."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from http_parser.http import HttpParser, ParserError
from hypothesis import given
from hypothesis import strategies as st

_CHUNKS = (b'24\n{"type":"HEARTBEAT"}   ', b'\n\n5\n{"a":')
_EVENTS = b"".join(_CHUNKS)
_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_SUBSCRIBED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMesos-Stream-Id: 1234-abcd\r\n"
    b"Transfer-Encoding: Chunked\r\n\r\n"
    b"%x\r\n%s\r\n%X;name=value\r\n%s\r\n0\r\n\r\n"
) % (len(_CHUNKS[0]), _CHUNKS[0], len(_CHUNKS[1]), _CHUNKS[1])


@dataclass(frozen=True)
class Case:
    name: str
    wire: bytes
    status: int
    body: bytes
    chunked: bool = False
    headers: tuple[tuple[str, str], ...] = ()


CASES = [
    Case("event stream", _SUBSCRIBED, 200, _EVENTS, True, (("mesos-stream-id", "1234-abcd"),)),
    Case("content length", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
    Case("nothing in it", b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", 202, b""),
    Case("no content", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    Case(
        "other leader",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: //10.0.0.2:5050/api/v1/scheduler\r\nContent-Length: 0\r\n\r\n",
        307,
        b"",
        headers=(("LOCATION", "//10.0.0.2:5050/api/v1/scheduler"),),
    ),
    Case(
        "refused",
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 16\r\n\r\nInvalid 'role' x",
        400,
        b"Invalid 'role' x",
        headers=(("content-type", "text/plain"),),
    ),
    Case(
        "chunked refusal",
        _CHUNKED.replace(b"200", b"403") + b"2\r\nno\r\n0\r\n\r\n",
        403,
        b"no",
        True,
    ),
    Case("first 100", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x"),
    Case("trailer", _CHUNKED + b"1\r\nx\r\n0\r\nT: v\r\n\r\n", 200, b"x", True),
    Case(
        "repeated header",
        b"HTTP/1.1 200 OK\r\nVia: a\r\nContent-Length: 0\r\nvia: b\r\n\r\n",
        200,
        b"",
        headers=(("Via", "a, b"),),
    ),
]


def feed(parser: HttpParser, wire: bytes, size: int) -> bytes:
    body = b""
    for start in range(0, len(wire), size):
        piece = wire[start : start + size]
        assert parser.execute(piece, len(piece)) == len(piece)
        if parser.is_partial_body():
            body += parser.recv_body()
    return body


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 4096])
def test_reads_a_response_however_it_is_cut(case: Case, size: int) -> None:
    parser = HttpParser()
    assert feed(parser, case.wire, size) == case.body
    assert parser.get_errno() == ParserError.OK
    assert parser.is_headers_complete()
    assert parser.is_message_complete()
    assert parser.get_status_code() == case.status
    assert parser.is_chunked() is case.chunked
    assert not parser.is_partial_body()
    assert parser.recv_body() == b""
    for name, value in case.headers:
        assert parser.get_headers()[name] == value


@pytest.mark.parametrize("cut", range(1, len(_SUBSCRIBED)))
def test_event_stream_cut_once_at_every_byte(cut: int) -> None:
    parser = HttpParser()
    body = feed(parser, _SUBSCRIBED[:cut], cut)
    headers_end = _SUBSCRIBED.index(b"\r\n\r\n") + 4
    assert parser.is_headers_complete() is (cut >= headers_end)
    assert not parser.is_message_complete()
    assert _EVENTS.startswith(body)
    assert body + feed(parser, _SUBSCRIBED[cut:], len(_SUBSCRIBED)) == _EVENTS
    assert parser.is_message_complete()


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.integers(min_value=1, max_value=64))
def test_any_chunks_in_any_pieces(chunks: list[bytes], size: int) -> None:
    wire = _CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    parser = HttpParser()
    assert feed(parser, wire, size) == b"".join(chunks)
    assert parser.is_message_complete()


def test_body_is_given_while_its_chunk_is_still_coming() -> None:
    parser = HttpParser()
    assert feed(parser, _CHUNKED + b"10\r\nhalf", 4096) == b"half"
    assert not parser.is_message_complete()


def test_headers_keep_order_and_spelling() -> None:
    parser = HttpParser()
    feed(parser, b"HTTP/1.1 200 OK\r\nX-Second: 2\r\nContent-Length: 0\r\nx-first: 1\r\n\r\n", 4096)
    assert list(parser.get_headers().items()) == [("X-Second", "2"), ("Content-Length", "0"), ("x-first", "1")]
    assert "X-FIRST" in parser.get_headers()
    assert "x-third" not in parser.get_headers()


def test_body_until_the_peer_closes() -> None:
    parser = HttpParser()
    assert feed(parser, b"HTTP/1.1 200 OK\r\n\r\nall of it", 3) == b"all of it"
    assert not parser.is_message_complete()
    assert parser.execute(b"", 0) == 0
    assert parser.is_message_complete()
    assert parser.get_errno() == ParserError.OK


@pytest.mark.parametrize(
    "wire",
    [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", _SUBSCRIBED[:-5]],
    ids=["nothing", "status line", "content length", "chunked"],
)
def test_closed_too_early(wire: bytes) -> None:
    parser = HttpParser()
    feed(parser, wire, 4096)
    assert parser.execute(b"", 0) != 0
    assert parser.get_errno() == ParserError.INVALID_EOF_STATE
    assert not parser.is_message_complete()


@pytest.mark.parametrize(
    "wire",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        _CHUNKED + b"xyz\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"a" * (81 * 1024),
    ],
    ids=["TLS", "SSH", "request", "length", "chunk size", "header", "endless header"],
)
def test_garbage_is_an_error_and_stays_one(wire: bytes) -> None:
    parser = HttpParser()
    assert parser.execute(wire, len(wire)) != len(wire)
    assert parser.get_errno() == ParserError.INVALID_MESSAGE
    assert parser.execute(b"HTTP/1.1 200 OK\r\n\r\n", 19) == 0
    assert not parser.is_message_complete()


@pytest.mark.parametrize("apart", [True, False])
def test_bytes_after_the_response_are_not_parsed(apart: bool) -> None:
    parser = HttpParser()
    response, rest = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"more"
    if apart:
        assert parser.execute(response, len(response)) == len(response)
        assert parser.execute(rest, len(rest)) == 0
    else:
        assert parser.execute(response + rest, len(response + rest)) == len(response)
    assert parser.recv_body() == b"ok"
    assert parser.is_message_complete()
    assert parser.get_errno() == ParserError.CLOSED_CONNECTION


def test_only_the_given_length_counts() -> None:
    parser = HttpParser()
    buffer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokrubbish"
    assert parser.execute(buffer, len(buffer) - 7) == len(buffer) - 7
    assert parser.recv_body() == b"ok"


def test_pymesos_takes_it_for_the_parser_it_was_written_for() -> None:
    assert not hasattr(HttpParser(), "errno")
