"""Nothing that comes in ends the loop: bad words are dropped and acknowledged, bad commands refused."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from bench import large
from scheduler.core.commands.command import Interrupt, Refusal, RefusalKind, SetTarget
from scheduler.core.configuration.overrides import Wanted
from scheduler.core.mesos.updates import TaskUpdate
from scheduler.core.state import codec
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import EntryKind
from scheduler.core.state.node import TaskState
from scheduler.core.state.spec import ClusterSpec, Resources
from scheduler.driver.mesos_json import acknowledge_only, translate
from scheduler.loop.evaluation import FAILURES, WINDOW_SECONDS, Breaker
from scheduler.loop.messages import Asked, Event, Message, Noted, OperationStatus, Update
from tests.unit.scheduler.loop.test_run import Bench, make, offers, registered

SURROGATE = "\udce9"
HUGE = "x" * 2_000_000


def _encoded(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def _bench() -> Bench:
    bench = make(large.backed_up(3))
    bench.cycle(registered())
    return bench


def _task(bench: Bench) -> str:
    task = bench.last.state.nodes["node-0"].task
    assert task is not None
    return task.id


def _status(task: str, **fields: Any) -> dict[str, Any]:
    """Mesos' UPDATE event as the master sends it."""
    status = {
        "task_id": {"value": task}, "agent_id": {"value": "agent-0"}, "state": "TASK_RUNNING", "uuid": "u1", **fields
    }  # fmt: skip
    return {"type": "UPDATE", "update": {"status": status}}


def _received(event: dict[str, Any]) -> Event | None:
    """As the driver posts it."""
    try:
        return translate(event)
    except Exception:  # noqa: BLE001 as the driver does
        return acknowledge_only(event)


NODE = {"mode": "NORMAL", "host_id": "h", "address": "10.0.0.1", "version": "5.0.8"}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"message": SURROGATE}, id="surrogate in the message"),
        pytest.param({"message": HUGE}, id="a huge message"),
        pytest.param({"message": 5}, id="the message is a number"),
        pytest.param({"message": ["a"], "state": "TASK_FAILED"}, id="the message is a list"),
        pytest.param({"message": "\x00\x1b[31m", "state": "TASK_FAILED"}, id="control characters"),
        pytest.param({"task_id": {"value": {"a": 1}}}, id="the task id is an object"),
        pytest.param({"task_id": []}, id="the task id is a list"),
        pytest.param({"task_id": None}, id="no task id"),
        pytest.param({"state": "TASK_SLEEPING"}, id="unknown state"),
        pytest.param({"state": 7}, id="the state is a number"),
        pytest.param({"agent_id": []}, id="the agent is a list"),
        pytest.param({"agent_id": {"value": [1]}}, id="the agent's id is a list"),
        pytest.param({"timestamp": "soon"}, id="the time is a text"),
        pytest.param({"timestamp": None}, id="no time"),
        pytest.param({"data": 5}, id="data is a number"),
        pytest.param({"data": "%%%"}, id="data is not base64"),
        pytest.param({"data": base64.b64encode(b"[" * 100_000).decode()}, id="data is nested too deep"),
        pytest.param({"data": _encoded({**NODE, "mode": SURROGATE})}, id="surrogate in the mode"),
        pytest.param({"data": _encoded({**NODE, "error": SURROGATE + HUGE})}, id="a huge error"),
        pytest.param({"data": _encoded({**NODE, "live": 5})}, id="live is a number"),
        pytest.param({"data": _encoded({**NODE, "live": [{}]})}, id="live holds objects"),
        pytest.param({"data": _encoded({**NODE, "host_id": {"a": []}})}, id="the host id is an object"),
        pytest.param({"data": _encoded({**NODE, "address": 10**400})}, id="a number of 400 digits"),
        pytest.param({"data": _encoded({"mode": float("nan")})}, id="not a number"),
        pytest.param({"data": _encoded({**NODE, "mode": 3})}, id="the mode is a number"),
        pytest.param({"data": _encoded({**NODE, "host_id": ["h"]})}, id="the host id is a list"),
    ],
)
def test_an_update_that_makes_no_sense_is_acknowledged_and_the_loop_goes_on(fields: dict[str, Any]) -> None:
    bench = _bench()
    event = _received(_status(_task(bench), **fields))
    assert event is not None
    bench.cycle(event)
    bench.cycle()
    if "task_id" not in fields or fields["task_id"]:
        assert [item["uuid"] for item in bench.sender.all("acknowledge")] == ["u1"]
    assert bench.last.problem == ""
    # The next scheduler reads all of it.
    for path, (_, content) in bench.memory.records.items():
        codec.decode_record(path, content)


@pytest.mark.parametrize("kind", ["status", "job", "answer", "secret?", "unknown", 5])
@pytest.mark.parametrize(
    "document",
    [
        {},
        {"task_id": {"a": 1}, "status": {"mode": SURROGATE, "live": 5}},
        {"task_id": [], "status": [], "progress": 5, "id": {}, "content": 7, "name": None},
        {
            "task_id": "t",
            "status": {"live": {"a": "b"}},
            "progress": {"percent": "half", "done": 5},
            "id": "question-1",
        },
        {"task_id": "t", "node": "node-0", "id": "trial", "content": {"problems": 5}, "kind": [], "problem": {}},
        {"task_id": "t", "progress": {"doing": SURROGATE, "waiting": HUGE}},
    ],
)
def test_a_message_that_makes_no_sense_is_ignored(kind: Any, document: dict[str, Any]) -> None:
    bench = _bench()
    bench.cycle(Message(_encoded({"type": kind, **document})))
    bench.cycle(Message(base64.b64encode(b'{"a":' * 100_000).decode()))
    bench.cycle()
    assert bench.last.problem == ""


