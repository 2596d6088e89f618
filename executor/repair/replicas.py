"""What other replicas say of themselves, asked over CQL: their Jolokia is open to their own executors alone.

Cassandra 5.0 shows in its virtual tables how many compaction tasks wait for a thread, not the estimate of all that is
to be compacted (of this node that is known, over Jolokia). A replica that has `reject_repair_compaction_threshold` set
compares its own estimate and refuses the repair, which shows as a repair that failed. A replica that cannot be asked
(another password, encryption) is taken for one that has time; the job's result names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cassandra import ConsistencyLevel

from executor import cql_session
from executor.repair.survey import host

# A node that lives answers from memory.
_SECONDS = 5.0
_PENDING = "SELECT pending_tasks FROM system_views.thread_pools WHERE name = 'CompactionExecutor'"
_VALIDATIONS = (
    "SELECT id, status, bytes_read, partitions_processed FROM system_views.repair_validations"
    " WHERE repair_id = {} ALLOW FILTERING"
)
_STREAMS = (
    "SELECT id, status, bytes_received, bytes_sent FROM system_views.streaming"
    " WHERE operation = 'Repair' ALLOW FILTERING"
)


@dataclass(frozen=True)
class Replicas:
    """Asks replicas, all at the same native port. `silent` collects why one could not be asked, by address."""

    port: int
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    silent: dict[str, str] = field(default_factory=dict)

    def pending_compactions(self, endpoint: str) -> int | None:
        """Compactions that wait for a thread; None if it cannot be asked."""
        rows = self._ask(endpoint, _PENDING)
        return int(rows[0]["pending_tasks"]) if rows else None

    def activity(self, endpoints: Iterable[str], repair: str | None) -> list[object]:
        """What changes while these replicas work on a repair; those that are silent are left out."""
        found: list[object] = []
        for endpoint in endpoints:
            if host(endpoint) in self.silent:
                continue
            for query in (_STREAMS, *([_VALIDATIONS.format(repair)] if repair else [])):
                found += sorted(tuple(row.values()) for row in self._ask(endpoint, query))
        return found

    def _ask(self, endpoint: str, query: str) -> list[dict[str, Any]]:
        address = host(endpoint)
        try:
            with cql_session.connect(
                address, self.port, self.secrets, ConsistencyLevel.ONE, _SECONDS, _SECONDS
            ) as session:
                rows = [dict(row._asdict()) for row in session.execute(query)]
        except cql_session.ConnectError as error:
            self.silent[address] = str(error)
            return []
        except cql_session.CQL_ERRORS as error:
            self.silent[address] = f"CQL on {address}:{self.port}: {cql_session.words(error)}"
            return []
        self.silent.pop(address, None)
        return rows
