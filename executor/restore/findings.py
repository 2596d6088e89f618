"""The findings about a restore before any change: the check refuses on them, the dry run shows them."""

from __future__ import annotations

from dataclasses import dataclass

from cassandra import ConsistencyLevel
from cassandra.cluster import Session

from executor.cql.ddl import TABLE
from executor.cql.names import TableName
from executor.cql.session import CQL_ERRORS, words
from executor.cql.tokenizer import CqlError
from executor.jmx.java_agent import NoAgentError
from executor.jmx.jolokia import JolokiaError
from executor.jobs import cql
from executor.jobs.context import JobContext, JobError
from executor.key_spaces import ROLES_KEY_SPACE
from executor.protocol import JobProgress
from executor.restore import checking
from executor.restore.loading.loader import Loader, LoadError
from executor.restore.problems import Problem
from executor.restore.request import FULL, Request
from executor.restore.roles import apply
from executor.restore.schema import counters, drop_history, live, replicas, trial
from executor.restore.schema.plan import Existing, Plan, conflicts, plan_schema, renamed_elements
from executor.restore.schema.replicas import Spread
from executor.restore.schema.selection import Selection
from executor.restore.source.batches import Batch, Piece
from executor.restore.source.chosen import plan_batches
from executor.restore.source.stored import Repository, StoredBackup
from executor.restore.views import find_views, load_agent, too_many, why_not

# The check's step for each kind of problem.
VERSION, DIFFERENT, OBJECTS, SPACE = "version", "table", "objects", "space"
VIEWS, ROLES = "views", "roles"
_STEPS = {OBJECTS: "objects", SPACE: "space", VIEWS: "views", ROLES: "roles", counters.KIND: "counters"}


@dataclass(frozen=True)
class SchemaFindings:
    """The findings about the schema. `living` are the targets that exist; `untried`: see `trial.Trial`."""

    problems: tuple[Problem, ...]
    plan: Plan
    living: frozenset[TableName]
    untried: str


@dataclass(frozen=True)
class NodeFindings:
    """The findings of one node about its share. `same_as` is the backup's node whose files it can take over, if any.

    `streamed` are the keyspaces whose files are streamed even then.
    """

    problems: tuple[Problem, ...]
    same_as: str | None
    batches: tuple[Batch, ...]
    free_bytes: int
    streamed: frozenset[str]


def step(problem: Problem) -> str:
    """Return the check's step that a problem fails."""
    return _STEPS.get(problem.kind, "schema")


def check_schema(context: JobContext, backup: StoredBackup, selection: Selection) -> SchemaFindings:
    """Check versions, tables and drop times, and try to create what is missing. Raises JobError."""
    secrets = context.secrets()
    with cql.connect(context.node, secrets, ConsistencyLevel.LOCAL_ONE) as session:
        try:
            here = live.existing(session, selection.all_targets())
            found = _standing(session, backup, selection, here)
            plan = plan_schema(backup.schema, selection, here)
            role = secrets.get("cassandra_username", "")
            tried = trial.attempt(context.node.jolokia, session, role, plan.create)
        except (CqlError, *CQL_ERRORS) as error:
            raise JobError("schema", words(error)) from error
    lives = {TableName(element.key_space, element.name) for element in here.elements if element.kind == TABLE}
    living = frozenset(lives.intersection(selection.targets.values()))
    more = [problem for problem in tried.problems if not any(known.covers(problem) for known in found)]
    return SchemaFindings((*found, *more), plan, living, tried.untried)


def _standing(session: Session, backup: StoredBackup, selection: Selection, here: Existing) -> list[Problem]:
    """Return the problems with existing elements."""
    misfits = checking.misfits(backup, *live.version_and_partitioner(session))
    found = [Problem(VERSION, "", why) for why in misfits]
    found += [_of_place(DIFFERENT, words) for words in conflicts(backup.schema, selection, here)]
    return found + drop_history.problems(renamed_elements(backup.schema, selection), here.elements)


def _of_place(kind: str, words: str) -> Problem:
    """Return the problem for a sentence that begins with its place and a colon."""
    where, _, why = words.partition(": ")
    return Problem(kind, where, why) if why else Problem(kind, "", words)


