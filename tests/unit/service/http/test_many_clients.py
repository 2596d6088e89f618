"""Many clients at once: caps by address, 10,000 idle connections, a hundred downloads."""

from __future__ import annotations

import resource
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from service.http.descriptors import SELECT_DESCRIPTORS
from service.http.limits import Limits
from tests.ports import free_port
from tests.unit.service.http.serving import THREADS, Serve, Served, ended, get, read_all
from tests.waiting import patient, wait_for

ROOT = Path(__file__).parents[4]
IDLE = 10_000
# Of the test's own process: for 10,000 clients and what else it has open.
FILES = IDLE + 500
DOWNLOADS = 100


def test_of_one_address_the_oldest_without_a_request_is_closed_and_the_newest_served(serve: Serve) -> None:
    served = serve(Limits(waiting_per_address=20))
    with ExitStack() as stack:
        other = stack.enter_context(served.connect("127.0.0.2"))
        working = stack.enter_context(served.connect())
        working.sendall(get("/wait"))
        served.ping()
        idle = [stack.enter_context(served.connect()) for _ in range(50)]
        served.ping()
        wait_for("the oldest are closed", lambda: all(ended(client) for client in idle[:31]))
        assert not any(ended(client) for client in idle[31:])
        assert not ended(other)
        served.application.released.set()
        working.settimeout(20)
        assert read_all(working).endswith(b"pong")
        other.settimeout(20)
        other.setblocking(True)
        other.sendall(get("/hello"))
        assert read_all(other).endswith(b"pong")


def test_requests_that_have_come_are_answered_however_many_they_are(serve: Serve) -> None:
    with ExitStack() as stack:
        clients: list[socket.socket] = []

        def ask_all(address: tuple[str, int]) -> None:
            for _ in range(100):
                clients.append(stack.enter_context(socket.create_connection(address, 20)))
                clients[-1].sendall(get("/hello"))

        serve(Limits(waiting_per_address=20), ask_all)
        assert all(read_all(client).endswith(b"pong") for client in clients)


def test_kept_connections_of_a_router_are_served_in_turn(serve: Serve) -> None:
    served = serve(Limits(waiting_per_address=20))
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(15)]
        for _ in range(5):
            for client in clients:
                client.sendall(get("/hello", ""))
            for client in clients:
                assert client.recv(1000).endswith(b"pong")


def test_of_all_connections_the_oldest_without_a_request_goes_first(serve: Serve) -> None:
    served = serve(Limits(connections=30))
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect(f"127.0.0.{2 + i}")) for i in range(60)]
        served.ping("127.0.1.1")
        wait_for("the oldest are closed", lambda: all(ended(client) for client in clients[:31]))
        assert not any(ended(client) for client in clients[31:])


def test_if_all_are_inside_requests_the_address_with_the_most_loses_one(serve: Serve) -> None:
    served = serve(Limits(connections=30, send_seconds=60.0))
    with ExitStack() as stack:
        other = stack.enter_context(served.connect("127.0.0.2"))
        other.sendall(get("/wait"))
        for _ in range(60):
            client = stack.enter_context(served.connect(receive_bytes=4096))
            client.sendall(get("/v1/artifacts/bundle.tar.gz"))
            served.ping("127.0.0.3")
        assert not ended(other)


def test_unfinished_bodies_share_a_bounded_memory_and_small_ones_get_through(serve: Serve) -> None:
    served = serve(Limits(buffered_bytes=2_000_000))
    head = b"PUT /echo HTTP/1.1\r\nHost: api\r\nContent-Length: 1000000\r\n\r\n"
    with ExitStack() as stack:
        clients = [stack.enter_context(served.connect()) for _ in range(10)]
        for client in clients:
            try:
                client.sendall(head + b"z" * 900_000)
            except ConnectionError:
                continue
        wait_for("the oldest are closed", lambda: sum(ended(client) for client in clients) >= 8)
        assert served.ask(b"PUT /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello").endswith(b"hello")


def test_bodies_that_wait_for_a_thread_count_too_and_the_address_with_most_loses(serve: Serve) -> None:
    served = serve(Limits(buffered_bytes=2_000_000))
    with ExitStack() as stack:
        for _ in range(THREADS):
            stack.enter_context(served.connect()).sendall(get("/wait"))
        other = stack.enter_context(served.connect("127.0.0.2"))
        other.sendall(b"PUT /echo HTTP/1.1\r\nHost: api\r\nContent-Length: 9000\r\n\r\n" + b"a" * 9000)
        served.ping("127.0.0.3")
        clients = [stack.enter_context(served.connect()) for _ in range(10)]
        for client in clients:
            client.sendall(b"PUT /echo HTTP/1.1\r\nHost: api\r\nContent-Length: 900000\r\n\r\n" + b"z" * 900_000)
            served.ping("127.0.0.3")
        wait_for("the oldest are closed", lambda: sum(ended(client) for client in clients) >= 8)
        assert not ended(other)
        served.application.released.set()
        wait_for("the rest is answered", lambda: len(served.application.bodies) == 3)
    assert sorted({len(body) for body in served.application.bodies}) == [9000, 900_000]


