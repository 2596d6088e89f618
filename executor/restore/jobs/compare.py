"""The job `restore-compare`: compares the restored tables with the backup.

A difference, or a table that cannot be read, is a result and no error. The nodes have compared rows before
(restore-digest); this job combines their findings with the numbers of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from executor.cql import row_count
from executor.cql.names import TableName
from executor.cql.session import CQL_ERRORS, words
from executor.cql.tokenizer import CqlError
from executor.jobs import cql
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.restore.problems import Problem
from executor.restore.proof import verdict
from executor.restore.proof.derived import Comparer, Derived
from executor.restore.proof.verdict import Finding, Rows, Sampled, Table
from executor.restore.request import FULL, NOTHING, SAMPLE, Request, read
from executor.restore.schema import drop_history, live, plan
from executor.restore.schema.selection import Selection
from executor.restore.source.chosen import select_tables
from executor.restore.source.repository import open_repository
from executor.restore.source.stored import StoredBackup

# A result is stored in ZooKeeper; tables with differences come first.
_COMPARISON_ROOM, _COUNTS_ROOM = 30_000, 12_000
_WHY = 200
# A node can have just come back, or a replica just gone.
_ATTEMPTS = 3
_AGAIN_SECONDS = 5.0


def restore_compare(context: JobContext) -> Mapping[str, Any]:
    """Count each restored table that the backup counted, and judge all tables.

    `tables` has the numbers of rows, `comparison` each table's state and reason, `verdict` and `message` the whole.
    """
    request = read(context.launch.parameters)
    with open_repository(context, request) as repository:
        backup, counted_at = repository.backup(), repository.counted_at()
    selection = select_tables(backup, request)
    targets = {new: old for old, new in sorted(selection.targets.items())}
    rows = {} if request.compare == NOTHING else _Counts(context, backup, targets).all()
    derived = _derived(context, backup, selection) if request.compare in (SAMPLE, FULL) else {}
    sampled = _sampled(context.launch.parameters, targets)
    found = {}
    for new in targets:
        own, counted = derived.get(new, Derived()), rows.get(new, Rows())
        if counted_at is not None:
            counted = replace(counted, after=max(0.0, counted_at - backup.taken_at[1]))
        table = Table(
            counted, sampled.get(new), tuple(own.different), tuple(own.remarks), backup.is_in_one_batch(targets[new]),
            empty=backup.table_bytes.get(targets[new], 0) == 0,
        )  # fmt: skip
        found[str(new)] = verdict.judge(request.compare, table)
    result = _result(request, found, {str(new): counted for new, counted in rows.items()})
    return {**result, "moments": _moments(backup, counted_at)}


def _moments(backup: StoredBackup, counted_at: float | None) -> Mapping[str, float | None]:
    """Return the moments of the compared values: rows are counted later than the snapshots."""
    return {"first_snapshot": backup.taken_at[0], "last_snapshot": backup.taken_at[1], "rows_counted": counted_at}


def _derived(context: JobContext, backup: StoredBackup, selection: Selection) -> Mapping[TableName, Derived]:
    """Compare the tables with their views and indexes, and the drop times of their columns with the backup's."""
    targets = sorted(selection.targets.values())
    found: dict[TableName, Derived] = {}
    try:
        with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_QUORUM) as session:
            comparer = Comparer(session, context.launch.operation, context.wait)
            for table in targets:
                context.check()
                found[table] = comparer.compare(table)
            for problem in _pasts(session, backup, selection):
                key_space, _, table_name = problem.where.removeprefix("table ").partition(".")
                if (own := found.get(TableName(key_space, table_name))) is not None:
                    own.different.append(problem.why)
    except JobError as error:
        remark = f"its views, indexes and dropped columns were not compared: {error}"
        for table in targets:
            found.setdefault(table, Derived()).remarks.append(remark)
    return found


def _pasts(session: Session, backup: StoredBackup, selection: Selection) -> Sequence[Problem]:
    """Return columns whose drop times differ from the backup's; the check refused those from before the restore."""
    try:
        return drop_history.problems(
            plan.renamed_elements(backup.schema, selection), live.existing(session, selection.all_targets()).elements
        )
    except (CqlError, *CQL_ERRORS) as error:
        raise JobError("columns", words(error)) from error


