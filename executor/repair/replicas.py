"""Queries to other replicas over CQL: their Jolokia is open to their own executors alone.

The virtual tables of Cassandra 5.0 show how many compaction tasks wait for a thread, not the estimate of all pending
compactions (which this node reports over Jolokia). A replica with `reject_repair_compaction_threshold` compares its own
estimate and refuses the repair, which then shows as a failed repair. A replica that cannot be queried (no or another
login, encryption) counts as not busy; progress and result name it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from cassandra import ConsistencyLevel, Unauthorized
from cassandra.cluster import Session

from executor.cql.encryption import Encryption
from executor.cql.session import CQL_ERRORS, ConnectError, open_session, words
from executor.repair.survey import host
from executor.sentences import list_first

# A node that is up answers from memory.
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
    """The queries, all to the same native port; `silent` collects by address why one got no answer."""

    port: int
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    silent: dict[str, str] = field(default_factory=dict)
    encryption: Encryption | None = None

    def silent_sentence(self) -> str:
        """Return a sentence about the replicas that could not be queried; empty if all could."""
        if not self.silent:
            return ""
        addresses = sorted(self.silent)
        verb = "were" if len(addresses) > 1 else "was"
        text = f"{list_first(addresses, _NAMED)} {verb} not asked for pending compactions and progress"
        if not self.secrets and any(
            "Authentication" in words or "authentication" in words for words in self.silent.values()
        ):
            return f"{text}: Cassandra requires a login; add cassandra_username and cassandra_password"
        return f"{text}: {self.silent[addresses[0]]}"

    def check_login(self, address: str) -> str:
        """Return this node's refusal of the request's login; empty if it accepts it, or there is none."""
        if not self.secrets:
            return ""
        try:
            with self._connected(address) as session:
                session.execute(_PENDING)
        except ConnectError as error:
            return str(error) if error.refused else ""
        except Unauthorized as error:
            return f"{words(error)}; GRANT SELECT ON KEYSPACE system_views TO the role of this login"
        except CQL_ERRORS:
            return ""
        return ""

    def pending_compactions(self, endpoint: str) -> int | None:
        """Return the number of compactions that wait for a thread; None if the replica cannot be queried."""
        rows = self._ask(endpoint, _PENDING)
        return int(rows[0]["pending_tasks"]) if rows else None

    def activity(self, endpoints: Iterable[str], repair: str | None) -> list[object]:
        """Return values that change while these replicas work on a repair, without the silent replicas."""
        found: list[object] = []
        for endpoint in endpoints:
            if host(endpoint) in self.silent:
                continue
            for query in (_STREAMS, *([_VALIDATIONS.format(repair)] if repair else [])):
                found += sorted(tuple(row.values()) for row in self._ask(endpoint, query))
        return found

    def _connected(self, address: str) -> AbstractContextManager[Session]:
        return open_session(address, self.port, self.secrets, ConsistencyLevel.ONE, _SECONDS, _SECONDS, self.encryption)

    def _ask(self, endpoint: str, query: str) -> list[dict[str, Any]]:
        address = host(endpoint)
        try:
            with self._connected(address) as session:
                rows = [dict(row._asdict()) for row in session.execute(query)]
        except ConnectError as error:
            self.silent[address] = str(error)
            return []
        except CQL_ERRORS as error:
            self.silent[address] = f"CQL on {address}:{self.port}: {words(error)}"
            return []
        self.silent.pop(address, None)
        return rows
