"""A client that goes on while a test changes the cluster below it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from cassandra.cluster import Session

from tests.waiting import wait_for

Request = Callable[[int], object]
# Often enough to meet every moment of a restart, seldom enough to leave the processors to Cassandra's starts.
_PAUSE_SECONDS = 0.03


@contextmanager
def traffic(
    connect: Callable[[], AbstractContextManager[Session]], prepare: Callable[[Session], Request]
) -> Iterator[list[int]]:
    """The numbers that a client has got through so far; no request may fail.

    `prepare` returns the requests for one number.
    """
    done: list[int] = []
    failures: list[BaseException] = []
    stop = threading.Event()

    def work() -> None:
        try:
            with connect() as session:
                request = prepare(session)
                while not stop.is_set():
                    request(len(done))
                    done.append(len(done))
                    stop.wait(_PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 raised again below, by the test's own thread
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        wait_for("a row is written", lambda: bool(done or failures), 30.0)
        yield done
    finally:
        stop.set()
        thread.join()
    assert not failures, failures
