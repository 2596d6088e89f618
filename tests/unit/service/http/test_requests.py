"""Raw requests, whole and in pieces: the event loop and gunicorn's own parser must agree on each byte."""

from __future__ import annotations

import pytest
from gunicorn.config import Config
from gunicorn.http.errors import InvalidChunkSize, LimitRequestHeaders, LimitRequestLine, ParseException
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from service.http.limits import Limits
from service.http.requests import RequestReader, Stage

CLIENT = ("127.0.0.1", 1)
LIMITS = Limits(head_bytes=4000, body_bytes=1000, body_chunks=20)
POST = b"POST /a HTTP/1.1\r\nHost: a\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
Seen = tuple[str, str, bytes]

WHOLE = {
    "no body": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no headers": b"GET / HTTP/1.0\r\n\r\n",
    "an empty line before": b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "length": POST + b"Content-Length: 5\r\n\r\nhello",
    "length 0": POST + b"Content-Length: 0\r\n\r\n",
    "chunks": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n",
    "ends of heads inside of a chunk": POST + b"Transfer-Encoding: chunked\r\n\r\n9\r\n\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n",
    "an extension": POST + b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
    "trailers": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n",
    "two slashes": b"GET //v1//plan HTTP/1.1\r\nHost: a\r\n\r\n",
}
REFUSED = {
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "two equal lengths": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    "lengths in a list": POST + b"Content-Length: 5, 5\r\n\r\nhello",
    "a signed length": POST + b"Content-Length: +5\r\n\r\nhello",
    "a negative length": POST + b"Content-Length: -5\r\n\r\nhello",
    "a length in hex": POST + b"Content-Length: 0x5\r\n\r\nhello",
    "a length in other digits": POST + b"Content-Length: \xb2\r\n\r\n",
    "chunked twice": POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked is not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "another coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding with a tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "an underscore": POST + b"Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a folded line": POST + b"X-A: 1\r\n 2\r\n\r\n",
    "a bare LF": b"GET / HTTP/1.1\nHost: a\n\n",
    "a bare LF between headers": POST + b"X-A: 1\nX-B: 2\r\n\r\n",
    "NUL": POST + b"X-A: \x00\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a version": b"GET / HTTP/2.0\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "a chunk that is longer than its size": POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nhello\r\n0\r\n\r\n",
    "a size with a sign": POST + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "a size with a prefix": POST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": POST + b"Transfer-Encoding: chunked\r\n\r\n1_0\r\nhello\r\n0\r\n\r\n",
    "an empty size": POST + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
    "CR in an extension": POST + b"Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n",
    "a bare LF after a size": POST + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
    "a length in the trailers": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
    "a bare LF in the trailers": POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: 1\nX-B: 2\r\n\r\n",
}


def reader() -> RequestReader:
    return RequestReader(Config(), CLIENT, LIMITS)


def seen(request: Request) -> Seen:
    return request.method, request.path, request.body.read()


def read(data: bytes, piece: int) -> list[Seen]:
    """Feed a reader in pieces, and return the requests that come out; raises what the parser says."""
    found, own = [], reader()
    for start in range(0, len(data), piece):
        own.feed(data[start : start + piece])
        while (request := own.next()) is not None:
            found.append(seen(request))
    return found


def expected(data: bytes) -> Seen:
    """Return what gunicorn reads from a socket."""
    return seen(Request(Config(), IterUnreader([data]), CLIENT))


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize("name", WHOLE)
def test_requests_in_pieces_are_what_gunicorn_reads(name: str, piece: int) -> None:
    assert read(WHOLE[name], piece) == [expected(WHOLE[name])]


@pytest.mark.parametrize("piece", [1, 5, 10_000])
def test_all_of_them_one_after_another(piece: int) -> None:
    assert read(b"".join(WHOLE.values()) + NEXT, piece) == [expected(item) for item in (*WHOLE.values(), NEXT)]


@pytest.mark.parametrize("piece", [1, 2, 10_000])
@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(name: str, piece: int) -> None:
    with pytest.raises(ParseException):
        read(REFUSED[name] + NEXT, piece)


@pytest.mark.parametrize(("data", "error"), [
    pytest.param(b"GET /" + b"a" * 4100, LimitRequestLine, id="request line"),
    pytest.param(b"GET / HTTP/1.1\r\n" + b"X-A: " + b"a" * 4000, LimitRequestHeaders, id="one header"),
    pytest.param(b"GET / HTTP/1.1\r\n" + b"X-A: 1\r\n" * 600, LimitRequestHeaders, id="many headers"),
    pytest.param(
        b"GET / HTTP/1.1\r\n" + (b"X-A: " + b"a" * 100 + b"\r\n") * 50 + b"\r\n", LimitRequestHeaders, id="at once"
    ),
    pytest.param(
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X-A: 1\r\n" * 600, LimitRequestHeaders, id="trailers"
    ),
    pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"a" * 9000, ParseException, id="one extension"),
    pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 21, InvalidChunkSize, id="chunks"),
])  # fmt: skip
def test_sizes_are_bounded(data: bytes, error: type[Exception]) -> None:
    for piece in (1000, 100_000):
        with pytest.raises(error):
            read(data, piece)


@pytest.mark.parametrize("head", [
    b"Content-Length: 1001\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\nfff\r\n",
    b"Content-Length: " + b"9" * 3500 + b"\r\n\r\n",
])  # fmt: skip
def test_a_long_body_ends_the_connection_and_what_follows_is_no_request(head: bytes) -> None:
    own = reader()
    own.feed(POST + head + NEXT * 40)
    request = own.next()
    assert request is not None
    assert request.should_close()
    assert len(request.body.read()) in (0, 1001)


def test_stages_and_100_continue() -> None:
    own = reader()
    assert own.stage is Stage.NOTHING
    own.feed(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n")
    assert (own.next(), own.stage, own.expects_continue()) == (None, Stage.HEAD, False)
    own.feed(b"\r\n")
    assert (own.next(), own.stage) == (None, Stage.BODY)
    assert [own.expects_continue(), own.expects_continue()] == [True, False]
    own.feed(b"ok")
    request = own.next()
    assert request is not None
    assert (seen(request), own.stage) == (("POST", "/a", b"ok"), Stage.NOTHING)
