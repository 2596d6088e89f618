"""What other replicas say of themselves, asked over CQL: their Jolokia is open to their own executors alone.

Cassandra 5.0 shows in its virtual tables how many compaction tasks wait for a thread, not the estimate of all that is
to be compacted (of this node that is known, over Jolokia). A replica that has `reject_repair_compaction_threshold` set
compares its own estimate and refuses the repair, which shows as a repair that failed. A replica that cannot be asked
(no or another login, encryption) is taken for one that has time; progress and result name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from cassandra import ConsistencyLevel, Unauthorized
from cassandra.cluster import Session

from executor.cql import session as cql_session
from executor.cql.encryption import Encryption
from executor.repair.survey import host

# A node that lives answers from memory.
_SECONDS = 5.0
_NAMED = 3
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
    encryption: Encryption | None = None

    def told(self) -> str:
        """A sentence about the replicas that could not be asked; empty if all could."""
        if not self.silent:
            return ""
        addresses = sorted(self.silent)
        named = ", ".join(addresses[:_NAMED]) + (f" and {len(addresses) - _NAMED} more" if addresses[_NAMED:] else "")
        verb = "were" if len(addresses) > 1 else "was"
        text = f"{named} {verb} not asked for pending compactions and progress"
        if not self.secrets and any(
            "Authentication" in words or "authentication" in words for words in self.silent.values()
        ):
            return f"{text}: Cassandra wants a login; give cassandra_username and cassandra_password"
        return f"{text}: {self.silent[addresses[0]]}"

    def check_login(self, address: str) -> str:
        """What this node says to the login that was given; empty if it takes it, or none was given."""
        if not self.secrets:
            return ""
        try:
            with self._connected(address) as session:
                session.execute(_PENDING)
        except cql_session.ConnectError as error:
            return str(error) if error.refused else ""
        except Unauthorized as error:
            return f"{cql_session.words(error)}; GRANT SELECT ON KEYSPACE system_views TO the role of this login"
        except cql_session.CQL_ERRORS:
            return ""
        return ""

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

    def _connected(self, address: str) -> AbstractContextManager[Session]:
        return cql_session.connect(
            address, self.port, self.secrets, ConsistencyLevel.ONE, _SECONDS, _SECONDS, self.encryption
        )

    def _ask(self, endpoint: str, query: str) -> list[dict[str, Any]]:
        address = host(endpoint)
        try:
            with self._connected(address) as session:
                rows = [dict(row._asdict()) for row in session.execute(query)]
        except cql_session.ConnectError as error:
            self.silent[address] = str(error)
            return []
        except cql_session.CQL_ERRORS as error:
            self.silent[address] = f"CQL on {address}:{self.port}: {cql_session.words(error)}"
            return []
        self.silent.pop(address, None)
        return rows
