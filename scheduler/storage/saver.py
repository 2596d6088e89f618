"""The writes of a cycle: all changes of the state, stored before the first call to Mesos."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.core.state import codec, record_kinds
from scheduler.core.state.cluster import ClusterState
from scheduler.errors import StoreUnavailableError
from scheduler.storage.port import Store, Writes, split


class Saver:
    """Writes the difference between the state that is stored and the next one."""

    def __init__(self, store: Store, stored: ClusterState) -> None:
        self._store = store
        self._stored = stored
        self._doubtful: set[str] = set()

    @property
    def stored(self) -> ClusterState:
        """The last state that is surely stored as a whole."""
        return self._stored

    def save(self, state: ClusterState) -> int:
        """Store all of `state` that is not stored yet; returns the number of records written or removed.

        A change that does not fit one transaction is written in several. That is safe: records do not depend on each
        other, and no call is sent before all are stored.

        Raises:
            StoreUnavailableError: Some records can be stored; the next call overwrites them.
            StaleWriteError: As in the store.
        """
        writes = self._writes(state)
        try:
            for part in split(writes):
                self._store.commit(part)
        except StoreUnavailableError:
            self._doubtful.update(writes)
            raise
        self._stored = state
        self._doubtful.clear()
        return len(writes)

    def _writes(self, state: ClusterState) -> Writes:
        writes: dict[str, bytes | None] = {}
        if state.framework_id is not None and state.framework_id != self._stored.framework_id:
            writes[record_kinds.FRAMEWORK_ID] = codec.encode_record(record_kinds.FrameworkId(state.framework_id))
        for record in codec.changes(self._stored, state):
            writes[record_kinds.path_of(record)] = codec.encode_record(record)
        writes |= dict.fromkeys(codec.removals(self._stored, state))
        if doubtful := self._doubtful - writes.keys():
            known = _contents(state)
            writes |= {path: known.get(path) for path in sorted(doubtful)}
        return writes


def _contents(state: ClusterState) -> Mapping[str, bytes]:
    """Return every record of the state that can change, by path."""
    contents = {path: codec.encode_record(record) for path, record in codec.contents(state).items()}
    if state.framework_id is not None:
        contents[record_kinds.FRAMEWORK_ID] = codec.encode_record(record_kinds.FrameworkId(state.framework_id))
    return contents
