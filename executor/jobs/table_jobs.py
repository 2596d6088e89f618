"""Jobs that run one operation on each table, one table after another: cleanup, upgradesstables, compact and others.

The checkpoint has the finished tables, so that another attempt continues with the next one. Node-local keyspaces are
left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, JolokiaError, NotReachableError
from executor.jobs import chosen
from executor.jobs.blocking import LONGEST_SECONDS, call_watched
from executor.jobs.context import Job, JobContext, JobError
from executor.number_text import whole_within
from executor.protocol import JobProgress

_COMPACTION_MANAGER = "org.apache.cassandra.db:type=CompactionManager"
_COMPACTIONS = Attribute(_COMPACTION_MANAGER, "Compactions")
_SECONDS = 15.0
_STRINGS = "[Ljava.lang.String;"


@dataclass(frozen=True)
class Work:
    """One operation of Cassandra. `arguments` are those before the list of tables; `types` its kinds of compaction.

    With `damaged`, only tables whose SSTables do not verify are processed. Without `counts`, Cassandra returns nothing.
    """

    operation: str
    arguments: Callable[[str], list[Any]]
    types: tuple[str, ...] = ()
    damaged: bool = False
    counts: bool = True


WORKS: Mapping[str, Work] = {
    # 0 jobs: as many in parallel as Cassandra has compactors.
    "cleanup": Work(f"forceKeyspaceCleanup(int,java.lang.String,{_STRINGS})", lambda name: [0, name], ("Cleanup",)),
    "upgradesstables": Work(
        f"upgradeSSTables(java.lang.String,boolean,int,{_STRINGS})", lambda name: [name, True, 0], ("Upgrade sstables",)
    ),
    "compact": Work(
        f"forceKeyspaceCompaction(boolean,java.lang.String,{_STRINGS})",
        lambda name: [False, name],
        ("Compaction", "Major compaction"),
        counts=False,
    ),
    # A snapshot first, nothing corrupt skipped, data checked. The fourth, reinsertOverflowedTTL, must be true: without
    # it Cassandra 5.0.8 treats every row with a TTL in an SSTable of format nb as overflowed, and drops it. It also
    # treats every partition with a range tombstone as unreadable: so tables that verify are skipped.
    "scrub": Work(
        f"scrub(boolean,boolean,boolean,boolean,int,java.lang.String,{_STRINGS})",
        lambda name: [False, False, True, True, 0, name],
        ("Scrub", "Verify"),
        damaged=True,
    ),
    "garbagecollect": Work(
        f"garbageCollect(java.lang.String,int,java.lang.String,{_STRINGS})",
        lambda name: ["ROW", 0, name],
        ("Remove deleted data",),
    ),
    "flush": Work(f"forceKeyspaceFlush(java.lang.String,{_STRINGS})", lambda name: [name], counts=False),
}
# Every row is read; the disk failure policy is not applied; repaired status and tokens are not checked.
_VERIFY = f"verify(boolean,boolean,boolean,boolean,boolean,boolean,java.lang.String,{_STRINGS})"
_STATUS = {1: "aborted", 2: "Cassandra could not stop the compactions of this table; try it again"}


def table_jobs() -> dict[str, Job]:
    """Return the jobs by name."""
    return {name: partial(_run, work) for name, work in WORKS.items()}


def _run(work: Work, context: JobContext) -> Mapping[str, Any]:
    run = _Run(work, context)
    try:
        run.all()
    except JolokiaError as error:
        raise JobError(context.launch.job, str(error)) from error
    return run.result()


class _Run:
    def __init__(self, work: Work, context: JobContext) -> None:
        self._work = work
        self._context = context
        saved = context.load()
        self._done: dict[str, str] = dict(saved.get("tables", {}))
        self._ids: dict[str, str] = dict(saved.get("ids", {}))
        self._began = time.monotonic()
        self._sizes: dict[str, int] = {}
        self._finished_here = 0

    def all(self) -> None:
        """Process every table; after all were tried, raise JobError with the failures."""
        try:
            wanted = self._wanted()
            self._sizes = self._measure(wanted)
            # What an earlier attempt did not finish is not done by now.
            self._done = {key: words for key, words in self._done.items() if words == "done" or key not in self._sizes}
        except JolokiaError as error:
            raise JobError("schema", str(error)) from error
        for key in wanted:
            self._context.check()
            if self._done.get(key) != "done":
                self._one(key)
        self._tell("", 0.0)
        failed = {key: words for key, words in self._done.items() if words.startswith("failed")}
        if failed:
            shown = "; ".join(f"{key} {words}" for key, words in list(failed.items())[:3])
            raise JobError(self._context.launch.job, f"{len(failed)} of {len(wanted)} tables: {shown}")

    def result(self) -> Mapping[str, Any]:
        """Return each table's outcome, and the number of tables by outcome."""
        counts = {"done": 0, "skipped": 0, "failed": 0}
        for words in self._done.values():
            counts[words.partition(":")[0]] += 1
        dropped = {key for key, words in self._done.items() if words == chosen.DROPPED}
        words = chosen.dropped_sentence(dropped, len(dropped) < len(self._done))
        return {"tables": self._done, **counts, **({"message": words} if words else {})}

    def _wanted(self) -> list[str]:
        """Return `<keyspace>.<table>` of all requested tables that exist, and note those that were dropped."""
        found = chosen.find_tables(self._context, chosen.Request.parse(self._context.launch.parameters))
        keys = [f"{name}.{table}" for name, tables in found.tables.items() for table in tables]
        ids = chosen.table_ids(self._context.node.jolokia, keys)
        # An earlier attempt processed a table that is gone, even if another table has its name now.
        again = {key for key in keys if key in self._ids and key in ids and self._ids[key] != ids[key]}
        self._ids = ids
        kept = {key: words for key, words in self._done.items() if key not in again}
        failed_once = {key for key, words in kept.items() if words.startswith("failed") and key not in keys}
        self._done = kept | dict.fromkeys([*found.gone, *sorted(failed_once)], chosen.DROPPED)
        return keys

    def _one(self, key: str) -> None:
        key_space, _, table = key.partition(".")
        self._tell(key, 0.0)
        try:
            if self._work.damaged and self._is_sound(key_space, table):
                self._note(key, "skipped: its SSTables are sound")
                return
            status = self._execute(self._work.operation, [*self._work.arguments(key_space), [table]], key)
        except NotReachableError:
            raise
        except JolokiaError as error:
            self._note(key, self._why(key, str(error)))
        else:
            problem = _problem(status) if self._work.counts else ""
            self._note(key, f"failed: {problem}" if problem else "done")

    def _is_sound(self, key_space: str, table: str) -> bool:
        arguments = [True, False, False, False, False, False, key_space, [table]]
        try:
            return bool(self._execute(_VERIFY, arguments, f"{key_space}.{table}") == 0)
        except NotReachableError:
            raise
        except JolokiaError:
            return False

    def _execute(self, operation: str, arguments: list[Any], key: str) -> Any:
        jolokia = self._context.node.jolokia
        execute = partial(jolokia.execute, STORAGE_SERVICE, operation, arguments, LONGEST_SECONDS)
        stop = partial(self._stop_compactions, key) if self._work.types else None
        return call_watched(execute, partial(self._watch, key), stop)

    def _why(self, key: str, words: str) -> str:
        try:
            gone = not chosen.is_there(self._context.node.jolokia, key)
        except JolokiaError:
            gone = False
        return chosen.DROPPED if gone else f"failed: {words}"

    def _note(self, key: str, words: str) -> None:
        self._done[key] = words
        self._finished_here += self._sizes[key] + 1
        self._context.save({"tables": self._done, "ids": self._ids})

    # Watching.

    def _watch(self, key: str) -> None:
        self._context.check()
        found = self._compactions(key)
        total = sum(_number(item.get("total")) for item in found)
        done = sum(_number(item.get("completed")) for item in found)
        # Cassandra counts more than it expected where its estimate was too small.
        self._tell(key, min(1.0, done / total) if total else 0.0)

    def _compactions(self, key: str) -> list[Mapping[str, Any]]:
        """Return this table's compactions of this job's kinds; none while they cannot be read."""
        try:
            listed = self._context.node.jolokia.read([_COMPACTIONS], _SECONDS).get(_COMPACTIONS)
        except JolokiaError:
            return []
        return [
            item
            for item in (listed if isinstance(listed, list) else ())
            if isinstance(item, dict)
            and f"{item.get('keyspace')}.{item.get('columnfamily')}" == key
            and item.get("taskType") in self._work.types
        ]

    def _stop_compactions(self, key: str) -> None:
        """Stop the compactions of this table and these kinds alone: others do not belong to this job."""
        for item in self._compactions(key):
            with suppress(JolokiaError):
                arguments = [str(item.get("compactionId"))]
                self._context.node.jolokia.execute(_COMPACTION_MANAGER, "stopCompactionById", arguments, _SECONDS)

    def _measure(self, keys: list[str]) -> dict[str, int]:
        """Return the bytes of each table on disk; 0 for one that is gone."""
        attributes = {key: _size_of(key) for key in keys}
        found = self._context.node.jolokia.read(list(attributes.values()), _SECONDS) if keys else {}
        return {key: _number(found.get(attribute)) for key, attribute in attributes.items()}

    def _tell(self, key: str, part: float) -> None:
        # One byte more each, so that tables without data count too.
        total = sum(self._sizes.values()) + len(self._sizes)
        here = part * self._sizes.get(key, 0)
        done = sum(self._sizes[name] + 1 for name in self._done if name in self._sizes) + here
        spent = time.monotonic() - self._began
        rate = (self._finished_here + here) / spent if spent > 1 else None
        self._context.tell(
            JobProgress(
                doing=key,
                done={"tables": len(self._done.keys() & self._sizes.keys()), "bytes": int(done)},
                total={"tables": len(self._sizes), "bytes": total},
                percent=round(100 * done / total, 1) if total else 100.0,
                rate=rate,
                seconds_left=round((total - done) / rate, 1) if rate else None,
            )
        )


def _problem(status: Any) -> str:
    """Return what the status of an operation means; empty for success."""
    known = {0: "", **_STATUS}
    return known[status] if type(status) is int and status in known else f"Cassandra reports {status!r} as its status"


def _number(value: Any) -> int:
    """Return a number of bytes that Cassandra reports, some of them as text; 0 for anything else."""
    return whole_within(str(value), 0) or 0


def _size_of(key: str) -> Attribute:
    key_space, _, table = key.partition(".")
    name = f"org.apache.cassandra.metrics:type=Table,keyspace={key_space},scope={table},name=LiveDiskSpaceUsed"
    return Attribute(name, "Count")
