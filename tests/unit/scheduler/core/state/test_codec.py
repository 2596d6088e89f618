"""Records as bytes: readable, the same for the same record, and never taken for absent when they are not readable."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from executor.protocol import JobProgress
from scheduler.core.state.cluster import GarbageRecord, ReleasedRecord
from scheduler.core.state.codec import (
    StateCorruptError,
    changes,
    contents,
    decode_record,
    encode_record,
    load,
    removals,
)
from scheduler.core.state.configuration import Canary, Configuration, Override, PlanRecord
from scheduler.core.state.lifecycle import WORDS_LIMIT
from scheduler.core.state.node import (
    Abandoned,
    Agent,
    Failures,
    Intent,
    IntentKind,
    Membership,
    NodeRecord,
    Reservation,
    TaskState,
)
from scheduler.core.state.operation import HistoryRecord, OperationState, StepRecord, StepState
from scheduler.core.state.record_kinds import ClusterId, FrameworkId, Record, Target, path_of
from scheduler.core.state.spec import Uri
from tests.unit.scheduler.core.samples import TARGET, node, operation, spec, state, step, up

GOLDEN_NODE = """{
 "abandoned": [
  {
   "agent_id": "",
   "destroyed": false,
   "executors": [],
   "hostname": "",
   "id": "r-0",
   "unused": true
  }
 ],
 "address": "127.0.0.3",
 "agent": {
  "attributes": {
   "rack": "r2"
  },
  "hostname": "127.0.0.3",
  "id": "S1",
  "url": ""
 },
 "deployed": "configuration-1",
 "failures": {
  "count": 0,
  "message": "",
  "not_before": 0.0
 },
 "forced": false,
 "host_id": "h1",
 "index": 1,
 "intent": null,
 "left": false,
 "left_host": "",
 "missing": null,
 "mode": "NORMAL",
 "rack": "r2",
 "reservation": {
  "cluster_id": "",
  "disk_mb": 1024.0,
  "id": "reservation-1",
  "mount_root": null,
  "seen": true,
  "volume_id": "volume-1"
 },
 "schema_version": 1,
 "task": {
  "configuration": "configuration-1",
  "executor_id": "node-1_executor__a",
  "id": "node-1__a",
  "launched_at": 0.0,
  "message": "",
  "reason": "",
  "state": "TASK_RUNNING",
  "updated_at": 0.0
 }
}"""

FULL = up(1, abandoned=(Abandoned("r-0", unused=True),))
BACKUP = operation(
    "backup",
    sealed="gAAAA",
    interrupted=True,
    started_at=1_700_000_000.1234,
    facts={"backup": {"nodes": {"a": {"t": 1}}}},
)
UPLOAD = step(
    "backup.Upload.node-1",
    StepState.FAILED,
    failures=Failures(3, 0.0, "disk full …"),
    interruptions=2,
    finished_at=30.5,
    progress=JobProgress("sending", "", {"bytes": 1.0}, {"bytes": 2.0}, 50.0, 1.5, None, {"throttle": 5}),
    result={"manifest_key": "k", "damaged": [1, {"a": None}]},
    forced=True,
)
PAST = HistoryRecord(
    replace(BACKUP, sealed="", state=OperationState.COMPLETE), {"Upload.node-1": {"error": "", "n": 1}}
)
RICH = spec(
    3,
    executor=replace(spec().executor, environment={"A": "1"}, uris=(Uri("u", output_file="o"), Uri("v", cache=False))),
    cassandra=replace(spec().cassandra, options={"a": [1, {"b": None}], "c": "x"}, jvm_options=("-Xa", "-Xb")),
)


def test_a_node_reads_like_this() -> None:
    assert encode_record(FULL).decode() == GOLDEN_NODE


@pytest.mark.parametrize(
    ("record", "path"),
    [
        (NodeRecord(index=12), "nodes/node-12"),
        (FULL, "nodes/node-1"),
        (node(0, TaskState.FAILED, failures=Failures(3, 1.5, "zu spät …")), "nodes/node-0"),
        (PlanRecord("deploy", interrupted=True), "plans/deploy"),
        (PlanRecord("deploy", canary=Canary("c-1", "node-0")), "plans/deploy"),
        (Configuration("c-1", 12.5, RICH), "configurations/c-1"),
        (Configuration("c-1", 12.5, RICH, {"CASSANDRA_YAML": "{a: ä}"}), "configurations/c-1"),
        (GarbageRecord("r-1", "S1", "h1", (), 0.1, 256.0, 0.0, 1.0, destroyed=True, executors=("e-1",)), "garbage/r-1"),
        (BACKUP, "plans/backup"),
        (operation("backup-delete", OperationState.STOPPED, finished_at=2.0), "plans/backup-delete"),
        (UPLOAD, "steps/backup.Upload.node-1"),
        (StepRecord("restore", "first", "Schema", "cluster"), "steps/restore.Schema.cluster"),
        (PAST, "history/backup.1700000000123"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_there_and_back(record: Record, path: str) -> None:
    assert path_of(record) == path
    content = encode_record(record)
    assert decode_record(path, content) == record
    assert encode_record(record) == content


def test_the_small_records() -> None:
    assert encode_record(FrameworkId("f-1")) == b'{\n "framework_id": "f-1",\n "schema_version": 1\n}'
    assert decode_record("framework-id", encode_record(FrameworkId("f-1"))) == FrameworkId("f-1")
    target = Target("c-2", "c-1", {"NODES": Override("4", "3")})
    assert decode_record("target", encode_record(target)) == target
    released = ReleasedRecord(("r-1", "r-2"))
    assert decode_record("released", encode_record(released)) == released


@pytest.mark.parametrize(
    ("path", "content", "record"),
    [
        ("target", b'{"configuration": "c-1", "schema_version": 1}', Target("c-1")),
        ("plans/deploy", b'{"name": "deploy", "schema_version": 1}', PlanRecord("deploy")),
        (
            "garbage/r-1",
            b'{"agent_id": "S1", "cpus": 0.1, "destroyed": true, "disk_mb": 0.0, "found_at": 1.0, "hostname": "h1", '
            b'"id": "r-1", "memory_mb": 256.0, "schema_version": 1, "volumes": []}',
            GarbageRecord("r-1", "S1", "h1", (), 0.1, 256.0, 0.0, 1.0, destroyed=True),
        ),
    ],
)
def test_records_of_earlier_versions_are_read(path: str, content: bytes, record: Any) -> None:
    assert decode_record(path, content) == record


def test_a_configuration_of_an_earlier_version_has_no_settings() -> None:
    document = json.loads(encode_record(Configuration("c-1", 12.5, RICH)))
    del document["settings"]
    assert decode_record("configurations/c-1", json.dumps(document).encode()) == Configuration("c-1", 12.5, RICH)


def test_what_is_sealed_is_kept_as_it_is() -> None:
    assert json.loads(encode_record(BACKUP))["sealed"] == "gAAAA"


def test_amounts_that_executors_send_as_whole_numbers_come_back_equal() -> None:
    """As records are compared, to tell what has to be stored."""
    progress = JobProgress(done={"bytes": 1}, percent=5, seconds_left=0)
    found = decode_record("steps/backup.Upload.node-1", encode_record(replace(UPLOAD, progress=progress)))
    assert found == replace(UPLOAD, progress=progress)


def document(**changed: Any) -> bytes:
    return json.dumps({**json.loads(GOLDEN_NODE), **changed}).encode()


def of(record: Record, **changed: Any) -> bytes:
    return json.dumps({**json.loads(encode_record(record)), **changed}).encode()


def lacking(name: str) -> bytes:
    return json.dumps({key: value for key, value in json.loads(GOLDEN_NODE).items() if key != name}).encode()


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("nodes/node-1", b"", "not JSON"),
        ("nodes/node-1", b"\xff\xfe", "not JSON"),
        ("nodes/node-1", b"[]", "not a JSON object"),
        ("nodes/node-1", document(schema_version=2), "written by a newer version (schema 2, known up to 1)"),
        ("nodes/node-1", document(schema_version="1"), "schema_version is '1'"),
        ("nodes/node-1", document(schema_version=True), "schema_version is True"),
        ("nodes/node-1", lacking("schema_version"), "schema_version is None"),
        ("nodes/node-1", lacking("index"), "missing field index"),
        ("nodes/node-1", document(extra=1), "unknown field extra"),
        ("nodes/node-1", document(index="1"), "index is '1', not a whole number"),
        ("nodes/node-1", document(index=True), "index is True, not a whole number"),
        ("nodes/node-1", document(forced="no"), "forced is 'no', not true or false"),
        ("nodes/node-1", document(mode=3), "mode is 3, not a text"),
        ("nodes/node-1", document(agent=[]), "agent is [], not an object"),
        ("nodes/node-1", document(agent={"id": "S"}), "missing field agent.hostname"),
        (
            "nodes/node-1",
            document(agent={"id": "S", "hostname": "h", "attributes": {"a": 1}}),
            "agent.attributes.a is 1",
        ),
        ("nodes/node-1", document(abandoned={}), "abandoned is {}, not a list"),
        ("nodes/node-1", document(abandoned=[{"id": 1, "unused": True}]), "abandoned[0].id is 1"),
        (
            "nodes/node-1",
            document(failures={"count": 1, "not_before": "x"}),
            "failures.not_before is 'x', not a number",
        ),
        ("nodes/node-1", document(task={**json.loads(GOLDEN_NODE)["task"], "state": "UP"}), "task.state is 'UP'"),
        (
            "nodes/node-1",
            document(failures={"count": 1, "not_before": 1e300}),
            "not_before is 1e+300, which is no time",
        ),
        (
            "nodes/node-1",
            document(task={**json.loads(GOLDEN_NODE)["task"], "launched_at": -1}),
            "launched_at is -1.0, which is no time",
        ),
        ("plans/backup", of(BACKUP, started_at=253402300800), "started_at is 253402300800.0, which is no time"),
        ("steps/backup.Upload.node-1", of(UPLOAD, finished_at=-1e300), "finished_at is -1e+300, which is no time"),
        ("nodes/node-2", document(), "it says of itself that it is nodes/node-1"),
        ("nodes", document(), "no record belongs there"),
        ("strange/x", document(), "no record belongs there"),
        ("target/x", document(), "no record belongs there"),
        ("target", b'{"schema_version": 1}', "missing field configuration"),
        ("plans/backup", of(BACKUP, schema_version=2), "it was written by a newer version (schema 2, known up to 1)"),
        ("plans/backup", of(BACKUP, colour=1), "unknown field colour"),
        ("plans/backup", of(BACKUP, state="HALF"), "state is 'HALF', not one of RUNNING, STOPPING, STOPPED, COMPLETE"),
        ("plans/backup", of(BACKUP, nodes="node-0"), "nodes is 'node-0', not a list"),
        ("plans/backup", of(BACKUP, kind="repair"), "it says of itself that it is plans/repair"),
        ("plans/backup", encode_record(PlanRecord("backup")), "unknown field canary"),
        ("plans/deploy", of(BACKUP, kind="deploy"), "unknown field facts"),
        ("plans/strange", of(BACKUP, kind="strange"), "unknown field facts"),
        ("steps/backup.Upload.node-1", of(UPLOAD, schema_version=9), "it was written by a newer version (schema 9"),
        ("steps/backup.Upload.node-1", of(UPLOAD, extra=None), "unknown field extra"),
        ("steps/backup.Upload.node-1", of(UPLOAD, state="DONE"), "state is 'DONE'"),
        ("steps/backup.Upload.node-1", of(UPLOAD, progress={"done": []}), "progress.done is [], not an object"),
        ("steps/backup.Upload.node-1", of(UPLOAD, task={"id": "x"}), "missing field task.node"),
        ("steps/backup.Upload.node-2", of(UPLOAD), "it says of itself that it is steps/backup.Upload.node-1"),
        ("steps", of(UPLOAD), "no record belongs there"),
        ("history/backup.1700000000123", of(PAST, schema_version=2), "it was written by a newer version (schema 2"),
        ("history/backup.1700000000123", of(PAST, more=1), "unknown field more"),
        ("history/backup.1", of(PAST), "it says of itself that it is history/backup.1700000000123"),
        ("cluster-id", b'{"schema_version": 1, "cluster_id": 7}', "cluster_id is 7, not a text"),
        ("cluster-id", b'{"schema_version": 1, "cluster_id": "\\udce9"}', "not JSON: 'utf-8' codec can't encode"),
        ("cluster-id", b'{"schema_version": 1, "\\ud800": ""}', "not JSON: 'utf-8' codec can't encode"),
        ("cluster-id", b'{"x": NaN}', "not JSON: NaN is no number"),
        ("cluster-id", b'{"x": 1e400}', "not JSON: a number is too large"),
        ("cluster-id", b"[" * 100_000, "not JSON: maximum recursion depth exceeded"),
        ("cluster-id", b'{"x":' * 100_000, "not JSON: maximum recursion depth exceeded"),
        ("cluster-id/x", b'{"schema_version": 1, "cluster_id": "c"}', "no record belongs there"),
    ],
)
def test_what_cannot_be_read_is_an_error_that_names_the_record(path: str, content: bytes, problem: str) -> None:
    with pytest.raises(StateCorruptError) as caught:
        decode_record(path, content)
    assert str(caught.value).startswith(f"the stored record {path} cannot be read: ")
    assert problem in str(caught.value)
    assert caught.value.path == path


def stored() -> dict[str, bytes]:
    found = state(up(0), up(1))
    records: list[Record] = [*found.nodes.values(), found.target, PlanRecord("deploy", interrupted=True)]
    records += [BACKUP, UPLOAD, PAST]
    contents = {path_of(record): encode_record(record) for record in records}
    return (
        contents
        | {"target": encode_record(Target(TARGET)), "framework-id": encode_record(FrameworkId("f"))}
        | {"cluster-id": encode_record(ClusterId("cluster-1"))}
    )


def test_everything_is_loaded() -> None:
    found = load(stored())
    assert (found.framework_id, found.target) == ("f", TARGET)
    assert found.nodes == {"node-0": up(0), "node-1": up(1)}
    assert found.plans == {"deploy": PlanRecord("deploy", interrupted=True)}
    assert found.operations == {"backup": BACKUP}
    assert found.steps == {UPLOAD.key: UPLOAD}
    assert found.history == {PAST.key: PAST}
    assert found.cluster_id == "cluster-1"
    assert found.configurations[TARGET].spec == state().target.spec


def test_an_error_is_short_and_can_be_written() -> None:
    for path, content in (
        ("x" * 5000 + "\udce9", b"{}"),
        ("cluster-id", b'{"schema_version": "' + b"x" * 5000 + b'"}'),
    ):
        with pytest.raises(StateCorruptError) as caught:
            load({path: content})
        assert len(str(caught.value).encode()) < 1100


def test_an_empty_name_is_one_too() -> None:
    contents = stored()
    contents["target"] = encode_record(Target("", None))
    with pytest.raises(StateCorruptError, match="that it names is missing"):
        load(contents)


def test_what_json_cannot_hold_is_not_written() -> None:
    for index in (float("inf"), float("nan")):
        with pytest.raises(ValueError, match="Out of range float values"):
            encode_record(replace(up(0), failures=replace(up(0).failures, not_before=index)))


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
_VALUES = st.recursive(_LEAVES, lambda part: st.lists(part) | st.dictionaries(st.text(), part), max_leaves=12)


@given(st.dictionaries(st.text(), _VALUES))
@settings(max_examples=50)
@example({"empty": [{}, []], "b": {'\u2028\x7f\x00"\\': [[1.5e300, -0.0], {"a": {}}]}, "a": True})
def test_records_are_written_as_the_library_writes_them_with_an_indent(request: dict[str, Any]) -> None:
    record = replace(BACKUP, request=request)
    document = {**json.loads(encode_record(BACKUP)), "request": request}
    expected = json.dumps(document, ensure_ascii=False, sort_keys=True, indent=1, allow_nan=False)
    try:
        wanted = expected.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        with pytest.raises(UnicodeEncodeError):
            encode_record(record)
        return
    assert encode_record(record) == wanted


def test_nothing_stored_is_nothing_loaded() -> None:
    assert load({}).target is None


@pytest.mark.parametrize(
    ("gone", "problem"),
    [("target", "no target configuration"), (f"configurations/{TARGET}", "that it names is missing")],
)
def test_a_record_that_others_name_must_be_there(gone: str, problem: str) -> None:
    contents = stored()
    del contents[gone]
    with pytest.raises(StateCorruptError, match=problem):
        load(contents)


def intended(**changes: Any) -> NodeRecord:
    return up(0, intent=Intent(IntentKind.RESTART, 1.0, "node-0__a", **changes))


WAS = Membership(Agent("S0", "h"), Reservation("r", "v"), False, "r1", "gone", "h0", "127.0.0.2")


@pytest.mark.parametrize(
    ("path", "record"),
    [
        ("target", Target(TARGET, "gone")),
        ("nodes/node-0", up(0, deployed="gone")),
        ("nodes/node-0", intended(configuration="gone")),
        ("nodes/node-0", intended(previous=WAS)),
    ],
)
def test_a_configuration_that_a_record_names_must_be_there(path: str, record: Any) -> None:
    with pytest.raises(StateCorruptError, match="the configuration gone that it names is missing") as caught:
        load({**stored(), path: encode_record(record)})
    assert caught.value.path == path


def test_another_target_is_stored_after_its_configuration_and_canary_and_before_old_ones_are_removed() -> None:
    before = state(up(0))
    new = Configuration("c-2", 1.0, spec(3))
    plans = {"deploy": PlanRecord("deploy", canary=Canary("c-2"))}
    after = replace(before, target=new, configurations={"c-2": new}, plans=plans, previous=TARGET, overrides=GIVEN)
    assert changes(before, after) == (new, plans["deploy"], Target("c-2", TARGET, GIVEN))
    assert removals(before, after) == (f"configurations/{TARGET}",)


GIVEN = {"NODES": Override("4", "")}


def test_only_what_changed_is_to_be_stored() -> None:
    before = state(up(0), up(1))
    after = replace(before, nodes={**before.nodes, "node-0": replace(up(0)), "node-1": up(1, mode="LEAVING")})
    after = replace(after, plans={"deploy": PlanRecord("deploy")})
    assert changes(before, after) == (PlanRecord("deploy"), up(1, mode="LEAVING"))
    assert removals(before, after) == ()


def test_what_is_gone_is_to_be_removed() -> None:
    """And what is equal is not written again."""
    clear = replace(UPLOAD, phase="Clear")
    before = replace(
        state(up(0)),
        operations={"backup": BACKUP},
        steps={UPLOAD.key: UPLOAD, clear.key: clear},
        history={PAST.key: PAST},
    )
    assert set(contents(before)) == {
        f"configurations/{TARGET}",
        "target",
        "nodes/node-0",
        "plans/backup",
        "steps/backup.Upload.node-1",
        "steps/backup.Clear.node-1",
        "history/backup.1700000000123",
    }
    after = replace(before, steps={clear.key: replace(clear)}, history={}, operations={"backup": replace(BACKUP)})
    assert changes(before, after) == ()
    assert removals(before, after) == ("steps/backup.Upload.node-1", "history/backup.1700000000123")
    assert changes(after, before) == (UPLOAD, PAST)
    changed = replace(before, steps={**before.steps, clear.key: replace(clear, interruptions=1)})
    assert changes(before, changed) == (replace(clear, interruptions=1),)


def test_the_largest_node_record_stays_below_five_kilobytes() -> None:
    words = "é" * (WORDS_LIMIT // 2)
    attributes = {f"a{count}": "x" * 44 for count in range(22)}
    record = up(
        1, abandoned=tuple(Abandoned("x" * 36, unused=True) for _ in range(8)), failures=Failures(99, 1e10, words)
    )
    assert record.agent is not None
    assert record.task is not None
    record = replace(record, agent=replace(record.agent, attributes=attributes, hostname="h" * 64))
    assert record.task is not None
    record = replace(record, task=replace(record.task, message="é" * 250, reason="REASON_" + "X" * 40))
    assert len(encode_record(record)) < 5120
