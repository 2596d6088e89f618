"""The question `restore-plan`: what a restore would find and do. It makes the check's queries, and changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from executor.cql.ddl import COLUMNS, INDEX, VIEW, Element
from executor.cql.names import TableName
from executor.jmx.jolokia import Jolokia, JolokiaError
from executor.jobs.context import JobError, NodeFacts
from executor.protocol import JobLaunch, JobProgress
from executor.restore import findings
from executor.restore.findings import NodeFindings, SchemaFindings
from executor.restore.problems import Problem
from executor.restore.request import Request, read
from executor.restore.schema import live, plan
from executor.restore.schema.selection import Selection
from executor.restore.source.batches import Batch
from executor.restore.source.chosen import select_tables
from executor.restore.source.repository import open_repository
from executor.restore.source.stored import StoredBackup

_ASK_SECONDS = 15.0


@dataclass(frozen=True)
class _Asking:
    """A question as a JobContext: without progress and without checkpoints."""

    node: NodeFacts
    content: Mapping[str, Any]
    tuning: Mapping[str, Any] = field(default_factory=dict)

    @property
    def launch(self) -> JobLaunch:
        """Return a launch with the question's parameters, without secrets."""
        return JobLaunch("restore-plan", "", self.node.name, "", {**self.content, "secrets": {}})

    def tell(self, progress: JobProgress) -> None:
        """Ignore the progress."""

    def check(self) -> None:
        """Do nothing: a question cannot be cancelled."""

    def wait(self, seconds: float) -> None:
        """Wait for a number of seconds."""
        time.sleep(seconds)

    def secrets(self) -> Mapping[str, str]:
        """Return the question's secrets."""
        return {str(name): str(value) for name, value in (self.content.get("secrets") or {}).items()}

    def load(self) -> Mapping[str, Any]:
        """Return an empty checkpoint."""
        return {}

    def save(self, checkpoint: Mapping[str, Any]) -> None:
        """Ignore the checkpoint."""


def plan_restore(node: NodeFacts, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return all findings of the check on this node, and what the restore would do."""
    context = _Asking(node, content)
    try:
        request = read(context.launch.parameters)
        with open_repository(context, request) as repository:
            backup = repository.backup()
            selection = select_tables(backup, request)
            found = _found_or_error(lambda: findings.check_schema(context, backup, selection))
            own = _found_or_error(lambda: findings.check_node(context, repository, request, backup, selection))
    except JobError as error:
        return _answer(node, [error])
    if isinstance(found, JobError) or isinstance(own, JobError):
        return _answer(node, [found, own])
    return {
        **_answer(node, [found, own]),
        "untried": found.untried,
        **_of_schema(backup, selection, found),
        **_of_node(node, request, found, own),
    }


Found = TypeVar("Found")


def _found_or_error(check: Callable[[], Found]) -> Found | JobError:
    """Return the findings of a step of the check, or its error."""
    try:
        return check()
    except JobError as error:
        return error


def _answer(node: NodeFacts, steps: Iterable[SchemaFindings | NodeFindings | JobError]) -> dict[str, Any]:
    problems: list[Problem] = []
    for step in steps:
        if isinstance(step, JobError):
            problems.append(Problem(step.step, node.name, str(step).removeprefix(f"{step.step}: ")))
        else:
            problems += step.problems
    return {"problems": [problem.document() for problem in problems]}


def _of_schema(backup: StoredBackup, selection: Selection, found: SchemaFindings) -> Mapping[str, Any]:
    wanted = [element for element in plan.renamed_elements(backup.schema, selection) if element.kind in (INDEX, VIEW)]
    return {
        "creates": [_named(element) for element in found.plan.create if element.kind != COLUMNS],
        "builds": [_named(element) for element in wanted],
        "targets": {str(old): str(new) for old, new in sorted(selection.targets.items())},
        "rows": {str(new): backup.rows.get(old) for old, new in selection.targets.items()},
        "left_out": _left_out(backup, selection),
        "changed": [_named(element) for element in found.plan.changed],
        "views_left_out": plan.omitted_views(backup.schema, selection),
    }


def _named(element: Element) -> Mapping[str, str]:
    name = f"{element.key_space}.{element.name}" if element.name else element.key_space
    return {"kind": element.kind, "name": name}


def _left_out(backup: StoredBackup, selection: Selection) -> list[str]:
    tables = {TableName(key_space, table) for key_space, names in backup.tables.items() for table in names}
    return [str(table) for table in sorted(tables - selection.targets.keys())]


def _of_node(node: NodeFacts, request: Request, found: SchemaFindings, own: NodeFindings) -> Mapping[str, Any]:
    return {
        "same_as": own.same_as,
        "free_bytes": own.free_bytes,
        "sources": {
            source: _bytes(batch for batch in own.batches if batch.source == source) for source in request.share
        },
        "stored": {
            source: sum(piece.stored_size for batch in own.batches if batch.source == source for piece in batch.pieces)
            for source in request.share
        },
        "streamed": sorted(own.streamed),
        "tables": _tables(own.batches),
        "living": _living(node.jolokia, sorted(found.living)),
    }


def _bytes(batches: Iterable[Batch]) -> int:
    return sum(batch.size for batch in batches)


def _tables(batches: Iterable[Batch]) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for batch in batches:
        own = found.setdefault(str(batch.target), {"bytes": 0, "sstables": 0})
        own["bytes"] += batch.size
        own["sstables"] += batch.sstables
    return found


def _living(jolokia: Jolokia, tables: Iterable[TableName]) -> Mapping[str, bool | None]:
    """Return whether each of these tables has data on this node; None if that cannot be read."""
    wanted = tuple(tables)
    try:
        found = live.have_data(jolokia, wanted, _ASK_SECONDS)
    except JolokiaError:
        found = dict.fromkeys(wanted)
    return {str(table): has_data for table, has_data in found.items()}
