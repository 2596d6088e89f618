"""What scheduler and executor say to each other: the same values on both sides, and clear words for anything else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from executor.protocol import (
    PROTOCOL_VERSION,
    NodeLaunch,
    NodeStatus,
    Ports,
    ProtocolError,
    StatusQuery,
    StatusReply,
    encode_launch,
    encode_message,
    encode_status,
    parse_launch,
    parse_message,
    parse_status,
)

LAUNCH = NodeLaunch(
    node="node-0",
    cluster_name="test",
    configuration="c-1",
    data_center="dc1",
    rack="r1",
    seeds=("127.0.0.2", "127.0.0.3"),
    self_seed=False,
    heap_mb=384,
    ports=Ports(native_transport=19042),
    options={"num_tokens": 4, "memtable": {"configurations": {"default": {"class_name": "SkipListMemtable"}}}},
    jvm_options=("-Da=b",),
    replace_address="127.0.0.4",
)
STATUS = NodeStatus(mode="NORMAL", joined=True, live=("127.0.0.2", "127.0.0.3"), token_count=16, schema="s")


def encoded(document: Any) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def decoded(data: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(base64.b64decode(data))
    return document


def test_a_launch_comes_back_the_same() -> None:
    assert parse_launch(encode_launch(LAUNCH)) == LAUNCH


def test_a_status_comes_back_the_same() -> None:
    assert parse_status(encode_status(STATUS)) == STATUS


@pytest.mark.parametrize("message", [StatusQuery("q-1"), StatusReply("q-1", "node-0", "node-0__1", STATUS)])
def test_a_message_comes_back_the_same(message: StatusQuery | StatusReply) -> None:
    assert parse_message(encode_message(message)) == message


def test_fields_that_a_reader_does_not_know_are_passed_over() -> None:
    launch = {**decoded(encode_launch(LAUNCH)), "added_later": 1}
    launch["ports"]["added_later"] = 2
    assert parse_launch(encoded(launch)) == LAUNCH
    assert parse_status(encoded({**decoded(encode_status(STATUS)), "added_later": [1]})) == STATUS


def test_a_launch_of_another_version_is_refused() -> None:
    newer = {**decoded(encode_launch(LAUNCH)), "version": PROTOCOL_VERSION + 1}
    with pytest.raises(ProtocolError, match=f"version {PROTOCOL_VERSION + 1}"):
        parse_launch(encoded(newer))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param("not base64!", "not base64 of JSON", id="not base64"),
        pytest.param(base64.b64encode(b"{").decode(), "not base64 of JSON", id="not JSON"),
        pytest.param(encoded([1]), "not a JSON object", id="a list"),
        pytest.param(base64.b64encode(b'{"a": 1e400}').decode(), "a number is too large", id="infinity"),
        pytest.param("", "not base64 of JSON", id="empty"),
    ],
)
def test_garbage_is_refused(data: str, words: str) -> None:
    for parse in (parse_launch, parse_status, parse_message):
        with pytest.raises(ProtocolError, match=words):
            parse(data)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        pytest.param({"type": "other"}, "unknown message type 'other'", id="unknown type"),
        pytest.param({}, "unknown message type None", id="no type"),
        pytest.param({"type": "status?"}, "StatusQuery: missing field id", id="a field is missing"),
        pytest.param({"type": "status", "id": "", "node": "n", "task_id": "t"}, "missing field status", id="no status"),
    ],
)
def test_messages_that_are_none(document: Any, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        parse_message(encoded(document))


def test_a_launch_without_ports_is_refused() -> None:
    launch = decoded(encode_launch(LAUNCH))
    del launch["ports"]
    with pytest.raises(ProtocolError, match="ports"):
        parse_launch(encoded(launch))
