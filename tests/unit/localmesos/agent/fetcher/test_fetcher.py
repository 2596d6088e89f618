"""The fetcher against a real HTTP server and real archives."""

import asyncio
import bz2
import gzip
import io
import lzma
import os
import ssl
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Literal

import pytest

from localmesos.agent.fetcher.fetcher import Fetcher, FetchError
from tests.certificates import Authority
from tests.http_servers import HttpServer, QuietHandler

Json = dict[str, Any]


class Source:
    """A server of one content at every path, which counts the requests."""

    def __init__(self) -> None:
        self.content = b"first"
        self.headers: dict[str, str] = {}
        self.status = 200
        self.declared_length: int | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.asked: list[int] = []
        self._server = HttpServer(self._handler())
        self.url = self._server.url

    def close(self) -> None:
        self.gate.set()
        self._server.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        source = self

        class Handler(QuietHandler):
            def do_GET(self) -> None:
                etag = source.headers.get("ETag")
                same = etag is not None and self.headers.get("If-None-Match") == etag
                status = 304 if same else source.status
                source.asked.append(status)
                source.gate.wait(10)
                self.send_response(status)
                for name, value in source.headers.items():
                    self.send_header(name, value)
                if not same:
                    self.send_header("Content-Length", str(source.declared_length or len(source.content)))
                self.end_headers()
                if not same:
                    self.wfile.write(source.content)

        return Handler


@pytest.fixture
def source() -> Iterator[Source]:
    source = Source()
    yield source
    source.close()


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    path = tmp_path / "sandbox"
    path.mkdir()
    return path


def fetch(cache: Path, sandbox: Path, *uris: Json, ca_file: Path | None = None) -> list[str]:
    """Fetch with a fresh fetcher; its log."""
    log: list[str] = []

    async def run() -> None:
        fetcher = Fetcher(cache, ca_file)
        try:
            await fetcher.fetch(uris, sandbox, log.append)
        finally:
            await fetcher.close()

    asyncio.run(run())
    return log


def tar_bytes(mode: Literal["w", "w:gz", "w:bz2", "w:xz"], *names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.mode = 3, 0o755
            tar.addfile(info, io.BytesIO(b"abc"))
    return buffer.getvalue()


def zip_bytes(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o755 << 16
            archive.writestr(info, b"abc")
    return buffer.getvalue()


ARCHIVES = {
    "a.tar": tar_bytes("w", "d/file"),
    "a.tar.gz": tar_bytes("w:gz", "d/file"),
    "a.tgz": tar_bytes("w:gz", "d/file"),
    "a.tar.bz2": tar_bytes("w:bz2", "d/file"),
    "a.tbz2": tar_bytes("w:bz2", "d/file"),
    "a.tar.xz": tar_bytes("w:xz", "d/file"),
    "a.txz": tar_bytes("w:xz", "d/file"),
    "a.zip": zip_bytes("d/file"),
}


@pytest.mark.parametrize("cache", [False, True])
@pytest.mark.parametrize("name", sorted(ARCHIVES))
def test_archive_is_unpacked_with_its_permissions(tmp_path: Path, sandbox: Path, name: str, cache: bool) -> None:
    (tmp_path / name).write_bytes(ARCHIVES[name])
    fetch(tmp_path / "cache", sandbox, {"value": f"file://{tmp_path}/{name}", "cache": cache})
    assert (sandbox / "d/file").read_bytes() == b"abc"
    assert os.access(sandbox / "d/file", os.X_OK)
    assert (sandbox / name).exists() is not cache


def test_plain_gzip_becomes_its_content(tmp_path: Path, sandbox: Path) -> None:
    (tmp_path / "notes.txt.gz").write_bytes(gzip.compress(b"abc"))
    fetch(tmp_path / "cache", sandbox, {"value": str(tmp_path / "notes.txt.gz")})
    assert (sandbox / "notes.txt").read_bytes() == b"abc"


@pytest.mark.parametrize("options", [{"extract": False}, {"executable": True}])
def test_archive_stays_whole_when_told(tmp_path: Path, sandbox: Path, options: Json) -> None:
    (tmp_path / "a.tar").write_bytes(ARCHIVES["a.tar"])
    fetch(tmp_path / "cache", sandbox, {"value": str(tmp_path / "a.tar"), **options})
    assert [path.name for path in sandbox.iterdir()] == ["a.tar"]
    assert os.access(sandbox / "a.tar", os.X_OK) is ("executable" in options)


def test_output_file_names_the_copy(source: Source, tmp_path: Path, sandbox: Path) -> None:
    fetch(tmp_path / "cache", sandbox, {"value": f"{source.url}/x?version=1", "output_file": "lib/name.txt"})
    assert (sandbox / "lib/name.txt").read_bytes() == b"first"


def test_query_is_no_part_of_the_name(source: Source, tmp_path: Path, sandbox: Path) -> None:
    fetch(tmp_path / "cache", sandbox, {"value": f"{source.url}/a%20b.txt?version=1"})
    assert [path.name for path in sandbox.iterdir()] == ["a b.txt"]


def test_compressed_content_arrives_as_it_is(source: Source, tmp_path: Path, sandbox: Path) -> None:
    source.content, source.headers = ARCHIVES["a.tar.gz"], {"Content-Encoding": "gzip"}
    fetch(tmp_path / "cache", sandbox, {"value": f"{source.url}/a.tar.gz"})
    assert (sandbox / "d/file").read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ({"value": "/does/not/exist"}, "No such file"),
        ({"value": "hdfs://host/file"}, "only file, http and https"),
        ({"value": "relative/path"}, "only file, http and https"),
        ({"value": "/etc/hostname", "output_file": "../out"}, "no file name inside the sandbox"),
        ({"value": "/etc/hostname", "output_file": "/tmp/out"}, "no file name inside the sandbox"),
        ({"value": "http://127.0.0.1:1/x"}, "127.0.0.1:1"),
    ],
)
def test_uri_that_cannot_be_fetched(tmp_path: Path, sandbox: Path, uri: Json, words: str) -> None:
    with pytest.raises(FetchError, match=words):
        fetch(tmp_path / "cache", sandbox, uri)


