"""A client that writes at QUORUM through every fault, and knows which of its rows have to be there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable, Session

from tests.waiting import wait_for

# What a client may meet while nodes are down: none of it says that a row was written.
_REFUSED = (DriverException, NoHostAvailable)
_PAUSE_SECONDS = 0.02
_ROWS_BEFORE = 50
_REQUEST_SECONDS = 5.0
_READ_SECONDS = 60.0


class Client:
    """A table's rows in all cases of a session: acknowledged rows must be there ever after."""

    def __init__(self, session: Session) -> None:
        session.execute(
            "CREATE KEYSPACE chaos WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 3}"
        )
        session.execute("CREATE TABLE chaos.rows (id int PRIMARY KEY, text text)")
        self._session = session
        self._insert = session.prepare("INSERT INTO chaos.rows (id, text) VALUES (?, ?)")
        self._numbers = count()
        self._written: set[int] = set()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write all the time; some rows are acknowledged before this goes on, so that there is something to lose."""
        stop = threading.Event()
        before = len(self._written)
        thread = threading.Thread(target=self._write, args=[stop])
        thread.start()
        try:
            wait_for("rows are written", lambda: len(self._written) >= before + _ROWS_BEFORE, 30.0)
            yield
        finally:
            stop.set()
            thread.join()

    def _write(self, stop: threading.Event) -> None:
        while not stop.is_set():
            number = next(self._numbers)
            try:
                self._session.execute(self._insert, (number, f"row {number}"), timeout=_REQUEST_SECONDS)
            except _REFUSED:
                pass
            else:
                self._written.add(number)
            stop.wait(_PAUSE_SECONDS)

    def check(self) -> int:
        """Check that every node returns every acknowledged row, and return their number; report a lost one once."""
        found: set[int] = set()

        def is_read() -> bool:
            try:
                rows = self._session.execute("SELECT id FROM chaos.rows")
                found.update(row.id for row in rows)
            except _REFUSED:
                return False
            return True

        wait_for("the rows are read", is_read, _READ_SECONDS)
        lost = self._written - found
        self._written -= lost
        assert not lost, f"{len(lost)} of {len(self._written)} rows are lost, such as {sorted(lost)[:5]}"
        return len(self._written)