def _sampled(parameters: Mapping[str, Any], targets: Iterable[TableName]) -> Mapping[TableName, Sampled]:
    """Return the nodes' findings by table, with the nodes that have not compared what they loaded."""
    silent = tuple(f"the rows that {name} kept of it are gone" for name in parameters.get("silent") or ())
    found = {}
    for table in targets:
        own = verdict.parse_sampled((parameters.get("samples") or {}).get(str(table)))
        if own is not None or silent:
            own = own or Sampled()
            found[table] = replace(own, missed=(*own.missed, *silent))
    return found


def _result(request: Request, found: Mapping[str, Finding], rows: Mapping[str, Rows]) -> Mapping[str, Any]:
    order = verdict.by_state(found)
    counted = {name: {"backup": rows[name].backup, "now": rows[name].now} for name in order if _is_counted(rows, name)}
    uncountable = {
        name.partition(".")[0] if one.alike else name: one.why[:_WHY] for name, one in rows.items() if one.why
    }
    states = {name: {"state": one.state, "why": one.why[:_WHY]} for name, one in found.items()}
    return {
        "verdict": verdict.overall(found),
        "message": verdict.message(request.compare, {name: found[name] for name in order}),
        "comparison": verdict.fit(states, order, _COMPARISON_ROOM),
        "tables": verdict.fit(counted, counted, _COUNTS_ROOM),
        "equal": verdict.count_state(found.values(), verdict.EQUAL),
        "different": verdict.count_state(found.values(), verdict.DIFFERENT),
        "not_compared": verdict.count_state(found.values(), verdict.NOT_COMPARED),
        "not_counted": len(found) - len(counted),
        "uncountable": verdict.fit(uncountable, uncountable, _COUNTS_ROOM),
    }  # fmt: skip


def _is_counted(rows: Mapping[str, Rows], name: str) -> bool:
    return name in rows and rows[name].counted


class _Counts:
    """The rows of all tables that the backup counted; all attempts together count each table once."""

    def __init__(self, context: JobContext, backup: StoredBackup, targets: Mapping[TableName, TableName]) -> None:
        self._context = context
        self._backup = backup
        self._wanted = {new: old for new, old in targets.items() if old in backup.rows}
        self._found: dict[str, int] = dict(context.load().get("now", {}))

    def all(self) -> dict[TableName, Rows]:
        """Return the rows by the tables' names here, or the reason why a table cannot be counted."""
        rows: dict[TableName, Rows] = {}
        try:
            with self._session() as session:
                for index, (new, old) in enumerate(self._wanted.items()):
                    self._context.check()
                    self._context.tell(_progress(index, len(self._wanted), str(new)))
                    rows[new] = self._count(session, new, old)
        except JobError as error:
            # Without a login no table can be counted, but the nodes' findings are still reported.
            return {new: rows.get(new, Rows(self._backup.rows[old], why=str(error)))
                    for new, old in self._wanted.items()}  # fmt: skip
        return rows

    @contextmanager
    def _session(self) -> Iterator[Session]:
        node, secrets = self._context.node, self._context.secrets()
        with cql.connect(node, secrets, ConsistencyLevel.LOCAL_QUORUM) as session:
            yield session

    def _count(self, session: Session, new: TableName, old: TableName) -> Rows:
        before = self._backup.rows[old]
        if str(new) in self._found:
            return Rows(before, self._found[str(new)])
        size = self._backup.table_bytes.get(old, 0)
        table = row_count.Table(new, size, int(size / max(1, before)))
        for attempt in range(_ATTEMPTS):
            try:
                now = row_count.count(session, table, self._context.check)
            except CQL_ERRORS as error:
                if attempt + 1 < _ATTEMPTS and row_count.is_passing(session, error):
                    self._context.wait(_AGAIN_SECONDS)
                    continue
                alike = row_count.too_few_nodes(session, error) is not None
                return Rows(before, why=row_count.why_not(session, error), alike=alike)
            self._found[str(new)] = now
            self._context.save({"now": self._found})
            return Rows(before, now)
        raise AssertionError("every attempt ends in one of the above")


def _progress(done: int, total: int, table: str) -> JobProgress:
    return JobProgress(
        doing=f"counting {table}", done={"tables": done}, total={"tables": total}, percent=100.0 * done / total
    )
