"""Objects that no backup needs any more are removed while no backup is being made that might take them for its own.

Who makes a backup first claims its name, then looks for sweeps and waits for their end, and only then looks which
objects are there. Who sweeps first says so, then looks for claims. So of two at the same time at least one sees the
other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from executor.backup.format import layout
from executor.s3.store import Store

# A sweep says every few hundred objects that it still runs.
_STALE_SECONDS = 900.0
_POLL_SECONDS = 2.0


class Sweep:
    """A sweep that others can see."""

    def __init__(self, store: Store, operation: str) -> None:
        self._store = store
        self._key = layout.sweep_key(operation)
        self._content = json.dumps({"operation": operation}).encode()

    def renew(self) -> None:
        """Say that it still runs. Raises StoreError."""
        self._store.put(self._key, self._content)


@contextmanager
def sweep(store: Store, operation: str) -> Iterator[Sweep]:
    """Announce a sweep until the end of the `with` statement. Raises StoreError."""
    running = Sweep(store, operation)
    running.renew()
    try:
        yield running
    finally:
        store.delete([layout.sweep_key(operation)])


def wait_for_end(store: Store, wait: Callable[[float], None], tell: Callable[[str], None]) -> None:
    """Wait until no sweep runs; `tell` gets what is waited for. One that has not been heard of for long is dead."""
    while running := _running(store):
        tell(f"waits until objects of deleted backups are removed: {', '.join(running)}")
        wait(_POLL_SECONDS)


def _running(store: Store) -> list[str]:
    found = list(store.objects(layout.SWEEPS))
    if not found:
        return []
    now = store.now()
    return [item.key for item in found if now - item.modified < _STALE_SECONDS]