def test_connections_and_files_leave_the_descriptors_of_select_to_the_scheduler(serve: Serve) -> None:
    served = serve(Limits())
    with ExitStack() as stack:
        for _ in range(10):
            client = stack.enter_context(served.connect(receive_bytes=4096))
            client.sendall(get("/v1/artifacts/bundle.tar.gz"))
        served.ping()
        assert len(high_descriptors()) >= 20


@contextmanager
def apart(directory: Path) -> Iterator[tuple[str, int]]:
    """Serve the API in a process of its own, whose descriptors are not the test's."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "4", "--no-control-socket",
        "--worker-class", "service.http.worker.Worker", "--log-level", "error",
        f"tests.unit.api.serving:application({str(directory)!r})",
    ]  # fmt: skip
    server = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_for("it serves", lambda: answers(("127.0.0.1", port)))
        yield "127.0.0.1", port
    finally:
        server.terminate()
        server.wait(timeout=30)


def answers(address: tuple[str, int]) -> bool:
    try:
        command(address)
    except OSError:
        return False
    return True


def command(address: tuple[str, int]) -> None:
    """Send a command and wait for its answer."""
    with socket.create_connection(address, patient(20)) as client:
        client.sendall(
            b"PUT /v1/plan?cmd=proceed HTTP/1.1\r\nHost: api\r\nAuthorization: token=uSeR_t0k3n\r\n"
            b"Connection: close\r\n\r\n"
        )
        assert read_all(client).startswith(b"HTTP/1.1 200 ")


def test_ten_thousand_idle_connections_keep_no_command_from_its_answer(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < FILES:
        pytest.skip(f"the hard limit of open files is {hard}, and {FILES} are needed")
    (tmp_path / "tokens").write_text("uSeR_t0k3n")
    with apart(tmp_path) as address, ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        clients = []
        for number in range(IDLE):
            client = stack.enter_context(socket.socket())
            client.bind((f"127.0.2.{1 + number % 50}", 0))
            client.connect(address)
            clients.append(client)
            if number % 1000 == 999:
                command(address)
        open_now = sum(not ended(client) for client in clients)
        print(f"{open_now} of {IDLE} connections are open at once")
        for _ in range(20):
            command(address)


def test_a_hundred_downloads_beside_health_checks(serve: Serve) -> None:
    served = serve(Limits())
    ends = threading.Event()
    pings = 0

    def check() -> None:
        nonlocal pings
        while not ends.is_set():
            served.ping("127.0.0.2")
            pings += 1
            ends.wait(0.05)

    checks = threading.Thread(target=check)
    checks.start()
    try:
        began = time.monotonic()
        sizes = download(served, DOWNLOADS)
        print(f"{sum(sizes) / (time.monotonic() - began) / 1e6:.0f} MB/s")
    finally:
        ends.set()
        checks.join()
    assert min(sizes) > 60_000_000
    # One that waits for the downloads is the only one.
    assert pings > 2


def download(served: Served, count: int) -> list[int]:
    """Read artifacts on many connections at once; return how many bytes came on each."""
    buffer = bytearray(1_000_000)
    sizes = [0] * count
    with selectors.DefaultSelector() as selector, ExitStack() as stack:
        for number in range(count):
            client = stack.enter_context(served.connect())
            client.sendall(get("/v1/artifacts/bundle.tar.gz"))
            client.setblocking(False)
            selector.register(client, selectors.EVENT_READ, number)
        while selector.get_map():
            for key, _ in selector.select(20):
                assert isinstance(key.fileobj, socket.socket)
                received = key.fileobj.recv_into(buffer)
                sizes[key.data] += received
                if not received:
                    selector.unregister(key.fileobj)
    return sizes


BROKEN = (
    b"",
    b"GET /v1/pl",
    b"\r\n",
    b"PUT /echo HTTP/1.1\r\nHost: api\r\nContent-Length: 100\r\n\r\nhalf",
    b"PUT /echo HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf",
    b"PUT /echo HTTP/1.1\r\nHost: api\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n",
    b"GET / HTTP/1.1\nbare\n\n",
    get("/v1/artifacts/bundle.tar.gz", ""),
    get("/large", "") * 3,
    get("/stream", ""),
    get("/fail", ""),
    get("/hello", "") * 5 + b"GET /v1/pl",
)


def test_two_thousand_broken_connections_leave_nothing_behind(serve: Serve) -> None:
    served = serve(Limits(head_seconds=2.0, body_seconds=2.0, send_seconds=2.0))
    reset = struct.pack("ii", 1, 0)
    for number in range(2000):
        with served.connect(f"127.0.0.{1 + number % 100}", 4096 if number % 3 else 0) as client:
            client.sendall(BROKEN[number % len(BROKEN)])
            if number % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    served.ping()
    wait_for("no descriptor is left", lambda: not high_descriptors(), 30)
    served.ping()


def high_descriptors() -> list[str]:
    """Return the descriptors that connections and their files have, but for those of this moment."""
    return [path.name for path in Path("/proc/self/fd").iterdir() if int(path.name) >= SELECT_DESCRIPTORS]