@pytest.mark.parametrize("cache", [False, True])
def test_http_error_is_a_failure_and_not_cached(source: Source, tmp_path: Path, sandbox: Path, cache: bool) -> None:
    source.status = 404
    uri = {"value": f"{source.url}/x.txt", "cache": cache}
    with pytest.raises(FetchError, match="404"):
        fetch(tmp_path / "cache", sandbox, uri)
    source.status = 200
    fetch(tmp_path / "cache", sandbox, uri)
    assert (sandbox / "x.txt").read_bytes() == b"first"


def test_download_cut_short_is_a_failure(source: Source, tmp_path: Path, sandbox: Path) -> None:
    source.declared_length = 100
    with pytest.raises(FetchError):
        fetch(tmp_path / "cache", sandbox, {"value": f"{source.url}/x.txt", "cache": True})
    source.declared_length = None
    fetch(tmp_path / "cache", sandbox, {"value": f"{source.url}/x.txt", "cache": True})
    assert (sandbox / "x.txt").read_bytes() == b"first"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tar", tar_bytes("w", "../outside")),
        ("a.tar.gz", b"no archive"),
        ("a.tar.gz", ARCHIVES["a.tar.gz"][:40]),
        ("a.tar.bz2", bz2.compress(b"no tar")),
        ("a.tar.xz", lzma.compress(b"no tar")),
        ("a.zip", b"no archive"),
        ("a.gz", b"no archive"),
        ("a.gz", gzip.compress(b"x" * 1000)[:20]),
    ],
    # Contents hold the time of their making, and all processes of a run have to collect the same names.
    ids=["outside", "no tar.gz", "cut tar.gz", "no bz2 tar", "no xz tar", "no zip", "no gz", "cut gz"],
)
def test_bad_archive_is_a_failure(tmp_path: Path, sandbox: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FetchError, match="cannot extract"):
        fetch(tmp_path / "cache", sandbox, {"value": str(tmp_path / name)})
    assert not (tmp_path / "outside").exists()


def test_one_failure_fails_all_and_is_logged(tmp_path: Path, sandbox: Path) -> None:
    log: list[str] = []

    async def run() -> None:
        fetcher = Fetcher(tmp_path / "cache")
        with pytest.raises(FetchError):
            await fetcher.fetch([{"value": "/etc/hostname"}, {"value": "nonsense"}], sandbox, log.append)
        assert (fetcher.succeeded, fetcher.failed) == (0, 1)

    asyncio.run(run())
    assert any("Failed to fetch 'nonsense'" in line for line in log)


