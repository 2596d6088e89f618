"""Maintenance jobs on a real Cassandra, under the executor and a real agent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from executor.jmx.jolokia import Attribute, Jolokia
from executor.protocol import Answer, encode_launch
from tests.feature import executor_agent
from tests.feature.cassandra_ring import RingNode
from tests.feature.executor_agent import running_node
from tests.feature.node_jobs import NodeJobs
from tests.waiting import wait_for

pytestmark = pytest.mark.cassandra

ADDRESS = "127.0.42.1"
# So slow that a job can be watched and stopped.
LAUNCH = replace(executor_agent.LAUNCH, options={"compaction_throughput": "1MiB/s"})
COMPACTION_MANAGER = "org.apache.cassandra.db:type=CompactionManager"
ONE = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
BY_HAND = "compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'false'}"


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeJobs]:
    """A node that serves, as task t1; the last tests kill it and start it again."""
    with running_node(tmp_path_factory.mktemp("jobs"), ADDRESS) as node:
        node.launch(LAUNCH, "t1")
        node.until("t1", 180.0, mode="NORMAL", native_transport_running=True)
        yield NodeJobs(node)


UNIFIED = "UnifiedCompactionStrategy"
USERS = {"authenticator": "PasswordAuthenticator", "authorizer": "CassandraAuthorizer"}
CIDR, NO_REFRESH = "CassandraCIDRAuthorizer", {"cidr_groups_cache_refresh_interval": "0"}
OFF_HEAP = {"memtable_allocation_type": "offheap_objects"}


@pytest.fixture
def session(jobs: NodeJobs) -> Iterator[Session]:
    with RingNode(LAUNCH, ADDRESS, Path()).cql() as session:
        yield session


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"options": {"concurrent_reads": 64, "auto_snapshot_ttl": "30d"}}, ""),
        ({"options": {"phi_convict_threshold": 4}}, "phi_convict_threshold must be between 5 and 16, but was 4"),
        ({"options": {"concurrent_reads": -5}}, "concurrent_reads must be at least 2, but was -5"),
        ({"options": {"concurrent_reads": 99999999999}}, 'For input string: "99999999999"'),
        ({"options": {"auto_snapshot_ttl": 30}}, "Invalid value of auto_snapshot_ttl: 30"),
        ({"options": {"sstable": {"selected_format": "xyz"}}}, "Selected sstable format 'xyz' is not available"),
        ({"options": {"hints_compression": [{"class_name": "NoCompressor"}]}}, "NoCompressor"),
        ({"options": {"commitlog_compression": [{"class_name": "NoCompressor"}]}}, "NoCompressor"),
        ({"options": {"default_compaction": {"class_name": "NoStrategy"}}}, "NoStrategy"),
        ({"options": {"default_compaction": {"class_name": UNIFIED, "parameters": {"scaling_parameters": "Q"}}}}, "Q"),
        ({"options": {"audit_logging_options": {"enabled": True, "logger": [{"class_name": "NoLog"}]}}}, "NoLog"),
        ({"options": {"audit_logging_options": {"enabled": True, "roll_cycle": "NEVER"}}}, "RollCycles.NEVER"),
        ({"options": {"audit_logging_options": {"enabled": True, "max_log_size": -1}}}, "must be at least 1"),
        ({"options": {"audit_logging_options": {"enabled": True}, "row_cache_size": "16MiB"}}, ""),
        ({"options": {"row_cache_class_name": "NoCache", "row_cache_size": "16MiB"}}, "NoCache"),
        ({"options": {"crypto_provider": [{"class_name": "NoProvider"}]}}, "NoProvider"),
        ({"options": {"authenticator": "NoAuthenticator"}}, "Unable to find class NoAuthenticator"),
        ({"options": USERS | {"roles_update_interval": "0ms"}}, "the caches of users: duration must be positive"),
        ({"options": USERS | {"cidr_authorizer": {"class_name": CIDR, "parameters": NO_REFRESH}}}, "refresh_interval"),
        ({"options": USERS}, ""),
        ({"options": {"index_summary_resize_interval": "0m"}}, "the summaries of indexes"),
        ({"options": {"denylist_refresh": "0s"}}, "reads and writes: duration must be positive"),
        ({"options": {"startup_checks": {"check_filesystem_ownership": {"enabled": True}}}}, "FS ownership"),
        ({"options": {"max_mutation_size": "1KiB"}}, "Rejected an oversized mutation"),
        ({"options": OFF_HEAP | {"memtable_offheap_space": "0MiB"}}, "waits without end at the system tables"),
        ({"options": {"periodic_commitlog_sync_lag_block": "0ms"}}, ""),
        ({"options": {"commitlog_sync": "group", "commitlog_sync_group_window": "15s"}}, ""),
        ({"options": OFF_HEAP | {"num_tokens": 1, "memtable_offheap_space": "1MiB", "cdc_enabled": True}}, ""),
        ({"options": {"native_transport_max_requests_per_second": -1}}, "permits/second must be positive"),
        ({"jvm_options": ("-XX:NoSuchOption=1",)}, "Unrecognized VM option 'NoSuchOption=1'"),
        ({"jvm_options": ("-Dcom.sun.management.jmxremote.port=1", "-Xms64G", "-XX:+AlwaysPreTouch")}, ""),
        ({"jvm_options": ("-Dcassandra.size_recorder_interval=x",)}, "size_recorder_interval must be a number"),
        ({"jvm_options": ("-Xmx1Q",)}, "Invalid maximum heap size: -Xmx1Q"),
    ],
    ids=str,
)
def test_settings_are_tried_by_cassandras_own_classes(jobs: NodeJobs, changes: dict[str, Any], words: str) -> None:
    scratch = jobs.node.agent.sandbox() / "volume" / "maintenance"
    launch = encode_launch(replace(LAUNCH, **changes))

    def answered() -> Answer | None:
        # It gives way to all other work, of which a slow machine has enough to let it get nowhere.
        answer = jobs.ask("settings", launch=launch)
        return None if answer.problem.startswith("the check of the settings took more than") else answer

    answer = wait_for("a check that had time", answered, 120.0)
    assert answer.problem == ""
    refused = answer.content["refused"]
    assert (words in refused) if words else refused == ""
    assert str(scratch) not in refused
    assert list(scratch.glob("settings-*")) == []


def _table(session: Session, key_space: str, table: str) -> None:
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS {key_space} {ONE}")
    session.execute(f"CREATE TABLE {key_space}.{table} (id int PRIMARY KEY, value blob) WITH {BY_HAND}")


def _write(session: Session, name: str, rows: range, size: int = 100) -> None:
    statement = session.prepare(f"INSERT INTO {name} (id, value) VALUES (?, ?)")
    chance = random.Random(rows.start)
    values = [(row, chance.randbytes(size)) for row in rows]
    execute_concurrent_with_args(session, statement, values, concurrency=32)


def _torn_table(jobs: NodeJobs, session: Session, key_space: str) -> Path:
    """Tables `rows` and `sound` on disk, with a block of `rows` overwritten; that one's file."""
    for table in ("rows", "sound"):
        _table(session, key_space, table)
        _write(session, f"{key_space}.{table}", range(500), 1000)
    jobs.run("flush", key_spaces=[key_space])
    (path,) = jobs.data_files(key_space, "rows")
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(64))
    return path


