"""The job `restore-load`: loads the data of some nodes of a backup into this cluster, table by table."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from cassandra import ConsistencyLevel

from executor.cql.names import TableName
from executor.cql.session import CQL_ERRORS, words
from executor.jmx.jolokia import JolokiaError
from executor.jobs import chosen, cql
from executor.jobs.agreement import wait_for_agreement
from executor.jobs.context import Cancelled, JobContext, JobError
from executor.restore.loading.fetcher import Fetcher
from executor.restore.loading.loader import Loader, LoadError, cause
from executor.restore.loading.pipeline import Pipeline
from executor.restore.loading.progress import Meter
from executor.restore.loading.staging import Staging
from executor.restore.proof.restored_rows import Keeper, Prover
from executor.restore.proof.samples import Samples
from executor.restore.request import read
from executor.restore.schema import live, replicas
from executor.restore.schema.selection import Selection
from executor.restore.source.batches import Batch
from executor.restore.source.chosen import plan_batches, select_tables
from executor.restore.source.repository import open_repository
from executor.restore.source.stored import FetchError, Repository, StoredBackup
from executor.restore.views import find_views, too_many
from executor.s3.throttle import Throttle

_LOG = logging.getLogger(__name__)
IMPORT, STREAM = "import", "stream"
# How a table was loaded, as the result reports it.
IMPORTED, STREAMED = "imported", "streamed"
# Files in parallel. Each has a chunk in memory, not the whole file.
_THREADS = 16
# Small tables in parallel: Cassandra opens and syncs the files of each, which is mostly waiting.
_LOADS = 4
# A result is stored in ZooKeeper.
_LISTED = 400


def restore_load(context: JobContext) -> Mapping[str, Any]:
    """Fetch the sources' files and load them: by taking them over (`import`), or by streaming them to their owners.

    Files that an earlier attempt has loaded are skipped. Raises JobError, which names the object or the table.
    """
    request = read(context.launch.parameters)
    if request.mode not in (IMPORT, STREAM):
        raise JobError("parameters", f"mode must be import or stream, not {request.mode!r}", hopeless=True)
    staging = Staging(context.node.scratch, request.operation)
    staging.sweep()
    with open_repository(context, request) as repository:
        backup = repository.backup()
        selection = select_tables(backup, request)
        found = plan_batches(repository, request.sources, selection)
        keeper = Keeper(
            Prover(context.node.jolokia, context.check),
            Samples(context.node.scratch, request.operation),
            request.compare,
            backup,
            {new: old for old, new in selection.targets.items()},
        )
        streamed = _widened(context, backup, selection) if request.mode == IMPORT else frozenset[str]()
        run = _Run(context, request.mode, found, staging, keeper, streamed)
        try:
            run.go(repository)
        except Cancelled:
            run.tidy_up()
            raise
    staging.remove()
    tables = sorted(selection.targets.values())
    return {**run.result({str(table): "empty" for table in tables}), **_new_views(context, tables)}


def _new_views(context: JobContext, tables: Iterable[TableName]) -> Mapping[str, Any]:
    """Return the views that were made since the phase Schema: Cassandra builds them without rows that came meanwhile.

    What is made from now on is built from all rows of this load.
    """
    try:
        wait_for_agreement(context.node.jolokia, context.wait)
    except JobError as error:
        _LOG.warning("views of nodes that disagree on the schema may lack rows: %s", error)
    try:
        with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
            here = find_views(session, tables)
    except CQL_ERRORS as error:
        raise JobError("views", words(error)) from error
    known = set(map(str, context.launch.parameters.get("views") or ()))
    found = [view for view in here if str(view) not in known]
    if why := too_many(found):
        raise JobError("views", why, hopeless=True)
    return {"views": [str(view) for view in found]} if found else {}


def _widened(context: JobContext, backup: StoredBackup, selection: Selection) -> frozenset[str]:
    """Return the keyspaces whose files are streamed: they can have more replicas than in the backup."""
    with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
        try:
            here = live.replications(session)
        except CQL_ERRORS as error:
            raise JobError("schema", words(error)) from error
    return replicas.widened(replicas.replications(backup.schema), here, selection)


@dataclass
class _Run:
    context: JobContext
    mode: str
    batches: Sequence[Batch]
    staging: Staging
    keeper: Keeper
    streamed: frozenset[str]
    done: set[int] = field(default_factory=set)
    tables: dict[str, str] = field(default_factory=dict)
    importing: int = 0
    ids: Mapping[str, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    meter: Meter = field(init=False)
    loader: Loader = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(sum(batch.size for batch in self.batches), len({batch.target for batch in self.batches}))
        self.loader = Loader(self.context.node.jolokia, self._tick("loading"))
        before = self.context.load()
        if before.get("plan") == self._fingerprint:
            self.done = {*range(int(before["next"])), *map(int, before.get("done", ()))}
            self.tables = dict(before["tables"])
        self.meter.skip(sum(batch.size for batch in self.batches if batch.number in self.done))

    @cached_property
    def _last_batches(self) -> Mapping[TableName, int]:
        return {batch.target: batch.number for batch in self.batches}

    def go(self, repository: Repository) -> None:
        stopped = threading.Event()
        throttle = Throttle(lambda: float(self.context.tuning.get("throttle") or 0), stopped.wait)
        fetcher = Fetcher(repository, throttle.take, self.meter.add_fetched, stopped)
        pipeline = Pipeline(
            staging=self.staging.directory,
            threads=_THREADS,
            fetch=fetcher.fetch,
            check=self._tick("fetching"),
            stop=stopped.set,
            loads=_LOADS,
        )
        try:
            self.ids = self._ids({batch.target for batch in self.batches})
            self.keeper.begin(self._fingerprint)
            pipeline.run([batch for batch in self.batches if batch.number not in self.done], self._load)
            self._tell("complete")
        except FetchError as error:
            raise JobError("fetch", str(error), error.hopeless) from error
        except LoadError as error:
            raise JobError("load", str(error)) from error
        except OSError as error:
            raise JobError("staging", str(error)) from error

    def _tick(self, doing: str) -> Callable[[], None]:
        def tick() -> None:
            self.context.check()
            self._tell(doing)

        return tick

    def _tell(self, doing: str) -> None:
        limit = self.context.tuning.get("throttle")
        self.context.tell(self.meter.progress(doing, {} if limit is None else {"throttle": limit}))

    def _load(self, batch: Batch, directory: Path) -> None:
        self._tell(f"loading {batch.target}")
        self.keeper.keep(batch, directory)
        how = self._loaded(batch, directory)
        with self.lock:
            self.done.add(batch.number)
            self.tables[str(batch.target)] = how
            self.meter.add_loaded(batch.size)
            self.meter.tables(sum(last in self.done for last in self._last_batches.values()))
            self._save()

    def _loaded(self, batch: Batch, directory: Path) -> str:
        """Load a batch and return how; one whose table was dropped meanwhile holds up no other."""
        try:
            imports = self.mode == IMPORT and batch.target.key_space not in self.streamed
            how = self._take_over(batch, directory) if imports else self._stream(batch, directory)
        except LoadError:
            # The files of a table do not fit another one of its name.
            if self._is_there(batch.target) and not self._is_another(batch.target):
                raise
            return chosen.DROPPED
        # Cassandra sends no files of a table that does not exist, and reports no error.
        return how if how == IMPORTED or self._is_there(batch.target) else chosen.DROPPED

    def _is_there(self, table: TableName) -> bool:
        try:
            return chosen.is_there(self.context.node.jolokia, str(table))
        except JolokiaError as error:
            raise LoadError(f"{table}: {cause(str(error))}") from error

    def _is_another(self, table: TableName) -> bool:
        """Return whether the table was dropped and created again since this attempt began."""
        before = self.ids.get(str(table))
        return before is not None and self._ids([table]).get(str(table), before) != before

    def _ids(self, tables: Iterable[TableName]) -> Mapping[str, str]:
        try:
            return chosen.table_ids(self.context.node.jolokia, map(str, tables))
        except JolokiaError as error:
            raise LoadError(f"the ids of tables are not known: {cause(str(error))}") from error

    def _save(self) -> None:
        """Save the progress: batches before `next` are loaded, and of those behind it the ones in `done`."""
        following = next((number for number in range(len(self.batches)) if number not in self.done), len(self.batches))
        beyond = sorted(number for number in self.done if number > following)
        self.context.save({"plan": self._fingerprint, "next": following, "done": beyond, "tables": self.tables})

    def _take_over(self, batch: Batch, directory: Path) -> str:
        with self.lock:
            self.importing += 1
        taken = self.loader.take_over(batch.target.key_space, batch.target.table, directory)
        with self.lock:
            self.importing -= 1
        # Cassandra refuses if the tokens are the same but not the replicas: other racks, or another replication.
        return IMPORTED if taken else self._stream(batch, directory)

    def _stream(self, batch: Batch, directory: Path) -> str:
        self.loader.stream(directory, lambda sent: self._tell(f"streaming {batch.target}"))
        return STREAMED

    def tidy_up(self) -> None:
        """Remove files after a cancellation, unless Cassandra is taking some over; the next restore sweeps those."""
        self.keeper.samples.give_up()
        if not self.importing:
            self.staging.remove()

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256(self.mode.encode())
        for batch in self.batches:
            digest.update(f"{batch.number} {batch.source} {batch.target} {batch.size} {len(batch.pieces)}\n".encode())
        return digest.hexdigest()

    def result(self, tables: dict[str, str]) -> Mapping[str, Any]:
        pieces = [piece for batch in self.batches for piece in batch.pieces]
        return {
            **summary({**tables, **self.tables}),
            "objects": len(pieces),
            "bytes": sum(piece.size for piece in pieces),
            "sstables": sum(batch.sstables for batch in self.batches),
        }


def summary(tables: Mapping[str, str]) -> Mapping[str, Any]:
    """Return how each table was loaded, for very many of them by keyspace, and a message about those that are gone."""
    dropped = [name for name, how in tables.items() if how == chosen.DROPPED]
    words = chosen.dropped_sentence(dropped, anything_left=len(dropped) < len(tables))
    listed = tables if len(tables) <= _LISTED else _by_key_space(tables)
    return {"tables": listed, **({"message": words} if words else {})}


def _by_key_space(tables: Mapping[str, str]) -> dict[str, str]:
    counts: dict[str, dict[str, int]] = {}
    for name, how in tables.items():
        own = counts.setdefault(name.partition(".")[0], {})
        own[how] = own.get(how, 0) + 1
    return {
        f"{key_space}.*": ", ".join(f"{number} {how}" for how, number in sorted(own.items()))
        for key_space, own in sorted(counts.items())
    }
