"""Client and status against a server that answers as the test says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from executor.figures import is_sound
from executor.jmx.figures import Gatherer
from executor.jmx.jolokia import EXCEPTION, STORAGE_SERVICE, Attribute, Jolokia, JolokiaError, NotReachableError
from executor.jmx.status import interpret, poll, with_details
from executor.protocol import NodeStatus, StatusReply, encode_message, parse_message
from tests.http_servers import HttpServer, QuietHandler
from tests.unit.executor.jolokia_server import Answer, Server

MODE = Attribute(STORAGE_SERVICE, "OperationMode")
JOINED = Attribute(STORAGE_SERVICE, "Joined")


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def _json(value: Any) -> Answer:
    return lambda body: (200, json.dumps(value).encode())


def test_attributes_are_read_in_one_request_and_those_that_fail_are_left_out(server: Server) -> None:
    server.answer = _json([{"status": 200, "value": "NORMAL"}, {"status": 404, "error": "no such attribute"}])
    assert server.client().read([MODE, JOINED], 5) == {MODE: "NORMAL"}
    assert server.bodies == [
        [{"type": "read", "mbean": STORAGE_SERVICE, "attribute": name} for name in ("OperationMode", "Joined")]
    ]


def test_one_error_for_the_whole_request_costs_only_the_attribute_that_fails(server: Server) -> None:
    def answer(body: Any) -> tuple[int, bytes]:
        good = isinstance(body, dict) and body["attribute"] == "OperationMode"
        document = {"status": 200, "value": "JOINING"} if good else {"status": 500, "error": "not now"}
        return 200, json.dumps(document).encode()

    server.answer = answer
    assert server.client().read([MODE, JOINED], 5) == {MODE: "JOINING"}
    assert len(server.bodies) == 3


CAUSES = {"config": {"includeStackTrace": "true"}}


def test_an_operation_gives_its_result(server: Server) -> None:
    server.answer = _json({"status": 200, "value": [1]})
    assert server.client().execute("m", "op(int)", [7], 5) == [1]
    assert server.bodies == [{"type": "exec", "mbean": "m", "operation": "op(int)", "arguments": [7], **CAUSES}]


def test_an_operation_for_each_of_several_arguments_takes_one_request(server: Server) -> None:
    server.answer = _json([{"status": 200, "value": "a"}, {"status": 200, "value": "b"}])
    assert server.client().execute_each("m", "op", ["x", "y"], 5) == ["a", "b"]
    assert server.bodies == [
        [
            {"type": "exec", "mbean": "m", "operation": "op", "arguments": [argument], **CAUSES}
            for argument in ("x", "y")
        ]
    ]
    assert server.client().execute_each("m", "op", [], 5) == []
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        [{"status": 200, "value": "a"}, {"status": 500, "error": "not now"}],
        {"status": 500, "error": "not now"},
    ],
)
def test_one_of_several_operations_that_fails_fails_all(server: Server, answer: Any) -> None:
    server.answer = _json(answer)
    with pytest.raises(JolokiaError, match="not now"):
        server.client().execute_each("m", "op", ["x", "y"], 5)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_json({"status": 500, "error": "java.lang.X : broken"}), r"java\.lang\.X : broken"),
        (_json({"status": 500}), "status 500"),
        (_json([]), "not a JSON object"),
        (lambda body: (200, b"<html>"), "answers no JSON"),
        (lambda body: (200, b"[" * 100_000), "answers no JSON"),
        (lambda body: (503, b""), "answers 503"),
    ],
)
def test_operations_that_fail(server: Server, answer: Answer, words: str) -> None:
    server.answer = answer
    with pytest.raises(JolokiaError, match=words):
        server.client().execute("m", "op", [], 5)


TRACE = """java.lang.RuntimeException: java.lang.RuntimeException: Failed to list files in /x
\tat org.apache.cassandra.service.StorageService.bulkLoad(StorageService.java:6440)
Caused by: java.lang.RuntimeException: Failed to list files in /x
\tat org.apache.cassandra.db.lifecycle.LogAwareFileLister.list(LogAwareFileLister.java:77)
\t... 38 more
Caused by: org.apache.cassandra.io.sstable.CorruptSSTableException: Corrupted: /x/nb-1-big
\tSuppressed: java.io.IOException: beside it
\t\tCaused by: java.io.IOException: of what is beside it
Caused by: java.lang.RuntimeException: org.apache.cassandra.exceptions.UnknownColumnException: Unknown column b
Caused by: org.apache.cassandra.exceptions.UnknownColumnException: Unknown column b
Caused by: java.lang.NullPointerException
"""
LISTING = "java.lang.RuntimeException : java.lang.RuntimeException: Failed to list files in /x"


@pytest.mark.parametrize(
    ("error", "trace", "expected"),
    [
        pytest.param(
            LISTING,
            TRACE,
            f"{LISTING}: Corrupted: /x/nb-1-big: Unknown column b: java.lang.NullPointerException",
            id="down to the root",
        ),
        pytest.param("a.B : words", "a.B: words\n\tat C.d(C.java:1)\n", "a.B : words", id="no cause"),
        pytest.param("words", "", "words", id="no stack trace"),
        pytest.param("one\ntwo", "x\nCaused by: a.B: root", "one: root\ntwo", id="of several lines"),
    ],
)
def test_the_causes_of_what_failed_are_told(server: Server, error: str, trace: str, expected: str) -> None:
    server.answer = _json({"status": 500, "error": error, "stacktrace": trace})
    with pytest.raises(JolokiaError) as caught:
        server.client().execute("m", "op", [], 5)
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_json([]), "0 answers to 1 requests"),
        (lambda body: (500, b""), "answers 500"),
    ],
)
def test_reads_that_fail(server: Server, answer: Answer, words: str) -> None:
    server.answer = answer
    with pytest.raises(JolokiaError, match=words):
        server.client().read([MODE], 5)


def test_a_wrong_password_is_an_error(server: Server) -> None:
    with pytest.raises(JolokiaError, match="answers 401"):
        server.client("wrong").read([MODE], 5)


def test_silence_ends_with_the_timeout(server: Server) -> None:
    given_up = threading.Event()

    def silent(body: Any) -> tuple[int, bytes]:
        given_up.wait(30)
        return 200, b"[]"

    server.answer = silent
    try:
        with pytest.raises(NotReachableError):
            server.client().read([MODE], 0.2)
    finally:
        given_up.set()


def test_nobody_listens(server: Server) -> None:
    client = server.client()
    server.close()
    with pytest.raises(NotReachableError, match="Cassandra starts or ends: nothing listens on "):
        client.read([MODE], 1)
    status = poll(client, 1)
    assert status.mode == "UNKNOWN"
    assert status.error is not None
    assert "nothing listens" in status.error


def test_a_whole_status(server: Server) -> None:
    values = {
        "OperationMode": "NORMAL",
        "Joined": True,
        "NativeTransportRunning": True,
        "Initialized": True,
        "GossipRunning": True,
        "LocalHostId": "h",
        "Tokens": ["1", "2"],
        "ReleaseVersion": "5.0.8",
        "SchemaVersion": "s",
        "LiveNodes": ["b", "joins", "a"],
        "JoiningNodes": ["joins"],
        "UnreachableNodes": ["c"],
        "Datacenter": "dc1",
        "Rack": "r1",
        "Count": 4096,
        "PhiValues": {
            "/a": {"PHI": 0.25, "Endpoint": "/a"},
            "host/b": {"PHI": 5.1, "Endpoint": "host/b"},
            "/c": {"PHI": 17.0, "Endpoint": "/c"},
        },
    }
    server.answer = lambda body: (
        200, json.dumps([{"status": 200, "value": values[item["attribute"]]} for item in body]).encode(),
    )  # fmt: skip
    expected = NodeStatus(
        "NORMAL", True, True, True, True, "h", "127.0.0.1", 2, "dc1", "r1", "5.0.8", "s", ("a", "b"), ("c",)
    )
    assert poll(server.client(), 5) == replace(expected, load_bytes=4096, doubted=("b",))


@pytest.mark.parametrize(
    ("mode", "gossip", "expected"),
    [
        ("NORMAL", False, "ISOLATED"),
        ("NORMAL", True, "NORMAL"),
        ("NORMAL", None, "NORMAL"),  # not said: Cassandra is busy, and nothing is concluded from that
        ("STARTING", False, "STARTING"),
        ("DRAINED", False, "DRAINED"),
    ],
)
def test_normal_without_gossip_is_isolated(mode: str, gossip: bool | None, expected: str) -> None:
    values = {"OperationMode": mode} | ({} if gossip is None else {"GossipRunning": gossip})
    assert interpret(values, "a").mode == expected


def test_what_is_wrong_is_told_in_cassandras_words() -> None:
    assert with_details(NodeStatus("NORMAL"), "", "").error is None
    assert with_details(NodeStatus("NORMAL"), "ERROR of last year", "the disk is full").error == "the disk is full"
    assert (
        with_details(NodeStatus("UNKNOWN", error="refused"), "", "the disk is full").error
        == "refused\nthe disk is full"
    )
    isolated = with_details(NodeStatus("ISOLATED"), "ERROR Stopping transports", "").error
    assert isolated == "Cassandra has stopped its gossip: restart it once the cause is gone\nERROR Stopping transports"


@pytest.mark.parametrize(
    "phi", [None, [], {"/b": 7.0}, {"/b": {"PHI": "7", "Endpoint": "/b"}}, {"/b": {"PHI": 1.4, "Endpoint": "/b"}}]
)
def test_who_is_not_doubted(phi: Any) -> None:
    assert interpret({"OperationMode": "NORMAL", "LiveNodes": ["b"], "PhiValues": phi}, "a").doubted == ()


@pytest.mark.parametrize("values", [{}, {"OperationMode": None, "LiveNodes": "x", "Joined": "true", "LocalHostId": ""}])
def test_what_cassandra_does_not_know_yet(values: dict[str, Any]) -> None:
    assert interpret(values, "a") == NodeStatus(mode="STARTING", endpoint="a")


NONSENSE = (
    "true", "NaN", "-Infinity", "1e999", "1" + "0" * 400, "1" + "0" * 30, "-1", '"x"', "null", "[[1]]", "[null]",
    '{"a": true}', '{"/127.0.0.1:7000": 1e999}', '{"a": {"PHI": NaN}}', '{"a": {"CollectionCount": true}}',
)  # fmt: skip


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_in_every_attribute_still_makes_a_status_that_the_scheduler_reads(server: Server, value: str) -> None:
    one = f'{{"status": 200, "value": {value}}}'
    server.answer = lambda body: (200, f"[{','.join([one] * len(body))}]".encode())
    status = poll(server.client(), 5)
    found = Gatherer(server.client(), "127.0.0.1", Path("/")).gather()
    sent = StatusReply("q", "node-0", "t1", replace(status, figures=found))
    assert parse_message(encode_message(sent)) == sent
    assert found is not None
    assert is_sound(found)
    assert status.load_bytes is None or status.load_bytes >= 0


def test_an_answer_that_comes_byte_by_byte_is_given_up_in_time() -> None:
    """Each byte comes long before a timeout of the socket alone."""
    ended = threading.Event()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 100000\r\n\r\n")
            with suppress(ConnectionError):
                while not ended.wait(0.05):
                    self.wfile.write(b" ")

    with HttpServer(Handler) as slow:
        try:  # the whole answer would take more than an hour
            with pytest.raises(NotReachableError, match="timed out"):
                Jolokia("127.0.0.1", slow.port, "executor", "secret").read([MODE], 0.5)
        finally:
            ended.set()


@pytest.mark.timeout(60)
def test_the_search_for_names_of_exceptions_takes_linear_time() -> None:
    """A time that grows with the square of this length would be hours."""
    assert EXCEPTION.sub("", "a." * 500_000) == "a." * 500_000
    assert EXCEPTION.sub("", "java.lang.RuntimeException: java.io.IOException : no space") == "no space"
