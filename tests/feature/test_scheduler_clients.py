"""The scheduler's process among clients that do not behave: it answers, and it ends in order."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from scheduler.errors import Exit
from tests.feature.scheduler_process import Make, Scheduler
from tests.waiting import wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper, pytest.mark.timeout(120)]

STREAMS = 256
STREAM = b"GET /v1/events/stream HTTP/1.1\r\nHost: api\r\n\r\n"


def connected(scheduler: Scheduler, stack: ExitStack, data: bytes) -> socket.socket:
    """Open a connection that has sent `data`."""
    client = stack.enter_context(socket.create_connection((scheduler.api.host, scheduler.api.port), 20))
    client.sendall(data)
    return client


def test_it_works_among_unfinished_requests(make: Make) -> None:
    scheduler = make().start()
    wait_for("it serves", lambda: scheduler.status("/v1/plan") == 200)
    with ExitStack() as stack:
        for data in (b"GET /v1/health HTTP/1.1\r\nX-Endless: ", b"PUT /v1/plan HTTP/1.1\r\nContent-Length: 9\r\n\r\n{"):
            for _ in range(250):
                unfinished = connected(scheduler, stack, data)
        assert scheduler.status("/v1/health") == 200
        assert scheduler.post("/v1/plan/interrupt") == 200
        unfinished.setblocking(False)
        with pytest.raises(BlockingIOError):  # it waits still
            unfinished.recv(1)


def test_many_streams_hold_no_thread_and_all_end_with_the_process(make: Make) -> None:
    scheduler = make(API_THREADS="2").start()
    wait_for("it serves", lambda: scheduler.status("/v1/plan") == 200)
    with ExitStack() as stack:
        streams = [connected(scheduler, stack, STREAM) for _ in range(STREAMS)]
        assert all(b"retry: 2000" in until_body(client) for client in streams)
        more = connected(scheduler, stack, STREAM)
        assert more.recv(1000).startswith(b"HTTP/1.1 503 ")
        for _ in range(100):
            connected(scheduler, stack, b"GET /v1/pl")
        assert scheduler.status("/v1/plan") == 200
        # The command is an event, which all streams get.
        assert scheduler.post("/v1/plan/interrupt") == 200
        for client in streams:
            data = b""
            while b"event: COMMAND" not in data:
                data += (part := client.recv(4096))
                assert part, data
        assert scheduler.process is not None
        scheduler.process.terminate()
        assert scheduler.exit_code() == Exit.OK
        for client in (streams[0], streams[-1]):
            data = b""
            while part := client.recv(4096):
                data += part
            assert data.endswith(b"0\r\n\r\n")


def until_body(client: socket.socket) -> bytes:
    """Return an answer up to the first bytes of its body."""
    data = b""
    while not data.partition(b"\r\n\r\n")[2]:
        part = client.recv(1000)
        assert part, data
        data += part
    return data
