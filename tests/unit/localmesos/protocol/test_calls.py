"""Requests that are no calls, and FrameworkInfos that Mesos refuses: its messages."""

import json
from typing import Any

import pytest

from localmesos.protocol import framework_info
from localmesos.protocol.calls import CallError, parse_call
from localmesos.protocol.framework_info import FrameworkInfoError

Json = dict[str, Any]

INFO: Json = {"user": "root", "name": "x"}
ID: Json = {"framework_id": {"value": "f"}}


def launch_in(container: Json) -> Json:
    """Return the launch of a task whose executor runs in a container."""
    executor = {"executor_id": {"value": "e"}, "command": {"value": "./run"}, "container": container}
    task = {"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": "S0"}, "executor": executor}
    operations = [{"type": "LAUNCH", "launch": {"task_infos": [task]}}]
    return {"type": "ACCEPT", **ID, "accept": {"offer_ids": [{"value": "x"}], "operations": operations}}


MULTI: Json = {**INFO, "capabilities": [{"type": "MULTI_ROLE"}]}
INVALID, CONVERT = "Failed to validate scheduler::Call: ", "Failed to convert JSON into Call protobuf: "


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "Failed to parse body into JSON: syntax error at line 1 near: "),
        ("{bad", "Failed to parse body into JSON: syntax error at line 1 near: bad"),
        ("[]", CONVERT + "Expecting a JSON object"),
        ("{}", INVALID + "Expecting 'type' to be present"),
        ('{"type": null}', INVALID + "Expecting 'type' to be present"),
        ('{"type": "NOPE"}', INVALID + "Expecting 'type' to be present"),
        ('{"type": 1}', CONVERT + "Not expecting a JSON number for field 'type'"),
        ('{"type": "REVIVE"}', INVALID + "Expecting 'framework_id' to be present"),
        ('{"type": "SUBSCRIBE"}', INVALID + "Expecting 'subscribe' to be present"),
        ({"type": "KILL", **ID}, INVALID + "Expecting 'kill' to be present"),
        ({"type": "KILL", **ID, "kill": {}}, CONVERT + "Missing required fields: kill.task_id"),
        ({"type": "KILL", **ID, "kill": {"task_id": {}}}, CONVERT + "Missing required fields: kill.task_id.value"),
        (
            {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": 5}}},
            CONVERT + "Not expecting a JSON number for field 'name'",
        ),
        (
            {"type": "SUBSCRIBE", "subscribe": {"framework_info": {}}},
            CONVERT + "Missing required fields: subscribe.framework_info.user, subscribe.framework_info.name",
        ),
        (
            {"type": "SUBSCRIBE", **ID, "subscribe": {"framework_info": INFO}},
            INVALID + "'framework_id' differs from 'subscribe.framework_info.id'",
        ),
        (
            {
                "type": "ACKNOWLEDGE_OPERATION_STATUS",
                **ID,
                "acknowledge_operation_status": {"operation_id": {"value": "o"}, "uuid": {"value": "u"}},
            },
            CONVERT + "Not expecting a JSON object for field 'uuid'",
        ),
        (
            launch_in({"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {}}}}),
            CONVERT
            + "Missing required fields: "
            + "accept.operations[0].launch.task_infos[0].executor.container.mesos.image.docker.name",
        ),
    ],
)
def test_refused(body: object, words: str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    with pytest.raises(CallError) as raised:
        parse_call(text.encode())
    assert str(raised.value) == words


@pytest.mark.parametrize(
    "call",
    [
        {"type": "ACCEPT", **ID, "accept": {"offer_ids": [{"value": "x"}], "operations": [{}]}},
        {"type": "SUBSCRIBE", "subscribe": {"framework_info": {**INFO, "bogus": 1, "role": None}}},
        {"type": "TEARDOWN", **ID},
        launch_in({"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "executor:1.0"}}}}),
        launch_in({"type": "DOCKER", "docker": {"image": "executor:1.0"}, "volumes": []}),
    ],
)
def test_taken(call: Json) -> None:
    assert parse_call(json.dumps(call).encode())["type"] == call["type"]


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (
            {**INFO, "role": "-bad/role"},
            "'FrameworkInfo.role' is not a valid role: Role component '-bad' is invalid because it starts with a dash",
        ),
        (
            {**INFO, "role": "a/../b"},
            "'FrameworkInfo.role' is not a valid role: Role 'a/../b' cannot include '..' as a component",
        ),
        ({**MULTI, "roles": ["r", "r"]}, "'FrameworkInfo.roles' contains duplicate items: { r }"),
        ({**MULTI, "role": "r"}, "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"),
        (
            {**INFO, "roles": ["r"]},
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
        ),
        ({**INFO, "id": {"value": "id/a"}}, "'id/a' contains invalid characters"),
        ({**INFO, "failover_timeout": 1e30}, "The framework failover_timeout (1e+30) is invalid"),
    ],
)
def test_framework_info_refused(info: Json, words: str) -> None:
    with pytest.raises(FrameworkInfoError) as raised:
        framework_info.check(info, [])
    assert str(raised.value) == words


@pytest.mark.parametrize("info", [INFO, {**INFO, "failover_timeout": -5}, {**MULTI, "roles": ["a/b", "*"]}])
def test_framework_info_taken(info: Json) -> None:
    framework_info.check(info, [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"checkpoint": False},
            "checkpoint' is unsupported; attempted to update from 'true' to 'false'",
        ),
        ({"user": "nobody"}, "'FrameworkInfo.user' is unsupported; attempted to update from 'root' to 'nobody'"),
        ({"principal": "x"}, "Changing framework's principal is not allowed."),
    ],
)
def test_update_refused(change: Json, words: str) -> None:
    old = {**INFO, "checkpoint": True}
    with pytest.raises(FrameworkInfoError) as raised:
        framework_info.check_update(old, {**old, **change})
    assert str(raised.value).endswith(words)


def test_user_and_checkpoint_stay_on_subscribing_again() -> None:
    old = {**INFO, "checkpoint": True, "id": {"value": "f"}}
    found = framework_info.merged(old, {**INFO, "user": "nobody", "name": "y", "checkpoint": False})
    assert found == {"user": "root", "name": "y", "checkpoint": True, "id": {"value": "f"}}