def _count(session: Session, name: str) -> int:
    return int(session.execute(f"SELECT count(*) FROM {name}").one()[0])


def _compactions(jolokia: Jolokia, table: str) -> int:
    found = jolokia.read([Attribute(COMPACTION_MANAGER, "Compactions")], 10.0)
    return sum(item["columnfamily"] == table for items in found.values() for item in items)


def test_flush_writes_what_is_in_memory(jobs: NodeJobs, session: Session) -> None:
    _table(session, "flushed", "users")
    _table(session, "flushed", "user")
    _write(session, "flushed.users", range(10))
    _write(session, "flushed.user", range(10))
    state, result = jobs.run("flush", key_spaces=["flushed"], column_families=["user"])
    assert (state, result.error) == ("TASK_FINISHED", "")
    assert result.result == {"tables": {"flushed.user": "done"}, "done": 1, "skipped": 0, "failed": 0}
    assert len(jobs.data_files("flushed", "user")) == 1
    assert jobs.data_files("flushed", "users") == []
    assert (result.progress.percent, result.progress.done["tables"]) == (100.0, 1)


def test_compact_makes_one_sstable_of_three(jobs: NodeJobs, session: Session) -> None:
    _table(session, "compacted", "rows")
    for part in range(3):
        _write(session, "compacted.rows", range(part * 10, part * 10 + 10))
        jobs.run("flush", key_spaces=["compacted"])
    assert len(jobs.data_files("compacted", "rows")) == 3
    state, result = jobs.run("compact", key_spaces=["compacted"])
    assert (state, result.result["tables"]) == ("TASK_FINISHED", {"compacted.rows": "done"})
    wait_for("the three are gone", lambda: len(jobs.data_files("compacted", "rows")) == 1)
    assert _count(session, "compacted.rows") == 30


