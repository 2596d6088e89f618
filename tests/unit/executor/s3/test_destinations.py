"""A node connects to the server of its location and to no other, and shows no answer that is not S3's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from executor.metadata_addresses import is_metadata
from executor.s3 import client
from executor.s3.destinations import Guard, RefusedError
from executor.s3.errors import StoreError
from executor.s3.location import LocationError, parse
from executor.s3.store import Store
from tests.ports import free_port
from tests.unit.executor.backup.s3_server import store_at
from tests.waiting import wait_for


class Request:
    def __init__(self, url: str) -> None:
        self.url = url


@pytest.mark.parametrize(
    "text",
    [
        "169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "64:ff9b:1::a9fe:a9fe",
        "2001:0:4136:e378:8000:63bf:5601:5601", "fd20:ce::254", "100.100.100.200", "::ffff:100.100.100.200",
        "192.0.0.192", "168.63.129.16",
    ],
)  # fmt: skip
def test_metadata(text: str) -> None:
    assert is_metadata(text)
    with pytest.raises(RefusedError, match="link-local"):
        Guard("http://name:80", lambda host, port: [text]).before_send(Request("http://name/bucket"))


@pytest.mark.parametrize("text", ["10.0.0.1", "127.0.0.1", "::1", "fd00:ec3::254", "52.216.1.1", "2600::1"])
def test_no_metadata(text: str) -> None:
    assert not is_metadata(text)
    Guard("http://name:80", lambda host, port: [text]).before_send(Request("http://name/bucket"))


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "169.254.43518", "[::ffff:a9fe:a9fe]"])
def test_metadata_however_it_is_written(host: str) -> None:
    endpoint = f"http://{host}:80"
    with pytest.raises(RefusedError, match="link-local"):
        Guard(endpoint).before_send(Request(f"{endpoint}/latest/meta-data"))


@pytest.mark.parametrize(
    ("endpoint", "url", "fits"),
    [
        ("https://minio:9000", "https://minio:9000/b/k", True),
        ("https://minio:9000", "https://b.minio:9000/k", True),
        ("https://minio:9000", "https://minio:22/b/k", False),
        ("https://minio:9000", "https://other:9000/b/k", False),
        ("https://minio:9000", "https://evilminio:9000/b/k", False),
        ("https://s3.us-east-1.amazonaws.com", "https://b.s3.eu-west-1.amazonaws.com/k", True),
        ("https://s3.us-east-1.amazonaws.com", "https://amazonaws.com.example/k", False),
    ],
)
def test_hosts(endpoint: str, url: str, fits: bool) -> None:
    guard = Guard(endpoint, lambda host, port: ["10.0.0.1"])
    if fits:
        guard.before_send(Request(url))
    else:
        with pytest.raises(RefusedError, match="is not followed"):
            guard.before_send(Request(url))


@pytest.mark.parametrize("region", ["a/b", "x.example.com/", "é", "a b", "-" * 65])
def test_regions(region: str) -> None:
    with pytest.raises(LocationError, match="region"):
        parse({"external_location": "s3://bucket", "region": region})


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, list[int]]]:
    """A server that gives one answer to everything."""
    asked = list[int]()
    with closing(socket.create_server(("127.0.44.3", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(1)
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.44.3:{server.getsockname()[1]}/bucket", asked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


HTML = b"<html><body>the secret page</body></html>"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.6 the secret\r\n", "does not answer as S3 does", id="ssh"),
        pytest.param(b"220 the secret.example ESMTP\r\n", "does not answer as S3 does", id="smtp"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(HTML) - 2, HTML[:-2]),
            "does not answer as S3 does", id="page",
        ),
        pytest.param(
            b"HTTP/1.1 403 the secret\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(HTML), HTML),
            "does not answer as S3 does: its status is 403", id="forbidden",
        ),
        pytest.param(
            b"HTTP/1.1 404 the secret\r\nContent-Length: 10\r\nConnection: close\r\n\r\nthe secret",
            "does not answer as S3 does: its status is 404", id="text",
        ),
        pytest.param(
            b"HTTP/1.1 301 Moved\r\nLocation: http://169.254.169.254/the-secret\r\nContent-Length: 0\r\n"
            b"Connection: close\r\n\r\n", "give region", id="redirect",
        ),
        pytest.param(
            b"HTTP/1.1 301 Moved\r\nx-amz-bucket-region: the-secret\r\nLocation: http://127.0.0.1:22/\r\n"
            b"Content-Length: 0\r\nConnection: close\r\n\r\n", "its status is 301", id="region",
        ),
        pytest.param(
            b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:22/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "give region", id="temporary",
        ),
    ],
)  # fmt: skip
def test_a_service_that_is_no_s3(tmp_path: Path, answer: bytes, words: str) -> None:
    with (
        answering(answer) as (place, asked),
        store_at(parse({"external_location": place}), tmp_path) as store,
        pytest.raises(StoreError) as refused,
    ):
        list(store.objects("backups/"))
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)
    assert len(asked) <= 8


def test_a_name_that_leads_elsewhere_after_its_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the name had led to this address only when it was resolved for the connection.
    monkeypatch.setattr(client, "is_metadata", lambda address: address == "127.0.44.3")
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nthe secret") as (place, asked):
        with (
            store_at(parse({"external_location": place}), tmp_path) as store,
            pytest.raises(StoreError, match="leads to a link-local address or one of a metadata service") as refused,
        ):
            list(store.objects("backups/"))
        # The client ends the connection at once: the server may not have accepted it yet.
        wait_for("the server has the connection", lambda: bool(asked))
    assert refused.value.hopeless
    assert len(asked) == 1


def test_words_of_s3_are_shown(tmp_path: Path) -> None:
    body = b"<Error><Code>AccessDenied</Code><Message>no\x09you\nmay not</Message></Error>"
    answer = b"HTTP/1.1 403 F\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    with (
        answering(answer) as (place, _),
        store_at(parse({"external_location": place}), tmp_path) as store,
        pytest.raises(StoreError, match="AccessDenied: no you may not"),
    ):
        list(store.objects("backups/"))


def test_an_object_that_is_too_large(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\nConnection: close\r\n\r\n" + b"x" * 1_000_000
    with (
        answering(answer) as (place, asked),
        store_at(parse({"external_location": place}), tmp_path) as store,
        pytest.raises(StoreError, match="has more than 1000 bytes"),
    ):
        store.get("backups/x/manifest.json", 1000)
    assert len(asked) == 1


@contextmanager
def endless(head: bytes, piece: bytes, most: int) -> Iterator[tuple[str, list[int]]]:
    """A server that repeats a piece until it has sent so many bytes, or the client has gone; with what it has sent."""
    sent = list[int]()
    with closing(socket.create_server(("127.0.44.3", 0))) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(head)
                try:
                    while sum(sent) < most:
                        sent.append(connection.send(piece))
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.44.3:{server.getsockname()[1]}/bucket", sent
        finally:
            thread.join()


_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece", "reads"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n<a>", b" " * 65536, "objects", id="text"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n<a>", b"<b/>" * 1024, "objects", id="elements"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + _CHUNKED, b"10000\r\n%s\r\n" % (b" " * 65536), "objects", id="chunks"),
        pytest.param(b"HTTP/1.1 403 Forbidden\r\n\r\n<a>", b" " * 65536, "objects", id="error"),
        pytest.param(b"HTTP/1.1 403 Forbidden\r\n\r\n<a>", b" " * 65536, "get", id="error of an object"),
    ],
)
def test_an_answer_without_an_end_is_not_read(tmp_path: Path, head: bytes, piece: bytes, reads: str) -> None:
    """An executor has 256 MB for all of its work, and Cassandra ends with it."""
    with (
        endless(head, piece, 64 * 1024**2) as (place, sent),
        store_at(parse({"external_location": place}), tmp_path) as store,
        pytest.raises(StoreError, match="longer than any of S3") as refused,
    ):
        store.get("a") if reads == "get" else list(store.objects("a"))
    assert refused.value.hopeless
    assert sum(sent) < 32 * 1024**2


def _xml(body: str, *headers: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in ("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers))
    return f"{head}Connection: close\r\n\r\n{body}".encode()


def _list(*entries: str) -> bytes:
    return _xml(f"<ListBucketResult>{''.join(entries)}</ListBucketResult>")


def _object(size: str = "1", time: str = "2026-01-01T00:00:00Z", key: str = "backups/a") -> str:
    return f"<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{time}</LastModified></Contents>"


_SAME = "<IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>"
_OBJECTS = "objects"
CALLS: dict[str, Callable[[Store], object]] = {
    _OBJECTS: lambda store: list(store.objects("backups/")),
    "directories": lambda store: store.directories("backups/", 1000),
    "get": lambda store: store.get("k", 1000),
    "size": lambda store: store.size("k"),
    "begin": lambda store: store.begin("k"),
    "part": lambda store: store.send_part("k", "u", 1, b"x", bytes(32)),
    "parts": lambda store: store.list_parts("k", "u"),
    "uploads": lambda store: store.list_uploads("k"),
    "delete": lambda store: store.delete(["k"]),
}


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (_OBJECTS, _list(_object(size="secret"))),
        (_OBJECTS, _list(_object(size="-1"))),
        (_OBJECTS, _list(_object(size="9" * 5000))),
        (_OBJECTS, _list(_object(time="secret"))),
        (_OBJECTS, _list(_object(time="99999-01-01T00:00:00Z"))),
        (_OBJECTS, _list(_object(time="1e400"))),
        (_OBJECTS, _list(_object(key=""))),
        (_OBJECTS, _list("<Contents><Key>backups/a</Key></Contents>")),
        (_OBJECTS, _list("<Contents><Size>1</Size></Contents>")),
        (_OBJECTS, _list("<IsTruncated>true</IsTruncated>")),
        (_OBJECTS, _list(_object(), _SAME)),
        ("directories", _list("<CommonPrefixes><Prefix>secret</Prefix></CommonPrefixes>")),
        ("directories", _list("<CommonPrefixes/>")),
        ("directories", _list(_SAME)),
        ("get", _xml("secret", "Last-Modified: secret")),
        ("get", b"HTTP/1.1 200 OK\r\nContent-Length: secret\r\n\r\n"),
        ("size", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"),
        ("begin", _xml("")),
        ("part", _xml("")),
        ("parts", _xml("<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>")),
        ("parts", _xml("<ListPartsResult><IsTruncated>true</IsTruncated></ListPartsResult>")),
        ("uploads", _xml("<R><Upload><Key>a</Key></Upload></R>")),
        ("uploads", _xml("<R><IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker></R>")),
        ("delete", _xml("<DeleteResult><Error><Code>the secret</Code></Error></DeleteResult>")),
    ],
)
def test_answers_with_values_that_are_not_those_of_s3(tmp_path: Path, call: str, answer: bytes) -> None:
    with (
        answering(answer) as (place, asked),
        store_at(parse({"external_location": place}), tmp_path) as store,
        pytest.raises(StoreError, match="does not answer as S3 does") as refused,
    ):
        CALLS[call](store)
    assert "secret" not in str(refused.value)
    assert len(asked) <= 16


def test_more_directories_than_are_read(tmp_path: Path) -> None:
    """A listing can have pages without an end."""
    names = [f"<CommonPrefixes><Prefix>backups/{number}/</Prefix></CommonPrefixes>" for number in range(11)]
    with (
        answering(_list(*names)) as (place, _),
        store_at(parse({"external_location": place}), tmp_path) as store,
    ):
        assert len(store.directories("backups/", 11)) == 11
        with pytest.raises(StoreError, match=r"backups/ in .*/bucket has more than 10 directories") as refused:
            store.directories("backups/", 10)
    assert refused.value.hopeless


def test_a_time_of_s3_that_does_not_exist(tmp_path: Path) -> None:
    with (
        answering(_xml("<ListBucketResult/>", "Date: never")) as (place, _),
        store_at(parse({"external_location": place}), tmp_path) as store,
    ):
        assert store.now() > 0


def test_a_refused_object_of_several_is_named_without_signs_that_control(tmp_path: Path) -> None:
    error = "<Error><Key>a\u009bb</Key><Code>AccessDenied</Code><Message>no\u2028way</Message></Error>"
    body = f"<DeleteResult>{error}</DeleteResult>".encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
    with (
        answering(answer) as (place, _),
        store_at(parse({"external_location": place}), tmp_path) as store,
        pytest.raises(StoreError) as refused,
    ):
        store.delete(["k"])
    assert refused.value.hopeless
    assert str(refused.value).endswith(r"a\x9bb: AccessDenied: no way")


def test_nothing_that_listens_is_told_in_the_words_of_the_library(tmp_path: Path) -> None:
    place = f"http://127.0.44.5:{free_port('127.0.44.5')}/b"
    with (
        store_at(parse({"external_location": place}), tmp_path) as store,
        pytest.raises(StoreError, match=r"Connection refused") as refused,
    ):
        list(store.objects("backups/"))
    assert "Watched" not in str(refused.value)
