"""Through gunicorn, asked by curl: what a test client inside the process cannot show."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.unit.service.http.serving import dead
from tests.waiting import patient, wait_for

ROOT = Path(__file__).parents[3]
TOKEN = "uSeR_t0k3n"
START_SECONDS = 30.0

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("artifacts")
    (path / "tokens").write_text(TOKEN)
    (path / "executor.tar.gz").write_bytes(os.urandom(300_000))
    return path


@pytest.fixture(scope="module")
def url(directory: Path) -> Iterator[str]:
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "2", "--no-control-socket",
        "--worker-class", "service.http.worker.Worker", "--log-level", "error",
        f"tests.unit.api.serving:application({str(directory)!r})",
    ]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_for("gunicorn listens", lambda: _listens(port, server), START_SECONDS)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _listens(port: int, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "gunicorn ended"
    try:
        socket.create_connection(("127.0.0.1", port), timeout=patient(1)).close()
    except OSError:
        return False
    return True


def curl(*arguments: str, data: bytes = b"") -> tuple[int, bytes]:
    """Status and body."""
    command = [
        "curl",
        "--silent",
        "--show-error",
        "--max-time",
        str(patient(20)),
        "--write-out",
        "\n%{http_code}",
        *arguments,
    ]
    output = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    body, _, status = output.rpartition(b"\n")
    return int(status), body


@pytest.mark.parametrize("line", [
    "{}/service/cassandra/v1/plan",
    "{}/cassandra/v1/connection",
    "-X POST {}/service/cassandra/v1/plan?cmd=interrupt",
    "-X PUT {}/service/cassandra/v1/plan?cmd=proceed",
    "{}/service/cassandra/v1/nodes/node-0/status",
    "{}/service/cassandra/v1/nodes//node-0/info",
])  # fmt: skip
def test_lines_of_the_reference(url: str, line: str) -> None:
    status, body = curl("-H", f"Authorization: token={TOKEN}", *line.format(url).split())
    assert status == 200
    assert isinstance(json.loads(body), dict)


def test_put_with_an_empty_form(url: str) -> None:
    assert curl("-X", "PUT", "-d", "", "-H", f"Authorization: token={TOKEN}", f"{url}/v1/plan?cmd=proceed")[0] == 200


def test_no_token(url: str) -> None:
    status, body = curl(f"{url}/v1/plan")
    assert (status, set(json.loads(body))) == (401, {"message"})


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body(url: str, chunked: bool) -> None:
    headers = ["-H", f"Authorization: token={TOKEN}", "-H", "Content-Type: application/json"]
    if chunked:
        headers += ["-H", "Transfer-Encoding: chunked"]
    status, body = curl(
        "-X", "PUT", *headers, "--data-binary", "@-", f"{url}/v1/plan?cmd=proceed", data=b" " * 1_100_000
    )
    assert (status, json.loads(body)) == (413, {"message": "The body must be at most 1048576 bytes."})


def test_a_bundle_whole_and_resumed(url: str, directory: Path, tmp_path: Path) -> None:
    bundle = (directory / "executor.tar.gz").read_bytes()
    target = tmp_path / "executor.tar.gz"
    assert curl("--output", str(target), f"{url}/v1/artifacts/executor.tar.gz")[0] == 200
    assert target.read_bytes() == bundle
    target.write_bytes(bundle[:100_000])
    resumed = curl("--continue-at", "-", "--output", str(target), f"{url}/v1/artifacts/executor.tar.gz")
    assert resumed[0] == 206
    assert target.read_bytes() == bundle


@pytest.mark.parametrize("path", ["../tokens", "..%2ftokens", "%2e%2e/tokens", "/etc/passwd", "....//tokens"])
def test_paths_out_of_the_directory(url: str, path: str) -> None:
    status, body = curl("--path-as-is", "-H", f"Authorization: token={TOKEN}", f"{url}/v1/artifacts/{path}")
    assert status == 404
    assert TOKEN.encode() not in body


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (("Content-Length: 100",), b'{"nodes": ["*"'),
        (("Transfer-Encoding: chunked",), b"5\r\n{"),
        (("Transfer-Encoding: chunked",), b"xyz\r\n{}\r\n0\r\n\r\n"),
        (("Transfer-Encoding: chunked",), b"2\r\n{}XX0\r\n\r\n"),
        (("Content-Length: 4",), b'{"\xff'),
    ],
)
def test_bodies_that_are_cut_off_or_no_text(url: str, lines: tuple[str, ...], body: bytes) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    head = ("PUT /v1/config HTTP/1.1", f"Host: {host}", f"Authorization: token={TOKEN}", *lines)
    head = (*head, "Content-Type: application/json", "Connection: close", "", "")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall("\r\n".join(head).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert curl(f"{url}/v1/health")[0] == 200


def test_ranges_that_are_never_read_keep_nobody_waiting(url: str, directory: Path) -> None:
    """They go by the kernel as whole files do; a thread that reads them in pieces would wait for its client."""
    with open(directory / "large.tar.gz", "wb") as file:
        file.truncate(60_000_000)
    host, port = url.removeprefix("http://").split(":")
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((host, int(port)))) for _ in range(16)]
        for client in clients:
            client.sendall(b"GET /v1/artifacts/large.tar.gz HTTP/1.1\r\nHost: api\r\nRange: bytes=1000-\r\n\r\n")
        assert curl(f"{url}/v1/health")[0] == 200
        assert curl(f"{url}/v1/artifacts/executor.tar.gz", "--output", "/dev/null")[0] == 200
        assert not any(dead(client) for client in clients), "none of them had to be given up before"


@pytest.mark.parametrize(("range_", "part"), [
    ("bytes=0-9", slice(0, 10)), ("bytes=250000-", slice(250_000, None)), ("bytes=-7", slice(-7, None)),
])  # fmt: skip
def test_ranges(url: str, directory: Path, range_: str, part: slice) -> None:
    status, body = curl("-H", f"Range: {range_}", f"{url}/v1/artifacts/executor.tar.gz")
    assert (status, body) == (206, (directory / "executor.tar.gz").read_bytes()[part])