def test_garbagecollect_removes_what_was_deleted(jobs: NodeJobs, session: Session) -> None:
    _table(session, "garbage", "rows")
    _write(session, "garbage.rows", range(100), 1000)
    jobs.run("flush", key_spaces=["garbage"])
    for row in range(90):
        session.execute("DELETE FROM garbage.rows WHERE id = %s", (row,))
    jobs.run("flush", key_spaces=["garbage"])

    def size() -> int:
        return sum(path.stat().st_size for path in jobs.data_files("garbage", "rows"))

    assert size() > 90_000
    state, result = jobs.run("garbagecollect", key_spaces=["garbage"])
    assert (state, result.result["done"]) == ("TASK_FINISHED", 1)
    wait_for("the deleted rows are gone", lambda: size() < 30_000)
    assert _count(session, "garbage.rows") == 10


def test_scrub_leaves_alone_what_is_sound(jobs: NodeJobs, session: Session) -> None:
    for table in ("sound", "unproven"):
        _table(session, "scrubbed", table)
        _write(session, f"scrubbed.{table}", range(500), 1000)
    jobs.run("flush", key_spaces=["scrubbed"])
    sound, (unproven,) = jobs.data_files("scrubbed", "sound"), jobs.data_files("scrubbed", "unproven")
    digest = unproven.with_name(unproven.name.replace("Data.db", "Digest.crc32"))
    digest.write_text(str(int(digest.read_text()) ^ 1))
    state, result = jobs.run("scrub", key_spaces=["scrubbed"])
    assert state == "TASK_FINISHED", result
    assert result.result["tables"] == {
        "scrubbed.sound": "skipped: its SSTables are sound",
        "scrubbed.unproven": "done",
    }
    assert jobs.data_files("scrubbed", "sound") == sound
    wait_for("the SSTable is written again", lambda: unproven not in jobs.data_files("scrubbed", "unproven"))
    assert _count(session, "scrubbed.unproven") == 500


def test_scrub_loses_no_more_than_the_torn_block(jobs: NodeJobs, session: Session) -> None:
    torn = _torn_table(jobs, session, "torn")
    state, result = jobs.run("scrub", key_spaces=["torn"])
    assert state == "TASK_FINISHED", result
    assert result.result["tables"] == {"torn.rows": "done", "torn.sound": "skipped: its SSTables are sound"}
    wait_for("the torn SSTable is replaced", lambda: torn not in jobs.data_files("torn", "rows"))
    # A block has 16 KiB, a row 1 kB: at most 17 rows and a half are in it.
    assert 480 <= _count(session, "torn.rows") < 500
    assert list(torn.parent.glob("snapshots/pre-scrub-*/*-Data.db")), "what was there is kept"


def test_cleanup_of_everything_leaves_out_local_key_spaces(jobs: NodeJobs, session: Session) -> None:
    _table(session, "cleaned", "rows")
    _write(session, "cleaned.rows", range(50))
    jobs.run("flush", key_spaces=["cleaned"])
    state, result = jobs.run("cleanup")
    assert state == "TASK_FINISHED", result
    assert result.result["tables"]["cleaned.rows"] == "done"
    assert "system_auth.roles" in result.result["tables"]
    key_spaces = {name.partition(".")[0] for name in result.result["tables"]}
    assert not {"system", "system_schema", "system_views", "system_virtual_schema"} & key_spaces
    assert _count(session, "cleaned.rows") == 50