def check_node(
    context: JobContext, repository: Repository, request: Request, backup: StoredBackup, selection: Selection
) -> NodeFindings:
    """Check objects and space, and whether views and roles can be restored. Raises JobError."""
    same = _same_as(context, backup)
    problems, batches = _objects(context, repository, request, selection)
    problems += [*_views(context, backup, selection), *_roles(context, repository, request, selection)]
    problems += _counters(context, backup, selection)
    imported = None if same is None else plan_batches(repository, [same], selection)
    free = checking.free_bytes(context.node.scratch)
    before, here = _spreads(context, backup)
    widened = replicas.widened(before.replications, here.replications, selection)
    arriving = replicas.arriving_bytes(before, here, selection, backup.table_bytes)
    streamed = widened if imported is not None else frozenset(arriving)
    wanted = batches if imported is None else imported
    if words := checking.lacks_space(
        [batch for batch in wanted if batch.target.key_space not in streamed],
        [batch for batch in wanted if batch.target.key_space in streamed],
        sum(size for key_space, size in arriving.items() if key_space in streamed),
        free,
        request.compare == FULL,
    ):
        help_ = f"free space, or restore some tables at a time: {checking.largest(wanted)}"
        problems.append(Problem(SPACE, context.node.name, words, help_))
    return NodeFindings(tuple(problems), same, batches, free, widened)


def _spreads(context: JobContext, backup: StoredBackup) -> tuple[Spread, Spread]:
    """Return where the rows of keyspaces are: in the backup, and in the cluster. Raises JobError."""
    try:
        with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
            here = Spread(live.replications(session), live.members(session))
    except CQL_ERRORS as error:
        raise JobError(SPACE, words(error)) from error
    return Spread(replicas.replications(backup.schema), len(backup.tokens)), here


def _views(context: JobContext, backup: StoredBackup, selection: Selection) -> list[Problem]:
    """Return a problem if a restored table has a view and our agent, which builds it, cannot be loaded.

    There is one too if there are very many views.
    """
    try:
        with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
            here = find_views(session, selection.targets.values())
    except CQL_ERRORS as error:
        raise JobError("views", words(error)) from error
    views = sorted({*here, *(view for view, table in backup.views.items() if table in selection.targets)})
    if not views:
        return []
    try:
        load_agent(context.node.jolokia)
    except NoAgentError as error:
        return [Problem(VIEWS, str(views[0]), why_not(error))]
    except JolokiaError as error:
        raise JobError("views", str(error)) from error
    why = too_many(views)
    return [Problem(VIEWS, "", why)] if why else []


def _counters(context: JobContext, backup: StoredBackup, selection: Selection) -> list[Problem]:
    """Return the problems with counters on this node: only where it has data can its parts of counters be newer."""
    try:
        stored = counters.counter_tables(renamed_elements(backup.schema, selection))
        if not stored:
            return []
        with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
            here = live.live_tables(session, context.node.jolokia, stored, backup.taken_at[0])
    except (CqlError, *CQL_ERRORS) as error:
        raise JobError("counters", words(error)) from error
    return counters.problems(stored, here, backup.taken_at)


def _roles(
    context: JobContext, repository: Repository, request: Request, selection: Selection
) -> list[Problem]:  # fmt: skip
    if not selection.roles:
        return []
    own = context.secrets().get("cassandra_username")
    with cql.connect(context.node, context.secrets(), ConsistencyLevel.LOCAL_ONE) as session:
        try:
            found = apply.problem(session, request.backup_name, repository.roles(), own)
        except CQL_ERRORS as error:
            raise JobError("roles", words(error)) from error
    return [] if found is None else [Problem(ROLES, ROLES_KEY_SPACE, found)]


def _same_as(context: JobContext, backup: StoredBackup) -> str | None:
    same = checking.same_as(backup, live.tokens(context.node.jolokia))
    try:
        able = same is not None and Loader(context.node.jolokia, context.check).can_import()
    except LoadError as error:
        raise JobError("import", str(error)) from error
    return same if able else None


def _objects(
    context: JobContext, repository: Repository, request: Request, selection: Selection
) -> tuple[list[Problem], tuple[Batch, ...]]:
    problems, found = list[Problem](), list[Batch]()
    for index, node in enumerate(request.share):
        context.check()
        percent = 100.0 * index / len(request.share)
        context.tell(JobProgress(doing=f"checking the objects of {node}", percent=percent))
        own = plan_batches(repository, [node], selection)
        pieces: list[Piece] = [piece for batch in own for piece in batch.pieces]
        if words := checking.missing(pieces, repository.sizes(piece.key for piece in pieces)):
            problems.append(Problem(OBJECTS, node, words))
        found += own
    return problems, tuple(found)
