"""The job `restore-schema`: creates what the selected tables need and the cluster lacks, from the backup's own DDL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.cluster import Session

from executor.cql import ddl, tokenizer
from executor.cql.ddl import Element
from executor.cql.names import TableName
from executor.cql.session import CQL_ERRORS, words
from executor.cql.tokenizer import CqlError
from executor.jmx.jolokia import Jolokia, JolokiaError
from executor.jobs import cql
from executor.jobs.agreement import wait_for_agreement
from executor.jobs.context import JobContext, JobError
from executor.protocol import JobProgress
from executor.restore.problems import sentence
from executor.restore.proof.verdict import DIFFERENT, fit
from executor.restore.request import read
from executor.restore.roles import apply
from executor.restore.schema import counters, drop_history, live
from executor.restore.schema.plan import Plan, conflicts, omitted_views, plan_schema, renamed_elements
from executor.restore.schema.selection import Selection
from executor.restore.source.chosen import select_tables
from executor.restore.source.repository import open_repository
from executor.restore.source.stored import StoredBackup
from executor.restore.views import find_views, load_agent, too_many, why_not
from executor.sentences import list_first

# A result is stored in ZooKeeper: bytes of JSON for each list.
_ROOM = 8_000
_PLURALS = {
    ddl.KEY_SPACE: "keyspaces", ddl.TYPE: "types", ddl.FUNCTION: "functions", ddl.AGGREGATE: "aggregates",
    ddl.TABLE: "tables", ddl.INDEX: "indexes", ddl.VIEW: "views", ddl.TRIGGER: "triggers",
}  # fmt: skip


def restore_schema(context: JobContext) -> Mapping[str, Any]:
    """Create missing elements, keep existing ones, and wait until all nodes agree. Raises JobError."""
    request = read(context.launch.parameters)
    with open_repository(context, request) as repository:
        backup = repository.backup()
        selection = select_tables(backup, request)
        roles = repository.roles() if selection.roles else None
    created = [str(name) for name in context.load().get("created", ())]
    with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
        plan = _plan(session, backup, selection, frozenset(created))
        for index, element in enumerate(plan.create):
            context.check()
            _tell(context, index, len(plan.create), str(element))
            _create_once(context, session, element, created)
        wait_for_agreement(context.node.jolokia, context.wait)
        _refuse_pasts(session, backup.schema, selection)
        views = restored_views(context.node.jolokia, session, selection)
    given = {} if roles is None else apply.restore(context, roles)
    refused = str(given.get("refused", ""))
    changed = changed_sentence(plan)
    kept = [str(element) for element in plan.keep if str(element) not in created]
    return {
        "created": _listed(created),
        "kept": _listed(kept),
        "views": [str(view) for view in views],
        "left_out": _listed(omitted_views(backup.schema, selection)),
        "message": "; ".join(filter(None, (created_sentence(created), changed, refused))),
        **({"verdict": DIFFERENT} if changed or refused else {}),
        **({} if roles is None else {"roles": _fit(given["roles"]), "other_roles": _listed(given["other_roles"])}),
    }


def restored_views(jolokia: Jolokia, session: Session, selection: Selection) -> list[TableName]:
    """Return the restored tables' views, which our agent rebuilds after the load. Raises JobError."""
    try:
        found = find_views(session, selection.targets.values())
        if found:
            load_agent(jolokia)
    except CQL_ERRORS as error:
        raise JobError("views", words(error)) from error
    except JolokiaError as error:
        raise JobError("views", why_not(error)) from error
    if why := too_many(found):
        raise JobError("views", why, hopeless=True)
    return found


def created_sentence(created: Sequence[str]) -> str:
    """Return a sentence with the numbers of what was created. A column that a table has lost is a part of the table."""
    counts = Counter(kind for kind in (name.partition(" ")[0] for name in created) if kind != ddl.COLUMNS)
    made = ", ".join(f"{number} {_PLURALS.get(kind, kind) if number != 1 else kind}" for kind, number in counts.items())
    return f"made: {made}" if made else "the schema was there already"


def changed_sentence(plan: Plan) -> str:
    """Return a sentence about what exists and is not as in the backup; empty if there is nothing."""
    if not plan.changed:
        return ""
    named = list_first(map(str, plan.changed))
    verb, them = ("are", "them") if len(plan.changed) > 1 else ("is", "it")
    return f"{named} {verb} not as in the backup: a restore changes nothing that exists; drop {them} first"


def _plan(session: Session, backup: StoredBackup, selection: Selection, created: frozenset[str]) -> Plan:
    stored = backup.schema
    try:
        existing = live.existing(session, selection.all_targets())
        if problems := conflicts(stored, selection, existing):
            raise JobError("schema", "; ".join(problems), hopeless=True)
        counted = counters.counter_tables(renamed_elements(stored, selection))
        ids = {name: counters.restored_id(own, name, backup.taken_at) for name, own in counted.items()}
        return plan_schema(stored, selection, existing, created, ids)
    except (CqlError, *CQL_ERRORS) as error:
        raise JobError("schema", words(error)) from error


def _refuse_pasts(session: Session, stored: Sequence[Element], selection: Selection) -> None:
    """Raise JobError if a table has other drop times than in the backup: nothing is loaded into it then.

    A column can be dropped after the check. And if the executor that made a table ended before it dropped the backup's
    columns there, only that node knows that the restore made it.
    """
    try:
        problems = drop_history.problems(
            renamed_elements(stored, selection), live.existing(session, selection.all_targets()).elements
        )
    except (CqlError, *CQL_ERRORS) as error:
        raise JobError("schema", words(error)) from error
    if problems:
        raise JobError("schema", sentence(problems), hopeless=True)


def _create_once(context: JobContext, session: Session, element: Element, created: list[str]) -> None:
    """Create an element and note that this restore did: then its table gets the backup's dropped columns.

    An executor that is killed right after the statement must not take it for a table that was here before, so the note
    comes first.
    """
    before = list(created)
    if str(element) not in created:
        created.append(str(element))
    context.save({**context.load(), "created": created})
    try:
        _create(session, element)
    except JobError:
        context.save({**context.load(), "created": before})
        raise


def _create(session: Session, element: Element) -> None:
    try:
        session.execute(tokenizer.if_not_exists(element.text))
    except InvalidRequest as error:
        raise JobError("schema", f"{element}: {words(error)}", hopeless=True) from error
    except CQL_ERRORS as error:
        raise JobError("schema", f"{element}: {words(error)}") from error


def _tell(context: JobContext, done: int, total: int, element: str) -> None:
    context.tell(JobProgress(doing=f"creating {element}", percent=100.0 * done / total))


def _fit(found: Mapping[str, str]) -> Mapping[str, str]:
    return fit(found, found, _ROOM)


def _listed(names: Sequence[str]) -> list[str]:
    kept = list(_fit(dict.fromkeys(names, "")))
    more = len(names) - len(kept)
    return [*kept, f"and {more} more"] if more else kept
