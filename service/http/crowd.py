"""All connections, and which one has to go when there are too many, or when they hold too much."""

from __future__ import annotations

from collections import Counter

from service.http.connection import Connection, Phase
from service.http.limits import Limits

# A connection that holds less is not closed for memory: it would free next to nothing.
_WORTH_BYTES = 4 * 1024


class Crowd:
    """Every open connection, in the order in which each came to its present phase."""

    def __init__(self, limits: Limits, descriptors: int) -> None:
        """`descriptors`: how many files and sockets all connections together may have open."""
        self._limits = limits
        self._descriptors = descriptors
        self._sizes: dict[Connection, tuple[int, int]] = {}
        self._waiting: dict[Connection, None] = {}
        self._waiting_of: dict[str, dict[Connection, None]] = {}
        self._of: Counter[str] = Counter()
        self._held = 0
        self._files = 0

    def __len__(self) -> int:
        return len(self._sizes)

    def all(self) -> list[Connection]:
        """Return every connection."""
        return list(self._sizes)

    def update(self, connection: Connection) -> None:
        """Take notice of a connection that is new, or in another phase, or closed, or of another size."""
        if connection.phase is Phase.CLOSED:
            self._remove(connection)
            return
        if connection not in self._sizes:
            self._sizes[connection] = (0, 0)
            self._of[connection.address] += 1
        self._resize(connection, connection.held, connection.files)
        if connection.phase is Phase.REQUEST:
            self._stop_waiting(connection)
        elif connection not in self._waiting:
            self._waiting[connection] = None
            self._waiting_of.setdefault(connection.address, {})[connection] = None

    def surplus(self, newest: Connection) -> Connection | None:
        """Return the connection to close now, None if there is room for all.

        Of one address, and of all, the longest without a complete request goes first. A client that sends one at once
        stays.
        If all are inside requests, the address with the most of them loses its oldest one.
        """
        of_address = self._waiting_of.get(newest.address, {})
        if len(of_address) > self._limits.waiting_per_address:
            return next(iter(of_address))
        if len(self._sizes) + self._files <= self._descriptors:
            return None
        oldest = next(iter(self._waiting), newest)
        if oldest is not newest:
            return oldest
        ((address, _),) = self._of.most_common(1)
        own = [item for item in self._sizes if item.address == address and item is not newest]
        return min(own, key=lambda item: item.began, default=newest)

    def heaviest(self) -> Connection | None:
        """Return the connection to close because all together hold too much, None if they do not.

        It is the oldest one of the address that holds most. A request of usual size is complete within milliseconds.
        """
        if self._held <= self._limits.buffered_bytes:
            return None
        heavy = [(item, held) for item, (held, _) in self._sizes.items() if held >= _WORTH_BYTES]
        sums: Counter[str] = Counter()
        for item, held in heavy:
            sums[item.address] += held
        most = sums.most_common(1)
        own = [item for item, _ in heavy if item.address == most[0][0]]
        return min(own, key=lambda item: item.began, default=None)

    def _remove(self, connection: Connection) -> None:
        if connection not in self._sizes:
            return
        self._resize(connection, 0, 0)
        del self._sizes[connection]
        self._stop_waiting(connection)
        self._of[connection.address] -= 1
        if not self._of[connection.address]:
            del self._of[connection.address]

    def _resize(self, connection: Connection, held: int, files: int) -> None:
        before_held, before_files = self._sizes[connection]
        self._held += held - before_held
        self._files += files - before_files
        self._sizes[connection] = (held, files)

    def _stop_waiting(self, connection: Connection) -> None:
        self._waiting.pop(connection, None)
        own = self._waiting_of.get(connection.address)
        if own is not None:
            own.pop(connection, None)
            if not own:
                del self._waiting_of[connection.address]