@pytest.mark.parametrize("result", [HUGE, SURROGATE, {"a": [HUGE]}, 5, None, [[[[1]]]]])
def test_a_jobs_result_that_cannot_be_stored_is_dropped(result: Any) -> None:
    bench = _bench()
    step = next(step for step in bench.last.state.steps.values() if step.task is not None)
    assert step.task is not None
    data = _encoded({"progress": {}, "result": {"found": result}, "error": SURROGATE})
    event = TaskUpdate(step.task.id, TaskState.FINISHED, "agent-0", data=data, uuid="u2", message=SURROGATE)
    bench.cycle(Update(event, {"uuid": "u2"}))
    bench.cycle()
    assert {"uuid": "u2"} in bench.sender.all("acknowledge")
    assert all(len(content) < 900_000 for _, content in bench.memory.records.values())


def test_an_operations_update_that_makes_no_sense_is_acknowledged() -> None:
    status = {"operation_id": {"value": {"a": 1}}, "state": 5, "uuid": {"value": "u3"}, "agent_id": {"value": "a"}}
    event = {"type": "UPDATE_OPERATION_STATUS", "update_operation_status": {"status": status}}
    bench = _bench()
    received = _received(event)
    assert isinstance(received, OperationStatus)
    assert received.event is None
    bench.cycle(received)
    assert bench.sender.all("acknowledge_operation")[0]["uuid"] == "u3"


def _broken(state: ClusterState) -> ClusterState:
    """A target with which nothing can be computed: it stands for a defect that is not known yet."""
    spec = replace(state.target.spec, resources=Resources(cpus=float("inf"), mem=4096))
    return replace(state, target=replace(state.target, spec=spec))


def _target(state: ClusterState, spec: ClusterSpec) -> SetTarget:
    return SetTarget("c-2", Wanted(spec, {}, {}), state.target.id, state.overrides)


def test_without_a_decision_the_loop_goes_on_and_says_why() -> None:
    bench = make(_broken(large.fresh(3)))
    bench.cycle(registered(), offers(0))
    assert "decides nothing" in bench.last.problem
    assert "OverflowError" in bench.last.problem
    bench.cycle(asked := Asked(Interrupt("deploy"), "op"))
    assert asked.answer.result(0) is None


def test_refused_requests_are_events_without_a_decision_too() -> None:
    bench = make(_broken(large.fresh(3)))
    bench.cycle(registered(), offers(0), Noted("3 requests were refused"))
    bench.cycle()
    assert bench.last.problem
    entries = [entry for record in bench.last.state.journal.values() for entry in record.entries]
    assert [entry.sentence for entry in entries if entry.kind is EntryKind.ACCESS] == ["3 requests were refused"]


def test_the_command_that_takes_the_setting_back_is_taken() -> None:
    good = large.fresh(3)
    bench = make(_broken(good))
    bench.cycle(registered())
    for _ in range(FAILURES + 1):
        bench.cycle(offers(0))
    assert bench.last.problem
    bench.cycle(asked := Asked(_target(bench.last.state, good.target.spec), "op"))
    assert asked.answer.result(0) is None
    bench.cycle()
    assert bench.last.problem == ""
    assert bench.last.state.target.spec == good.target.spec


def test_a_command_with_which_nothing_could_be_decided_is_refused_and_others_are_not() -> None:
    bench = make(large.fresh(3))
    bench.cycle(registered())
    state = bench.last.state
    bad = Asked(_target(state, _broken(state).target.spec), "op")
    good = Asked(Interrupt("recovery"), "op")
    bench.cycle(bad, good, offers(0))
    refusal = bad.answer.result(0)
    assert isinstance(refusal, Refusal)
    assert refusal.kind is RefusalKind.INVALID
    assert good.answer.result(0) is None
    assert bench.last.state.target == state.target
    assert bench.last.problem == ""


def test_a_command_whose_record_is_too_large_is_refused() -> None:
    bench = make(large.deployed(3))
    bench.cycle(registered())
    spec = bench.last.state.target.spec
    large_one = replace(spec, cassandra=replace(spec.cassandra, options={"x": HUGE}))
    bench.cycle(asked := Asked(_target(bench.last.state, large_one), "op"))
    refusal = asked.answer.result(0)
    assert isinstance(refusal, Refusal)
    assert "the limit" in refusal.message


def test_after_some_failures_nothing_is_decided_for_a_while() -> None:
    breaker = Breaker()
    for at in range(FAILURES):
        assert not breaker.is_open(float(at))
        breaker.fail(float(at), ValueError("x"))
    assert breaker.is_open(float(FAILURES))
    assert not breaker.is_open(WINDOW_SECONDS + FAILURES)
    breaker.succeed()
    assert breaker.problem == ""
    assert not breaker.is_open(float(FAILURES))
