"""Work on tables against a Jolokia that answers as the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from executor.jobs.runner import Runner
from executor.jobs.table_jobs import WORKS, table_jobs
from executor.protocol import JobReport, JobResult
from tests.unit.executor.jolokia_server import NO_ANSWER, Server
from tests.unit.executor.recorder import Sent, job_launch, node_facts


@dataclass
class Tables:
    """A Cassandra with some tables. `answers` are those of an operation for a table, else it returns 0."""

    key_spaces: dict[str, list[str]]
    local: tuple[str, ...] = ("system",)
    sizes: Mapping[str, int] = field(default_factory=dict)
    answers: dict[tuple[str, str], Any] = field(default_factory=dict)
    compactions: list[Any] = field(default_factory=list)
    called: list[tuple[str, list[Any]]] = field(default_factory=list)
    blocked: threading.Event | None = None
    versions: dict[str, list[str]] = field(default_factory=lambda: {"v1": ["127.0.0.1"]})
    made: dict[str, int] = field(default_factory=dict)
    nonsense: Mapping[str, Any] = field(default_factory=dict)

    def answer(self, body: Any) -> tuple[int, bytes]:
        found = [self._read(item) for item in body] if isinstance(body, list) else self._execute(body)
        return 200, json.dumps(found).encode()

    def _read(self, request: Mapping[str, str]) -> Any:
        shared = [name for name in self.key_spaces if name not in self.local]
        values: dict[str, Any] = {
            "Keyspaces": list(self.key_spaces),
            "NonLocalStrategyKeyspaces": shared,
            "Compactions": self.compactions,
            "SchemaVersions": self.versions,
            **self.nonsense,
        }
        if request["attribute"] == "Count":
            part = dict(item.split("=") for item in request["mbean"].partition(":")[2].split(","))
            return {"status": 200, "value": self.sizes.get(f"{part['keyspace']}.{part['scope']}", 0)}
        if request["attribute"] == "DataPaths":
            part = dict(item.split("=") for item in request["mbean"].partition(":")[2].split(","))
            made = self.made.get(f"{part['keyspace']}.{part['table']}", 1)
            return {"status": 200, "value": [f"/data/{part['keyspace']}/{part['table']}-{made:032x}"]}
        return {"status": 200, "value": values[request["attribute"]]}

    def _execute(self, body: Mapping[str, Any]) -> Any:
        operation, arguments = body["operation"].partition("(")[0], body["arguments"]
        if operation == "getTablesForKeyspace":
            if arguments[0] not in self.key_spaces:
                return {"status": 500, "error": f"java.lang.AssertionError : Unknown keyspace {arguments[0]}"}
            return {"status": 200, "value": self.key_spaces[arguments[0]]}
        self.called.append((operation, arguments))
        if operation == "stopCompactionById":
            if self.blocked is not None:
                self.blocked.set()
            return {"status": 200, "value": None}
        if self.blocked is not None:
            self.blocked.wait(30)
        answer = self.answers.get((operation, arguments[-1][0]), 0)
        return {"status": 500, "error": answer} if isinstance(answer, str) else {"status": 200, "value": answer}

    def worked_on(self, operation: str) -> list[str]:
        return [arguments[-1][0] for name, arguments in self.called if name == operation]


@dataclass
class Bench:
    """A runner with the jobs on tables."""

    server: Server
    volume: Path
    tables: Tables
    sent: Sent = field(default_factory=Sent)
    count: int = 0

    def __post_init__(self) -> None:
        self.server.answer = self.tables.answer
        self.runner = Runner(self.sent, table_jobs())

    def start(self, job: str, **parameters: Any) -> str:
        self.count += 1
        task_id = f"j{self.count}"
        self.runner.start(task_id, job_launch(job, **parameters), node_facts(self.volume, self.server.client()))
        return task_id

    def run(self, job: str, **parameters: Any) -> tuple[str, JobResult]:
        return self.sent.end(self.start(job, **parameters))


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def bench(server: Server, tmp_path: Path) -> Bench:
    return Bench(server, tmp_path, Tables({"app": ["user", "users"], "app2": ["user"], "system": ["local"]}))


EXPECTED = {
    "cleanup": ("forceKeyspaceCleanup", [0, "app", ["user"]]),
    "upgradesstables": ("upgradeSSTables", ["app", True, 0, ["user"]]),
    "compact": ("forceKeyspaceCompaction", [False, "app", ["user"]]),
    "scrub": ("scrub", [False, False, True, True, 0, "app", ["user"]]),
    "garbagecollect": ("garbageCollect", ["ROW", 0, "app", ["user"]]),
    "flush": ("forceKeyspaceFlush", ["app", ["user"]]),
}


@pytest.mark.parametrize("job", sorted(WORKS))
def test_what_is_called(bench: Bench, job: str) -> None:
    bench.tables.answers["verify", "user"] = 1
    state, result = bench.run(job, key_spaces=["app"], column_families=["user"])
    assert state == "TASK_FINISHED", result
    assert result.result == {"tables": {"app.user": "done"}, "done": 1, "skipped": 0, "failed": 0}
    assert bench.tables.called[-1] == EXPECTED[job]
    assert len(bench.tables.called) == (2 if job == "scrub" else 1)


@pytest.mark.parametrize(
    ("parameters", "worked_on"),
    [
        ({}, ["app.user", "app.users", "app2.user"]),
        ({"key_spaces": ["app2"]}, ["app2.user"]),
        ({"column_families": ["user"]}, ["app.user", "app2.user"]),
        ({"column_families": ["app2.user", "users"]}, ["app.users", "app2.user"]),
        ({"key_spaces": ["app"], "column_families": ["app.user"]}, ["app.user"]),
        ({"key_spaces": ["app", "system"], "column_families": ["users", "local"]}, ["app.users"]),
        ({"key_spaces": ["system"]}, []),
    ],
)
def test_which_tables(bench: Bench, parameters: dict[str, list[str]], worked_on: list[str]) -> None:
    state, result = bench.run("cleanup", **parameters)
    assert (state, list(result.result["tables"])) == ("TASK_FINISHED", worked_on)
    assert result.progress.percent == 100.0


DROPPED = "skipped: it was dropped meanwhile"
ALL_GONE = "nothing was done: all of it was dropped meanwhile"


@pytest.mark.parametrize(
    ("parameters", "tables", "message"),
    [
        pytest.param(
            {"key_spaces": ["x", "app2", "ap"]},
            {"app2.user": "done", "ap": DROPPED, "x": DROPPED},
            "done, but ap, x were skipped: dropped meanwhile",
            id="key-spaces",
        ),
        pytest.param(
            {"column_families": ["us", "users"]},
            {"app.users": "done", "us": DROPPED},
            "done, but us was skipped: dropped meanwhile",
            id="table",
        ),
        pytest.param(
            {"key_spaces": ["app", "app2"], "column_families": ["users"], "named": ["app.users", "app2.users"]},
            {"app.users": "done", "app2.users": DROPPED},
            "done, but app2.users was skipped: dropped meanwhile",
            id="one-of-two-of-a-name",
        ),
        pytest.param(
            {"key_spaces": ["app", "x"], "column_families": ["app.users", "x.t"]},
            {"app.users": "done", "x": DROPPED},
            "done, but x was skipped: dropped meanwhile",
            id="full-names",
        ),
        pytest.param({"key_spaces": ["x", "y"]}, {"x": DROPPED, "y": DROPPED}, ALL_GONE, id="all-key-spaces"),
        pytest.param({"key_spaces": ["app"], "column_families": ["t"]}, {"t": DROPPED}, ALL_GONE, id="the-only-table"),
    ],
)
def test_what_was_dropped_before_the_job_is_skipped_and_told(
    bench: Bench, parameters: dict[str, list[str]], tables: dict[str, str], message: str
) -> None:
    state, result = bench.run("compact", **parameters)
    assert (state, result.error) == ("TASK_FINISHED", "")
    assert (result.result["tables"], result.result["message"]) == (tables, message)
    assert bench.run("compact", **parameters)[0] == "TASK_FINISHED", "another attempt fares alike"


def test_a_node_that_lags_behind_is_waited_for(bench: Bench) -> None:
    """What it does not know may just have been created: nothing is taken for dropped while the nodes differ."""
    tables = bench.tables
    tables.versions = {"v1": ["127.0.0.1"], "v2": ["127.0.0.2"]}
    read = tables._read

    def later(request: Mapping[str, str]) -> Any:
        if request["attribute"] == "SchemaVersions" and len(bench.server.bodies) > 5:
            tables.key_spaces["new"] = ["t"]
            tables.versions = {"v2": ["127.0.0.1", "127.0.0.2"]}
        return read(request)

    tables._read = later  # type: ignore[method-assign]
    state, result = bench.run("compact", key_spaces=["new"])
    assert (state, result.result) == (
        "TASK_FINISHED",
        {"tables": {"new.t": "done"}, "done": 1, "skipped": 0, "failed": 0},
    )


def test_a_table_made_anew_under_its_name_is_worked_on_again(bench: Bench) -> None:
    bench.tables.answers["forceKeyspaceCleanup", "users"] = 2
    assert bench.run("cleanup", key_spaces=["app"])[0] == "TASK_FAILED"
    bench.tables.answers, bench.tables.called, bench.tables.made = {}, [], {"app.user": 2}
    state, result = bench.run("cleanup", key_spaces=["app"])
    assert (state, result.result["done"]) == ("TASK_FINISHED", 2)
    assert bench.tables.worked_on("forceKeyspaceCleanup") == ["user", "users"]


def test_what_failed_and_was_dropped_then_fails_no_more(bench: Bench) -> None:
    bench.tables.answers["forceKeyspaceCleanup", "users"] = 2
    assert bench.run("cleanup", key_spaces=["app"])[0] == "TASK_FAILED"
    bench.tables.key_spaces["app"] = ["user"]
    state, result = bench.run("cleanup", key_spaces=["app"])
    assert (state, result.result["tables"]) == ("TASK_FINISHED", {"app.user": "done", "app.users": DROPPED})


def test_a_key_space_that_is_dropped_during_the_job(bench: Bench) -> None:
    tables = bench.tables

    class Dropped(Tables):
        def _execute(self, body: Mapping[str, Any]) -> Any:
            if body["operation"].startswith("forceKeyspaceCompaction") and body["arguments"][-1] == ["user"]:
                self.key_spaces.pop("app2", None)
                if body["arguments"][1] == "app2":
                    return {"status": 500, "error": "java.lang.IllegalArgumentException : Unknown keyspace app2"}
            return super()._execute(body)

    bench.server.answer = Dropped(tables.key_spaces).answer
    state, result = bench.run("compact", key_spaces=["app", "app2"])
    assert state == "TASK_FINISHED", result
    assert result.result["tables"] == {"app.user": "done", "app.users": "done", "app2.user": DROPPED}


def test_all_tables_are_tried_and_the_failed_ones_again(bench: Bench) -> None:
    bench.tables.answers = {
        ("forceKeyspaceCleanup", "user"): "java.io.IOError : disk",
        ("forceKeyspaceCleanup", "users"): 2,
    }
    state, result = bench.run("cleanup", key_spaces=["app"])
    assert (state, result.hopeless) == ("TASK_FAILED", False)
    assert result.error == (
        "cleanup: 2 of 2 tables: app.user failed: java.io.IOError : disk; "
        "app.users failed: Cassandra could not stop the compactions of this table; try it again"
    )
    del bench.tables.answers["forceKeyspaceCleanup", "users"]
    state, result = bench.run("cleanup", key_spaces=["app"])
    assert result.error == "cleanup: 1 of 2 tables: app.user failed: java.io.IOError : disk"
    bench.tables.answers, bench.tables.called = {}, []
    state, result = bench.run("cleanup", key_spaces=["app"])
    assert (state, result.result["done"]) == ("TASK_FINISHED", 2)
    assert bench.tables.worked_on("forceKeyspaceCleanup") == ["user"], "what was done is not done again"


def test_a_table_that_is_aborted_is_a_failure(bench: Bench) -> None:
    bench.tables.answers["garbageCollect", "users"] = 1
    state, result = bench.run("garbagecollect", key_spaces=["app"])
    assert (state, result.error) == ("TASK_FAILED", "garbagecollect: 1 of 2 tables: app.users failed: aborted")


def test_a_table_that_was_dropped_meanwhile_is_skipped(bench: Bench) -> None:
    tables = bench.tables

    class Dropped(Tables):
        def _execute(self, body: Mapping[str, Any]) -> Any:
            if body["operation"].startswith("forceKeyspaceCompaction") and body["arguments"][-1] == ["user"]:
                self.key_spaces["app"] = ["users"]
                return {"status": 500, "error": "Unknown keyspace/cf pair (app.user)"}
            return super()._execute(body)

    bench.server.answer = Dropped(tables.key_spaces).answer
    state, result = bench.run("compact", key_spaces=["app"])
    assert state == "TASK_FINISHED", result
    assert result.result["tables"] == {"app.user": "skipped: it was dropped meanwhile", "app.users": "done"}
    assert (result.result["done"], result.result["skipped"]) == (1, 1)


def test_a_cassandra_that_goes_away_is_not_blamed_on_its_tables(bench: Bench) -> None:
    tables = bench.tables

    def answer(body: Any) -> tuple[int, bytes]:
        if not isinstance(body, list) and body["arguments"][-1] == ["users"]:
            return NO_ANSWER, b""
        return tables.answer(body)

    bench.server.answer = answer
    state, result = bench.run("compact", key_spaces=["app"])
    assert state == "TASK_FAILED"
    assert result.error.startswith("compact: Jolokia on 127.0.0.1:")
    checkpoint = json.loads((bench.volume / "maintenance/o1.compact.json").read_text())
    assert checkpoint["tables"] == {"app.user": "done"}


def test_scrub_leaves_sound_tables_alone(bench: Bench) -> None:
    bench.tables.answers = {("verify", "users"): 1, ("verify", "user"): 0}
    state, result = bench.run("scrub", key_spaces=["app"])
    assert result.result["tables"] == {"app.user": "skipped: its SSTables are sound", "app.users": "done"}
    assert bench.tables.worked_on("scrub") == ["users"]
    assert state == "TASK_FINISHED"


def test_progress_and_the_end_of_what_was_begun(bench: Bench) -> None:
    bench.tables.sizes = {"app.user": 3998, "app.users": 5998}
    mine = {"keyspace": "app", "columnfamily": "users", "taskType": "Cleanup", "completed": "25", "total": "100"}
    bench.tables.compactions = [
        {**mine, "compactionId": "mine"},
        {**mine, "compactionId": "another kind", "taskType": "Compaction"},
        {**mine, "compactionId": "another table", "columnfamily": "user"},
        {**mine, "compactionId": "another key space", "keyspace": "app2"},
    ]
    bench.tables.answers["forceKeyspaceCleanup", "user"] = 0
    assert bench.run("cleanup", key_spaces=["app"], column_families=["user"])[0] == "TASK_FINISHED"
    bench.tables.blocked, bench.tables.called = threading.Event(), []
    task = bench.start("cleanup", key_spaces=["app"], column_families=["users"])

    def told() -> list[Any]:
        reports = [item.progress for item in bench.sent.of(JobReport) if item.task_id == task]
        return [item for item in reports if item.percent == 25.0]

    bench.sent.until("a quarter", lambda: bool(told()))
    assert (told()[0].doing, told()[0].done, told()[0].total) == (
        "app.users",
        {"tables": 0, "bytes": 1499},
        {"tables": 1, "bytes": 5999},
    )
    assert bench.runner.cancel(task, "killed")
    state, result = bench.sent.end(task)
    assert (state, result.error) == ("TASK_KILLED", "killed")
    assert bench.tables.called[1] == ("stopCompactionById", ["mine"])
    assert {arguments[0] for operation, arguments in bench.tables.called[1:]} == {"mine"}


def test_what_cassandra_begins_after_a_stop_is_stopped_too(bench: Bench) -> None:
    tables, ended = bench.tables, threading.Event()
    item = {"keyspace": "app", "columnfamily": "users", "taskType": "Cleanup", "completed": "1", "total": "4"}
    queue = ["first", "second", "third"]

    def answer(body: Any) -> tuple[int, bytes]:
        if not isinstance(body, list) and body["operation"] == "stopCompactionById":
            assert body["arguments"] == queue[:1]
            del queue[0]
            if not queue:
                ended.set()
            return 200, b'{"status": 200, "value": null}'
        if not isinstance(body, list) and body["operation"].startswith("forceKeyspaceCleanup"):
            ended.wait(30)
        tables.compactions = [{**item, "compactionId": name} for name in queue[:1]]
        return tables.answer(body)

    bench.server.answer = answer
    task = bench.start("cleanup", key_spaces=["app"], column_families=["users"])
    bench.sent.until("some progress", lambda: any(item.progress.doing for item in bench.sent.of(JobReport)))
    bench.runner.cancel(task, "killed")
    assert bench.sent.end(task)[0] == "TASK_KILLED"
    assert queue == []


@pytest.mark.parametrize(
    ("compactions", "percent"),
    [
        pytest.param([{"completed": "300", "total": "100"}], 100.0, id="more than expected"),
        pytest.param([{"completed": "30", "total": "0"}], 0.0, id="none expected"),
        pytest.param([{"completed": "NaN", "total": "-1"}], 0.0, id="no numbers"),
        pytest.param([{"completed": None}], 0.0, id="nothing"),
        pytest.param([{"completed": {}, "total": [1]}], 0.0, id="other forms"),
        pytest.param([{"completed": "1" * 5000, "total": "100"}], 0.0, id="huge"),
    ],
)
def test_progress_stays_between_nothing_and_all(bench: Bench, compactions: list[Any], percent: float) -> None:
    mine = {"keyspace": "app", "columnfamily": "users", "taskType": "Cleanup", "compactionId": "1"}
    bench.tables.sizes = {"app.users": 9999}
    bench.tables.compactions = [{**mine, **item} for item in compactions] + [None, 7]
    bench.tables.blocked = threading.Event()
    task = bench.start("cleanup", key_spaces=["app"], column_families=["users"])
    bench.sent.until("progress", lambda: bool(bench.sent.of(JobReport)[1:]))
    progress = bench.sent.of(JobReport)[1].progress
    bench.tables.blocked.set()
    assert bench.sent.end(task)[0] == "TASK_FINISHED"
    assert (progress.doing, progress.percent) == ("app.users", percent)
    assert progress.seconds_left is None or progress.seconds_left >= 0


def test_a_table_that_failed_before_is_not_done_until_it_is(bench: Bench) -> None:
    """One table is done, one is to be tried again, and one was dropped."""
    bench.tables.sizes = {"app.user": 99, "app.users": 299}
    bench.tables.answers["forceKeyspaceCleanup", "users"] = "java.lang.IllegalStateException : not now"
    names = {"key_spaces": ["app"], "column_families": ["user", "users", "gone"]}
    assert bench.run("cleanup", **names)[0] == "TASK_FAILED"
    del bench.tables.answers["forceKeyspaceCleanup", "users"]
    bench.tables.blocked = threading.Event()
    task = bench.start("cleanup", **names)
    bench.sent.until("progress", lambda: any(item.task_id == task for item in bench.sent.of(JobReport)))
    progress = next(item.progress for item in bench.sent.of(JobReport) if item.task_id == task)
    bench.tables.blocked.set()
    state, result = bench.sent.end(task)
    assert (state, result.progress.done) == ("TASK_FINISHED", {"tables": 2, "bytes": 400})
    assert (progress.percent, progress.done["tables"], progress.total["tables"]) == (25.0, 1, 2)


@pytest.mark.parametrize("value", [None, {}, "app", [7]])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Keyspaces", "Cassandra does not report its keyspaces"),
        ("NonLocalStrategyKeyspaces", "Cassandra does not report which keyspaces have replicas"),
    ],
)
def test_a_schema_that_is_not_reported_is_no_work_done(bench: Bench, name: str, words: str, value: Any) -> None:
    bench.tables.nonsense = {name: value}
    state, result = bench.run("cleanup")
    assert (state, result.error) == ("TASK_FAILED", f"schema: {words}")


def test_versions_that_are_not_reported_are_no_disagreement(bench: Bench) -> None:
    bench.tables.nonsense = {"SchemaVersions": None}
    state, result = bench.run("cleanup", column_families=["gone"])
    words = "schema agreement: Cassandra does not report the schema versions of its nodes"
    assert (state, result.error) == ("TASK_FAILED", words)


@pytest.mark.parametrize(("status", "shown"), [(None, "None"), (3, "3"), (True, "True"), ([], "[]"), ({}, "{}")])
def test_a_status_that_is_none_is_no_success(bench: Bench, status: Any, shown: str) -> None:
    bench.tables.answers["garbageCollect", "users"] = status
    state, result = bench.run("garbagecollect", key_spaces=["app"], column_families=["users"])
    assert state == "TASK_FAILED"
    assert result.error == (f"garbagecollect: 1 of 1 tables: app.users failed: Cassandra reports {shown} as its status")


@pytest.mark.parametrize(
    ("job", "operation"), [("compact", "forceKeyspaceCompaction"), ("flush", "forceKeyspaceFlush")]
)
def test_what_returns_nothing_is_done(bench: Bench, job: str, operation: str) -> None:
    bench.tables.answers[operation, "users"] = None
    assert bench.run(job, key_spaces=["app"], column_families=["users"])[1].result["tables"] == {"app.users": "done"}
