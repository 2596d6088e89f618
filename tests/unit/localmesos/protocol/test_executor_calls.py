"""Calls of executors: refused with the words that Mesos uses (recorded), read otherwise."""

import json
from typing import Any

import pytest

from localmesos.protocol.executor_calls import BadCallError, parse_call

Json = dict[str, Any]

IDS: Json = {"framework_id": {"value": "fw"}, "executor_id": {"value": "exec-b"}}
STATUS: Json = {
    "task_id": {"value": "b1"},
    "state": "TASK_RUNNING",
    "source": "SOURCE_EXECUTOR",
    "uuid": "viWmPa6yRgCQsH5bZli5wQ==",
}


def update(**changes: Any) -> Json:
    status = {key: value for key, value in {**STATUS, **changes}.items() if value is not None}
    return {"type": "UPDATE", **IDS, "update": {"status": status}}


@pytest.mark.parametrize(
    "call",
    [
        update(),
        update(executor_id={"value": "exec-b"}, data="cnVubmluZy1kYXRh", healthy=True),
        {"type": "MESSAGE", **IDS, "message": {"data": "aGk="}},
        {"type": "SUBSCRIBE", **IDS, "subscribe": {}},
        {"type": "SUBSCRIBE", **IDS, "subscribe": {"unacknowledged_updates": [{"status": STATUS}]}},
        {"type": "HEARTBEAT", **IDS},
    ],
)
def test_good_calls(call: Json) -> None:
    assert parse_call(json.dumps(call).encode()) == call


VALIDATE = "Failed to validate Executor::Call: "
CONVERT = "Failed to convert JSON into Call protobuf: "
EXECUTOR = "executor exec-b of framework fw"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (update(uuid=None), VALIDATE + "Expecting 'uuid' to be present"),
        (update(uuid="c2hvcnQ="), VALIDATE + "Not a valid UUID"),
        (update(uuid="***"), CONVERT + "Failed to base64 decode bytes field 'uuid': Invalid character '*'"),
        (update(state="TASK_STAGING"), VALIDATE + f"Received TASK_STAGING from {EXECUTOR} which is not allowed"),
        (
            update(source="SOURCE_MASTER"),
            VALIDATE + f"Received Call from {EXECUTOR} with invalid source, expecting 'SOURCE_EXECUTOR'",
        ),
        (
            update(executor_id={"value": "other"}),
            VALIDATE + "ExecutorID in Call: exec-b does not match ExecutorID in TaskStatus: other",
        ),
        ({"type": "NOSUCH", **IDS}, VALIDATE + "Expecting 'type' to be present"),
        ({**IDS}, VALIDATE + "Expecting 'type' to be present"),
        ({"type": "MESSAGE", **IDS}, VALIDATE + "Expecting 'message' to be present"),
        ({"type": "UPDATE", **IDS}, VALIDATE + "Expecting 'update' to be present"),
        ({"type": "SUBSCRIBE", **IDS}, VALIDATE + "Expecting 'subscribe' to be present"),
        ({}, CONVERT + "Missing required fields: executor_id, framework_id"),
        ({"type": "MESSAGE", **IDS, "message": {}}, CONVERT + "Missing required fields: message.data"),
        ({"type": "UPDATE", **IDS, "update": {}}, CONVERT + "Missing required fields: update.status"),
        (update(state=None), CONVERT + "Missing required fields: update.status.state"),
        (update(task_id=None), CONVERT + "Missing required fields: update.status.task_id"),
    ],
)
def test_refused_calls(call: Json, words: str) -> None:
    with pytest.raises(BadCallError) as caught:
        parse_call(json.dumps(call).encode())
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{x", "Failed to parse body into JSON: syntax error at line 1 near: x"),
        (b"\xff", "Failed to parse body into JSON: syntax error at line 1 near: "),
        (b"[]", "Failed to parse body into JSON: Expecting a JSON object"),
        (b'{"executor_id": 5}', CONVERT + "Missing required fields: executor_id.value, framework_id"),
        (b'{"update": 5}', CONVERT + "Not expecting a JSON value for field 'update'"),
    ],
)
def test_bodies_that_are_no_call(body: bytes, words: str) -> None:
    with pytest.raises(BadCallError) as caught:
        parse_call(body)
    assert str(caught.value) == words