def test_local_key_spaces_are_left_out_also_when_they_are_named(jobs: NodeJobs) -> None:
    state, result = jobs.run("flush", key_spaces=["system", "system_auth"], column_families=["roles", "local"])
    assert (state, list(result.result["tables"])) == ("TASK_FINISHED", ["system_auth.roles"])


@pytest.mark.parametrize(
    ("parameters", "done"),
    [({"key_spaces": ["no_such"]}, []), ({"column_families": ["no_such", "roles"]}, ["system_auth.roles"])],
)
def test_what_was_dropped_before_the_job_is_skipped(
    jobs: NodeJobs, parameters: dict[str, list[str]], done: list[str]
) -> None:
    state, result = jobs.run("cleanup", **parameters)
    assert (state, result.error) == ("TASK_FINISHED", "")
    skipped = {"no_such": "skipped: it was dropped meanwhile"}
    assert result.result["tables"] == dict.fromkeys(done, "done") | skipped
    assert "dropped meanwhile" in result.result["message"]


def test_a_table_that_is_made_anew_between_two_attempts(jobs: NodeJobs, session: Session) -> None:
    """Its id is another one, though its name is not: what was done was done to the other."""
    _table(session, "attempts", "anew")
    path = _torn_table(jobs, session, "attempts2")
    state, _ = jobs.run("garbagecollect", operation="twice", key_spaces=["attempts", "attempts2"])
    assert state == "TASK_FAILED"
    assert path.exists()
    session.execute("DROP TABLE attempts.anew")
    session.execute("DROP KEYSPACE attempts2")
    _table(session, "attempts", "anew")
    state, result = jobs.run("garbagecollect", operation="twice", key_spaces=["attempts", "attempts2"])
    assert state == "TASK_FINISHED", result
    assert result.result["tables"]["attempts.anew"] == "done"
    assert result.result["tables"]["attempts2.rows"] == "skipped: it was dropped meanwhile"
    session.execute("DROP KEYSPACE attempts")


def test_a_failure_of_cassandras_is_told_in_its_words(jobs: NodeJobs, session: Session) -> None:
    _torn_table(jobs, session, "broken")
    state, result = jobs.run("garbagecollect", key_spaces=["broken"])
    assert state == "TASK_FAILED"
    assert "1 of 2 tables: broken.rows failed: " in result.error
    assert "Corrupt" in result.error
    assert (result.progress.done["tables"], result.hopeless) == (2, False)
    session.execute("DROP KEYSPACE broken")


def test_a_node_that_leaves_forgets_first_what_it_has_streamed_before(jobs: NodeJobs) -> None:
    state, result = jobs.run("decommission", force=True)
    assert (state, result.hopeless) == ("TASK_FAILED", False)
    assert "no other normal nodes in the ring" in result.error  # Cassandra's words come after ours


def test_the_schema_question(jobs: NodeJobs, session: Session) -> None:
    session.execute(f"CREATE KEYSPACE asked {ONE}")
    session.execute("CREATE TABLE asked.plain (id int PRIMARY KEY, name text)")
    session.execute("CREATE INDEX by_name ON asked.plain (name)")
    session.execute('CREATE TABLE asked."MixedCase" (id int PRIMARY KEY)')
    answer = jobs.ask("schema")
    assert (answer.node, answer.task_id, answer.problem) == ("node-0", "t1", "")
    found = answer.content["key_spaces"]
    assert found["asked"] == {"local": False, "tables": ["MixedCase", "plain"]}
    assert found["system"]["local"] is True
    assert "system_views" not in found


def test_an_unknown_question_is_answered(jobs: NodeJobs) -> None:
    answer = jobs.ask("weather", secrets={"s3_secret_key": "never to be logged"})
    assert (answer.kind, answer.problem) == ("failed", "this executor does not know the question weather")
    assert "never to be logged" not in jobs.node.stderr()


def test_a_job_that_is_meant_for_another_task_is_refused(jobs: NodeJobs) -> None:
    state, result = jobs.run("flush", node_task_id="t0")
    assert (state, result.error) == ("TASK_FAILED", "it belongs to t0, but t1 runs here")


