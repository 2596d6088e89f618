"""The job `repair` on a real ring of three: every difference is mended, and nothing ends that is not its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from executor.jmx.jolokia import STORAGE_SERVICE
from executor.jobs.context import Cancelled, JobError
from executor.protocol import JobProgress
from executor.repair.job import repair
from executor.repair.ledger import Ledger
from executor.repair.plan import KeySpace, segments
from executor.repair.replicas import Replicas
from executor.repair.sessions import Sessions
from executor.repair.survey import Survey
from executor.repair.tokens import SPACES
from tests.feature.cassandra_ring import LAUNCH, Ring, RingNode, add_node, running_ring
from tests.feature.job_context import LocalContext, Running, launch
from tests.waiting import wait_for

pytestmark = pytest.mark.cassandra

ADDRESSES = ("127.0.43.51", "127.0.43.52", "127.0.43.53")
NEW_ADDRESS = "127.0.43.54"
REPAIR_SERVICE = "org.apache.cassandra.db:type=RepairService"
MURMUR3 = SPACES["org.apache.cassandra.dht.Murmur3Partitioner"]
# Small enough that the tables of these tests are cut into many segments.
MANY_SEGMENTS = 0.05


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ring]:
    # A node is to answer by itself what it can; of files streamed whole, Cassandra tells no progress.
    usual = replace(LAUNCH, options={"dynamic_snitch": False, "stream_entire_sstables": False})
    with running_ring(tmp_path_factory.mktemp("ring"), ADDRESSES, usual) as ring:
        yield ring


@pytest.fixture
def key_space(ring: Ring, request: pytest.FixtureRequest) -> Iterator[str]:
    """A keyspace with three replicas, dropped at the end."""
    name = re.sub(r"\W+", "_", request.node.name.removeprefix("test_"))[-48:].strip("_")
    with ring.nodes[0].cql() as session:
        _create(session, name, 3)
        yield name
        session.execute(f"DROP KEYSPACE {name}")


def _create(session: Session, name: str, replicas: int) -> None:
    session.execute(
        f"CREATE KEYSPACE {name} WITH replication = {{'class': 'NetworkTopologyStrategy', 'dc1': {replicas}}}"
    )


def _table(session: Session, name: str, rows: int, size: int, first: int = 0) -> None:
    """A table that does not mend itself, with random values."""
    session.execute(
        f"CREATE TABLE IF NOT EXISTS {name} (id int PRIMARY KEY, value blob)"
        " WITH compression = {'enabled': false} AND read_repair = 'NONE'"
    )
    _write(session, name, rows, size, first)


def _write(session: Session, name: str, rows: int, size: int, first: int = 0) -> None:
    statement = session.prepare(f"INSERT INTO {name} (id, value) VALUES (?, ?)")
    values = [(index, os.urandom(size)) for index in range(first, first + rows)]
    outcomes = execute_concurrent_with_args(session, statement, values, concurrency=8)
    assert all(outcome.success for outcome in outcomes)


def _flush(node: RingNode, key_space: str) -> None:
    node.jolokia.execute(
        STORAGE_SERVICE, "forceKeyspaceFlush(java.lang.String,[Ljava.lang.String;)", [key_space, []], 60
    )


def _lose(ring: Ring, key_space: str, *tables: str) -> None:
    """Node 2 loses all SSTables of these tables."""
    node = ring.nodes[2]
    _flush(node, key_space)
    node.stop()
    for table in tables:
        [directory] = (node.data / key_space).glob(f"{table}-*")
        shutil.rmtree(directory)
    node.start()
    ring.wait_all_up()


@contextmanager
def _alone(ring: Ring, node: RingNode) -> Iterator[Session]:
    """A session to a node while all others stand still, so that what it answers at ONE is its own."""
    with node.cql(ConsistencyLevel.ONE) as session:
        others = [other.cassandra.pid for other in ring.nodes if other is not node and other.cassandra]
        try:
            for pid in others:
                os.kill(pid, signal.SIGSTOP)
            yield session
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)


def _context(node: RingNode, operation: str, **parameters: Any) -> LocalContext:
    return LocalContext(launch("repair", node.launch.node, operation, **parameters), node.facts())


def _run(node: RingNode, operation: str, **parameters: Any) -> Mapping[str, Any]:
    return Running(repair, _context(node, operation, **parameters)).join(180)


def _ids(session: Session, table: str) -> set[int]:
    return {row.id for row in session.execute(f"SELECT id FROM {table}")}


def _repairs(session: Session, table: str) -> list[Any]:
    rows = session.execute("SELECT keyspace_name, columnfamily_names, finished_at, exception_message"
                           " FROM system_distributed.parent_repair_history")  # fmt: skip
    key_space, name = table.split(".")
    return [row for row in rows if row.keyspace_name == key_space and name in row.columnfamily_names]


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
def test_a_difference_is_mended(ring: Ring, key_space: str, incremental: bool) -> None:
    table = f"{key_space}.lost"
    with ring.nodes[0].cql(ConsistencyLevel.ALL) as session:
        _table(session, table, 400, 100)
    _lose(ring, key_space, "lost")
    with _alone(ring, ring.nodes[2]) as session:
        assert _ids(session, table) == set()

    for node in ring.nodes:
        result = _run(node, key_space, key_spaces=[key_space], incremental=incremental, parallelism="parallel")
        assert result["tables"] == {table: "done"}
        # Three replicas of three: all of a node's 16 ranges have the same ones, and one of them may be in two parts.
        assert result["segments"] == 1
        assert result["ranges"] in (16, 17)
        assert "not_asked" not in result
    with _alone(ring, ring.nodes[2]) as session:
        assert _ids(session, table) == set(range(400))


def test_a_stopped_run_goes_on_where_it_was(ring: Ring, key_space: str) -> None:
    table = f"{key_space}.stopped"
    node = ring.nodes[0]
    with node.cql(ConsistencyLevel.ALL) as session:
        _table(session, table, 400, 2000)
    for each in ring.nodes:
        _flush(each, key_space)
    parameters: dict[str, Any] = {"key_spaces": [key_space], "segment_mb": MANY_SEGMENTS, "primary_range": False}
    first = _context(node, "stopped", **parameters)

    def stop_after_three(progress: JobProgress) -> None:
        if progress.done["segments"] == 3:
            first.cancel()

    first.on_tell = stop_after_three
    with pytest.raises(Cancelled):
        Running(repair, first).join(60)
    begun = first.told[-1]
    planned = begun.total["segments"]
    assert planned > 10

    second = _context(node, "stopped", **parameters)
    result = Running(repair, second).join(120)
    *working, last = [progress for progress in second.told if progress.doing != "planning"]
    assert working[0].done == {"segments": 3, "ranges": begun.done["ranges"]}
    assert working[0].percent is not None
    assert 0 < working[0].percent < 100
    assert len(working) == planned - 3
    assert [progress.done["segments"] for progress in working] == list(range(3, int(planned)))
    assert result["segments"] == planned
    assert last.percent == 100
    assert last.done == last.total
    with node.cql() as session:
        done = [row for row in _repairs(session, table) if row.finished_at and not row.exception_message]
    assert len(done) in (planned, planned + 1)  # the one that was running may have been quicker than the stop


@pytest.fixture
def slow_streams(ring: Ring) -> Iterator[Callable[[], None]]:
    """A node streams at most 1 MB a second, until the test calls this."""

    def limit(megabits: int) -> None:
        for node in ring.nodes:
            node.set(STORAGE_SERVICE, "StreamThroughputMbitPerSec", megabits)

    limit(8)
    yield lambda: limit(200)
    limit(200)


def _differ(ring: Ring, key_space: str, megabytes: int, *tables: str) -> None:
    """Node 2 has nothing of these tables, which the others have."""
    with ring.nodes[0].cql(ConsistencyLevel.ALL) as session:
        for table in tables:
            _table(session, f"{key_space}.{table}", megabytes * 50, 20_000)
    _lose(ring, key_space, *tables)


@pytest.mark.parametrize("incremental", [False, True], ids=["full", "incremental"])
def test_cancelling_ends_our_own_repair_alone(
    ring: Ring, key_space: str, slow_streams: Callable[[], None], incremental: bool
) -> None:
    """T13. Both repairs are full and of the same table, which Cassandra itself cannot tell apart."""
    _differ(ring, key_space, 12, "ours", "theirs")
    node = ring.nodes[0]
    with Sessions(node.jolokia) as sessions:
        table = "theirs" if incremental else "ours"
        options = {"columnFamilies": table, "parallelism": "parallel", "incremental": str(incremental).lower()}
        theirs = sessions.start(key_space, options)
        parameters = {"key_spaces": [key_space], "column_families": ["ours"], "parallelism": "parallel"}
        ours = Running(repair, _context(node, "cancelled", incremental=incremental, **parameters))
        wait_for("both stream", lambda: _sessions(node) == 2 and sessions.status(theirs)[0] == "IN_PROGRESS")
        ours.context.cancel()
        with pytest.raises(Cancelled):
            ours.join(20)
        assert sessions.status(theirs)[0] == "IN_PROGRESS"
        assert sessions.status(theirs + 1)[0] == "FAILED"
        assert "the repair was cancelled" in sessions.status(theirs + 1)[1]
        slow_streams()
        wait_for("theirs to end", lambda: sessions.status(theirs)[0] != "IN_PROGRESS", 120)
        assert sessions.status(theirs)[0] == "COMPLETED"


def _sessions(node: RingNode) -> int:
    found: int = node.jolokia.execute("org.apache.cassandra.db:type=RepairService", "parentRepairSessionsCount", [], 30)
    return found


def test_a_segment_that_makes_progress_outlives_the_clock(
    ring: Ring, key_space: str, slow_streams: Callable[[], None]
) -> None:
    """T14."""
    _differ(ring, key_space, 16, "slow")
    context = _context(ring.nodes[0], "slow", key_spaces=[key_space], stall_seconds=3, primary_range=False)
    result = Running(repair, context).join(180)
    assert result["seconds"] > 10
    assert result["tables"] == {f"{key_space}.slow": "done"}
    assert not [progress for progress in context.told if progress.waiting]


def test_a_segment_without_progress_is_cancelled_and_tried_again(ring: Ring, key_space: str) -> None:
    with ring.nodes[0].cql(ConsistencyLevel.ALL) as session:
        _table(session, f"{key_space}.stuck", 10, 10)
    node, other = ring.nodes[0], ring.nodes[1]
    assert other.cassandra is not None
    told = threading.Event()
    context = _context(node, "stuck", key_spaces=[key_space], stall_seconds=3, parallelism="parallel")
    context.on_tell = lambda progress: told.set() if "no progress" in progress.waiting else None
    os.kill(other.cassandra.pid, signal.SIGSTOP)
    try:
        job = Running(repair, context)
        wait_for("the stall is seen", told.is_set, 60)
    finally:
        os.kill(other.cassandra.pid, signal.SIGCONT)
    assert job.join(120)["tables"] == {f"{key_space}.stuck": "done"}
    with node.cql() as session:
        failed = [row for row in _repairs(session, f"{key_space}.stuck") if row.exception_message]
    assert "Did not get replies from all endpoints" in failed[0].exception_message
    ring.wait_all_up()


def test_a_repair_that_hangs_on_what_was_dropped_is_ended(ring: Ring, key_space: str) -> None:
    """Long before it would count as stalled; the table beside it in the same segment is repaired."""
    node, other = ring.nodes[0], ring.nodes[1]
    assert other.cassandra is not None
    with node.cql(ConsistencyLevel.ALL) as session:
        for name in ("goes", "stays"):
            session.execute(f"CREATE TABLE {key_space}.{name} (id int PRIMARY KEY)")
    began = threading.Event()
    context = _context(node, "hangs", key_spaces=[key_space], parallelism="parallel", primary_range=False)
    context.on_tell = lambda progress: began.set() if "ranges of" in progress.doing else None
    os.kill(other.cassandra.pid, signal.SIGSTOP)
    try:
        job = Running(repair, context)
        wait_for("the repair has begun", lambda: began.is_set() and _sessions(node) > 0, 60)
        with node.cql() as session:
            session.execute(f"DROP TABLE {key_space}.goes")
            wait_for("it is ended", lambda: _sessions(node) == 0, 60)
    finally:
        os.kill(other.cassandra.pid, signal.SIGCONT)
    assert job.join(120)["tables"] == {f"{key_space}.goes": _DROPPED, f"{key_space}.stays": "done"}
    ring.wait_all_up()


def test_a_replica_that_is_down_holds_up_only_what_needs_it(ring: Ring) -> None:
    """T16."""
    node, down = ring.nodes[0], ring.nodes[2]
    with node.cql() as session:
        _create(session, "pairs", 2)
        _table(session, "pairs.t", 0, 0)
        waiting = threading.Event()
        context = _context(node, "pairs", key_spaces=["pairs"])
        context.on_tell = lambda progress: waiting.set() if progress.waiting else None
        down.stop()
        job = Running(repair, context)
        try:
            wait_for("it waits", waiting.is_set)
            last = context.told[-1]
            assert last.waiting == f"{down.address} is down"
            assert 0 < last.done["ranges"] < last.total["ranges"]
        finally:
            down.start()
        result = job.join(60)
        assert result["ranges"] == last.total["ranges"]
        assert result["segments"] == 2
        session.execute("DROP KEYSPACE pairs")
    ring.wait_all_up()


def test_waits_while_a_replica_has_pending_compactions(ring: Ring, key_space: str) -> None:
    busy = ring.nodes[1]
    with ring.nodes[0].cql(ConsistencyLevel.ALL) as session:
        for table in ("first", "second"):
            _table(session, f"{key_space}.{table}", 0, 0)
    busy.set(STORAGE_SERVICE, "ConcurrentCompactors", 1)
    busy.set(STORAGE_SERVICE, "CompactionThroughputMbPerSec", 1)
    try:
        with ring.nodes[0].cql(ConsistencyLevel.ALL) as session:
            for table in ("first", "second"):
                for index in range(4):
                    _write(session, f"{key_space}.{table}", 100, 20_000, index * 100)
                    _flush(busy, key_space)
        waiting = threading.Event()
        context = _context(ring.nodes[0], "busy", key_spaces=[key_space], pending_compactions=0)
        context.on_tell = lambda progress: waiting.set() if progress.waiting else None
        job = Running(repair, context)
        wait_for("it waits", waiting.is_set)
        # At least that of the first table; on a slow machine those of Cassandra's own tables wait as well.
        words = rf"{re.escape(busy.address)} has [1-9]\d* pending compactions, more than 0"
        assert re.fullmatch(words, context.told[-1].waiting)
        busy.set(STORAGE_SERVICE, "CompactionThroughputMbPerSec", 0)
        assert job.join(60)["segments"] == 1
    finally:
        busy.set(STORAGE_SERVICE, "CompactionThroughputMbPerSec", 64)
        busy.set(STORAGE_SERVICE, "ConcurrentCompactors", 2)


def test_a_replica_that_refuses_is_waited_for(ring: Ring, key_space: str) -> None:
    with ring.nodes[0].cql() as session:
        _table(session, f"{key_space}.t", 0, 0)
    refusing, waiting = ring.nodes[1], threading.Event()
    refusing.set(REPAIR_SERVICE, "RepairPendingCompactionRejectThreshold", -1)
    try:
        context = _context(ring.nodes[0], "refused", key_spaces=[key_space])
        context.on_tell = lambda progress: waiting.set() if progress.waiting else None
        job = Running(repair, context)
        wait_for("it waits", waiting.is_set)
        assert "negative replies" in context.told[-1].waiting
    finally:
        refusing.set(REPAIR_SERVICE, "RepairPendingCompactionRejectThreshold", 2**31 - 1)
    assert job.join(60)["segments"] == 1


def test_a_failed_session_is_never_a_success(ring: Ring, key_space: str) -> None:
    with ring.nodes[0].cql(ConsistencyLevel.ALL) as session:
        for table in ("whole", "broken"):
            _table(session, f"{key_space}.{table}", 50, 10_000)
    for node in ring.nodes:
        _flush(node, key_space)
    [data] = (ring.nodes[1].data / key_space).glob("broken-*/*-Data.db")
    with data.open("r+b") as file:
        file.seek(20_000)
        file.write(os.urandom(100_000))
    context = _context(ring.nodes[0], "broken", key_spaces=[key_space], segment_mb=0.3, primary_range=False)
    with pytest.raises(JobError, match=f"Validation failed in /{ADDRESSES[1]}:7000") as raised:
        Running(repair, context).join(180)
    assert not raised.value.hopeless
    done = Ledger.load(context.load()["done"])
    replicas = tuple(f"{address}:7000" for address in ADDRESSES)
    tokens = {
        table: sum(interval.width for interval in done.repaired_intervals(key_space, table, replicas))
        for table in ("whole", "broken")
    }  # fmt: skip
    assert tokens["broken"] < tokens["whole"] == MURMUR3.width


_DROPPED = "skipped: it was dropped meanwhile"


@pytest.mark.parametrize(
    "parameters", [{"key_spaces": ["nope"]}, {"column_families": ["nope"]}, {"column_families": ["system_auth.nope"]}]
)
def test_all_that_was_named_was_dropped_before(ring: Ring, parameters: dict[str, Any]) -> None:
    result = _run(ring.nodes[0], "unknown", **parameters)
    ((_, names),) = parameters.items()
    assert result["tables"] == {names[0]: _DROPPED}
    assert result["message"] == "nothing was done: all of it was dropped meanwhile"


def test_what_is_dropped_during_the_repair_is_skipped(ring: Ring, key_space: str) -> None:
    """A table, and a keyspace, while others are repaired; and a table that comes back is another one."""
    gone = f"{key_space[:40]}_gone"
    with ring.nodes[0].cql(ConsistencyLevel.ALL) as session:
        _create(session, gone, 3)
        for name in (f"{gone}.t", f"{key_space}.a", f"{key_space}.b", f"{key_space}.c"):
            _table(session, name, 50, 100)
        # Tables without files are one segment together, which leaves no time in between.
        for node in ring.nodes:
            _flush(node, gone)
            _flush(node, key_space)
        context = _context(ring.nodes[0], key_space, key_spaces=[gone, key_space], segment_mb=0.0005)
        dropped = threading.Event()

        def drop(progress: JobProgress) -> None:
            if progress.done.get("segments", 0) >= 2 and not dropped.is_set():
                dropped.set()
                session.execute(f"DROP KEYSPACE {gone}")
                session.execute(f"DROP TABLE {key_space}.b")
                session.execute(f"DROP TABLE {key_space}.c")
                session.execute(f"CREATE TABLE {key_space}.c (id int PRIMARY KEY)")

        context.on_tell = drop
        result = Running(repair, context).join(180)
    assert dropped.is_set()
    assert result["tables"] == {
        gone: _DROPPED,
        f"{gone}.t": _DROPPED,
        f"{key_space}.a": "done",
        f"{key_space}.b": _DROPPED,
        f"{key_space}.c": "done",
    }
    assert result["message"].startswith("done, but ")
    assert f"{gone}.t" in result["message"]
    assert f"{key_space}.b" in result["message"]


def test_a_node_that_joins_meanwhile(ring: Ring, key_space: str) -> None:
    """T15: what the new node touches is planned anew, the rest stays done, and in the end everything is repaired."""
    table = "grown"
    with ring.nodes[0].cql(ConsistencyLevel.ALL) as session:
        _table(session, f"{key_space}.{table}", 400, 2000)
    for node in ring.nodes:
        _flush(node, key_space)
    half, grown = threading.Event(), threading.Event()
    context = _context(
        ring.nodes[0], "grown", key_spaces=[key_space], segment_mb=MANY_SEGMENTS, primary_range=False
    )  # fmt: skip

    def hold_at_half(progress: JobProgress) -> None:
        if progress.percent and progress.percent > 50 and not half.is_set():
            half.set()
            assert grown.wait(300)

    context.on_tell = hold_at_half
    job = Running(repair, context)
    new = add_node(ring, NEW_ADDRESS)
    try:
        wait_for("half of it is done", half.is_set, 60)
        planned = context.told[-1].total["segments"]
        new.start()
        # A job that ends while its node still counts the new one as joining has rightly nothing to plan anew.
        wait_for("node-0 counts the new node as a member", lambda: _is_member(ring.nodes[0], new.address), 60)
        grown.set()
        result = job.join(240)
        assert result["segments"] > planned
        survey = Survey(ring.nodes[0].jolokia)
        now = survey.key_space(key_space, [table], MURMUR3, survey.state().own, primary=False)
        assert isinstance(now, KeySpace)
        assert len({item.replicas for item in now.ranges}) > 1
        done = Ledger.load(context.load()["done"])
        assert segments(now, done, 1 << 40) == []
        kept = [item for item in now.ranges if f"{new.address}:7000" not in item.replicas]
        assert kept
    finally:
        grown.set()
        new.stop()


def _is_member(node: RingNode, address: str) -> bool:
    """Whether a node holds replicas at another, which it does once that has joined as far as it knows."""
    answer = node.jolokia.execute(STORAGE_SERVICE, "getRangeToEndpointWithPortMap", ["system_auth"], 30)
    return any(f"{address}:7000" in replicas for replicas in answer.values())


_LOGIN = {"cassandra_username": "cassandra", "cassandra_password": "cassandra"}


def test_a_node_alone_with_a_password(tmp_path: Path) -> None:
    """It has nothing to repair with anyone, and says so; and CQL with a login."""
    options = {"authenticator": "PasswordAuthenticator", "authorizer": "CassandraAuthorizer"}
    with running_ring(tmp_path, ["127.0.43.11"], replace(LAUNCH, options=options)) as single:
        node = single.nodes[0]
        result = _run(node, "alone")
        assert result["segments"] == result["ranges"] == 0
        assert set(result["tables"].values()) == {"skipped: one replica, nothing to compare it with"}
        assert "system_auth.roles" in result["tables"]
        wait_for("the first user exists", lambda: _pending(node, {**_LOGIN}) is not None, 60)
        with pytest.raises(JobError, match="login: CQL on") as refused:
            _repair_as(node, {**_LOGIN, "cassandra_password": "wrong"})
        assert refused.value.hopeless
        assert "message" not in _repair_as(node, _LOGIN)
        others = Replicas(node.launch.ports.native_transport)
        others.pending_compactions(f"{node.address}:7000")
        assert others.silent_sentence().endswith(
            "Cassandra requires a login; add cassandra_username and cassandra_password"
        )
        with node.cql(login=("cassandra", "cassandra")) as session:
            session.execute("CREATE ROLE plain WITH PASSWORD = 'plain' AND LOGIN = true")
        with pytest.raises(JobError, match="GRANT SELECT ON KEYSPACE system_views") as unfit:
            _repair_as(node, {"cassandra_username": "plain", "cassandra_password": "plain"})
        assert unfit.value.hopeless
        assert _pending(node, {}) is None
        assert _pending(node, {**_LOGIN, "cassandra_password": "wrong"}) is None


def _repair_as(node: RingNode, secrets: dict[str, str]) -> Mapping[str, Any]:
    context = _context(node, f"as-{len(secrets['cassandra_password'])}")
    context.given_secrets = secrets
    return Running(repair, context).join(60)


def _pending(node: RingNode, secrets: dict[str, str]) -> int | None:
    return Replicas(node.launch.ports.native_transport, secrets).pending_compactions(f"{node.address}:7000")
