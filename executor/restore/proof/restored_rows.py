"""The comparison of restored rows by Cassandra itself, over our agent's MBean RestoredRows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from executor.cql.names import TableName
from executor.jmx import java_agent
from executor.jmx.jolokia import Jolokia, JolokiaError
from executor.jobs.blocking import call_watched
from executor.restore.loading.loader import cause
from executor.restore.proof.samples import Kept, Samples, list_drops
from executor.restore.request import FULL, SAMPLE
from executor.restore.source.batches import Batch
from executor.restore.source.stored import StoredBackup

PROVER = "RestoredRows"
_CALL_SECONDS = 600.0
# The duration of one call: between two calls the job can be stopped, and its progress is saved.
_TURN_MILLISECONDS = 3000


@dataclass(frozen=True)
class Prover:
    """A client of the MBean. `check` is called often, and can raise to end the wait."""

    jolokia: Jolokia
    check: Callable[[], None]
    _ready: threading.Event = field(default_factory=threading.Event, init=False, compare=False)

    def find_held(self, tables: Collection[TableName]) -> set[str]:
        """Return the tables that have any data on this node. Raises JolokiaError."""
        return set(self._call("held", [[str(table) for table in tables]]))

    def sample(self, table: TableName, directory: Path, file: Path, seed: str, drops: Sequence[str]) -> None:
        """Keep some rows of a directory's SSTables in a file.

        Args:
            table: The table.
            directory: The directory of the SSTables.
            file: The file to write.
            seed: Determines the sampled tokens.
            drops: The dropped columns, as `column=microseconds`.

        Raises:
            JolokiaError: Cassandra fails, or does not answer.
        """
        self._call("sample", [table.key_space, table.table, str(directory), str(file), seed, list(drops)])

    def compare(self, kept: Kept, cursor: str) -> Mapping[str, Any]:
        """Compare kept rows from a position on; return numbers and the `next` position. Raises JolokiaError."""
        key_space, _, table = kept.table.partition(".")
        found: Mapping[str, Any] = self._call(
            "compare",
            [key_space, table, kept.path, cursor, list(kept.drops), kept.taken_at, _TURN_MILLISECONDS],
        )
        return found

    def _call(self, operation: str, arguments: Sequence[Any]) -> Any:
        if not self._ready.is_set():
            java_agent.attach(self.jolokia, PROVER)
            self._ready.set()
        bean = java_agent.mbean(PROVER)
        return call_watched(lambda: self.jolokia.execute(bean, operation, arguments, _CALL_SECONDS), self.check)


def is_gone(error: JolokiaError) -> bool:
    """Return whether the table does not exist, or its keyspace."""
    return any(words in str(error) for words in ("there is no table", "Unknown keyspace"))


def why_not(error: JolokiaError) -> str:
    """Return the reason why rows cannot be kept or compared."""
    return "it was dropped meanwhile" if is_gone(error) else cause(str(error))


@dataclass
class Keeper:
    """A keeper of rows of each batch before its load. A failure is a finding, and does not end the load."""

    prover: Prover
    samples: Samples
    asked: str
    backup: StoredBackup
    sources: Mapping[TableName, TableName]
    _why: str = field(default="", init=False)

    def begin(self, fingerprint: str) -> None:
        """Note which tables have rows before the load. Raises OSError."""
        self.samples.sweep()
        before = self.samples.plan()
        if self.asked not in (SAMPLE, FULL) or (before is not None and before.get("fingerprint") == fingerprint):
            return
        try:
            held: list[str] | None = sorted(self.prover.find_held(self.sources))
        except JolokiaError as error:
            held, self._why = None, cause(str(error))
        self.samples.begin({"fingerprint": fingerprint, "held": held})

    def keep(self, batch: Batch, staged: Path) -> None:
        """Keep rows of a staged batch. Raises OSError, and what the prover's `check` raises."""
        if self.asked not in (SAMPLE, FULL) or self.samples.has(batch.number):
            return
        target = batch.target
        drops = tuple(list_drops(self.backup.schema, self.sources[target]))
        path, why = "", self._why
        try:
            if self.asked == FULL:
                path = str(self.samples.keep_files(batch, staged))
            elif not why:
                path = str(self.samples.path(batch.number))
                seed = f"{self.samples.operation} {target}"
                self.prover.sample(target, staged, Path(path), seed, drops)
        except JolokiaError as error:
            path, why = "", why_not(error)
        moment = int(self.backup.taken_at[1] * 1_000_000)
        self.samples.note(Kept(batch.number, str(target), path, why, drops, moment))