def test_a_job_is_stopped_and_goes_on_with_the_next_table(jobs: NodeJobs, session: Session) -> None:
    for table, size in (("a_small", 100), ("b_large", 10_000), ("c_small", 100)):
        _table(session, "stopped", table)
        _write(session, f"stopped.{table}", range(800), size)
    jobs.run("flush", key_spaces=["stopped"])
    large = jobs.data_files("stopped", "b_large")
    task = jobs.start("compact", operation="stopped", key_spaces=["stopped"])
    jobs.until_percent(task, 5.0)
    assert _compactions(jobs.jolokia(), "b_large") == 1
    jobs.node.kill(task)
    state, result = jobs.end(task, 10.0)
    assert (state, result.error, result.progress.doing) == ("TASK_KILLED", "killed", "stopped.b_large")
    assert 5 < (result.progress.percent or 0) < 100
    wait_for("Cassandra has stopped compacting", lambda: _compactions(jobs.jolokia(), "b_large") == 0, 10.0)
    assert jobs.data_files("stopped", "b_large") == large
    assert _count(session, "stopped.b_large") == 800

    small = jobs.data_files("stopped", "a_small")
    state, result = jobs.run("compact", operation="stopped", key_spaces=["stopped"])
    assert (state, result.result["done"]) == ("TASK_FINISHED", 3)
    assert jobs.data_files("stopped", "a_small") == small, "what was done is not done again"
    wait_for("the large one is done", lambda: jobs.data_files("stopped", "b_large") != large)


def test_the_stop_of_a_job_stops_what_is_queued_in_cassandra_too(jobs: NodeJobs, session: Session) -> None:
    _table(session, "queued", "rows")
    for part in range(8):
        _write(session, "queued.rows", range(part * 300, part * 300 + 300), 10_000)
        jobs.run("flush", key_spaces=["queued"])
    before = jobs.data_files("queued", "rows")
    assert len(before) == 8
    task = jobs.start("garbagecollect", key_spaces=["queued"])
    jobs.until_percent(task, 0.1)
    jobs.node.kill(task)
    assert jobs.end(task, 30.0)[0] == "TASK_KILLED"
    wait_for("the running ones have stopped", lambda: _compactions(jobs.jolokia(), "rows") == 0, 5.0)
    state, result = jobs.run("flush", key_spaces=["queued"])
    assert (state, result.error) == ("TASK_FINISHED", "")
    assert _compactions(jobs.jolokia(), "rows") == 0, "nothing of it has begun since"
    assert jobs.data_files("queued", "rows") == before


def test_a_node_that_is_killed_ends_its_jobs_first_and_old_sstables_are_upgraded_later(
    jobs: NodeJobs, session: Session
) -> None:
    _table(session, "killed", "rows")
    _write(session, "killed.rows", range(1200), 10_000)
    jobs.run("flush", key_spaces=["killed"])
    task = jobs.start("compact", operation="killed", key_spaces=["killed"])
    jobs.until_percent(task, 5.0)
    jobs.node.kill("t1")
    state, result = jobs.end(task, 10.0)
    assert (state, result.error) == ("TASK_KILLED", "the node stops: killed")
    refused = jobs.start("flush")
    assert jobs.end(refused)[1].error == "Cassandra of node-0 does not run"
    jobs.until_ended("t1")
    assert jobs.states(task) == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLED"]
    jobs.node.exited()

    assert {path.name.partition("-")[0] for path in jobs.data_files("killed", "rows")} == {"nb"}
    now = replace(LAUNCH, self_seed=False, seeds=(ADDRESS,), options={"storage_compatibility_mode": "NONE"})
    jobs.node.launch(now, "t2")
    jobs.node.until("t2", 180.0, mode="NORMAL", native_transport_running=True)
    state, result = jobs.run("upgradesstables", node_task_id="t2", key_spaces=["killed"])
    assert (state, result.result["done"]) == ("TASK_FINISHED", 1)
    wait_for("the new format", lambda: {path.name[:2] for path in jobs.data_files("killed", "rows")} == {"oa"}, 30.0)