class TestCache:
    """Downloaded once, and again only when the source may differ."""

    @staticmethod
    def uri(source: Source) -> Json:
        return {"value": f"{source.url}/x.txt", "cache": True}

    def test_entity_tag_saves_the_download(self, source: Source, tmp_path: Path, sandbox: Path) -> None:
        source.headers = {"ETag": '"1"'}
        for _ in range(2):
            fetch(tmp_path / "cache", sandbox, self.uri(source))
        assert source.asked == [200, 304]
        assert (sandbox / "x.txt").read_bytes() == b"first"

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ({"ETag": '"1"'}, {"ETag": '"2"'}),
            ({"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, {"Last-Modified": "Tue, 02 Jan 2024 00:00:00 GMT"}),
            ({}, {}),
        ],
    )
    def test_changed_source_is_fetched_again(
        self, source: Source, tmp_path: Path, sandbox: Path, before: dict[str, str], after: dict[str, str]
    ) -> None:
        source.headers = before
        fetch(tmp_path / "cache", sandbox, self.uri(source))
        source.content, source.headers = b"other", after
        fetch(tmp_path / "cache", sandbox, self.uri(source))
        assert (sandbox / "x.txt").read_bytes() == b"other"

    def test_same_validators_without_304_keep_the_copy(self, source: Source, tmp_path: Path, sandbox: Path) -> None:
        source.headers = {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
        fetch(tmp_path / "cache", sandbox, self.uri(source))
        source.content = b"alter"
        fetch(tmp_path / "cache", sandbox, self.uri(source))
        assert (sandbox / "x.txt").read_bytes() == b"first"

    def test_changed_file_is_copied_again(self, tmp_path: Path, sandbox: Path) -> None:
        path = tmp_path / "x.txt"
        for content in (b"first", b"other"):
            path.write_bytes(content)
            os.utime(path, ns=(0, len(content) * 1000 + content[0]))
            fetch(tmp_path / "cache", sandbox, {"value": str(path), "cache": True})
            assert (sandbox / "x.txt").read_bytes() == content

    def test_damaged_index_costs_a_download(self, source: Source, tmp_path: Path, sandbox: Path) -> None:
        source.headers = {"ETag": '"1"'}
        fetch(tmp_path / "cache", sandbox, self.uri(source))
        for index in (tmp_path / "cache").glob("*.json"):
            index.write_text("{broken")
        fetch(tmp_path / "cache", sandbox, self.uri(source))
        assert source.asked == [200, 200]

    @pytest.mark.parametrize("shared", [True, False])
    def test_concurrent_fetches_download_once(self, source: Source, tmp_path: Path, shared: bool) -> None:
        """`shared`: of one agent; otherwise of several with the same directory."""
        source.headers = {"ETag": '"1"'}
        source.gate.clear()

        async def run() -> None:
            fetchers = [Fetcher(tmp_path / "cache")] * 4 if shared else [Fetcher(tmp_path / "cache") for _ in range(4)]
            sandboxes = [tmp_path / f"s{n}" for n in range(4)]
            for sandbox in sandboxes:
                sandbox.mkdir()
            pairs = zip(fetchers, sandboxes, strict=True)
            jobs = [
                asyncio.create_task(fetcher.fetch([self.uri(source)], sandbox, lambda _: None))
                for fetcher, sandbox in pairs
            ]
            while not source.asked:
                await asyncio.sleep(0.01)
            source.gate.set()
            await asyncio.gather(*jobs)
            for fetcher in fetchers:
                await fetcher.close()
            assert all((sandbox / "x.txt").read_bytes() == b"first" for sandbox in sandboxes)

        asyncio.run(run())
        assert source.asked.count(200) == 1


def test_https_needs_an_authority_that_is_trusted(tmp_path: Path, sandbox: Path) -> None:
    class Handler(QuietHandler):
        def do_GET(self) -> None:
            self.reply(200, b"bundle")

        def handle(self) -> None:
            with suppress(OSError):  # the first client ends the handshake
                super().handle()

    authority = Authority(tmp_path / "authority")
    issued = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    with HttpServer(Handler, context) as server:
        uri = {"value": f"{server.url}/file"}
        with pytest.raises(FetchError, match="CERTIFICATE_VERIFY_FAILED"):
            fetch(tmp_path / "cache", sandbox, uri)
        fetch(tmp_path / "cache", sandbox, uri, ca_file=authority.ca)
    assert (sandbox / "file").read_bytes() == b"bundle"
