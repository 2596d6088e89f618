"""What happened, read and streamed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from api.endpoints.events import LONGEST_SECONDS
from api.http.access import Streams
from scheduler.core.events.log import add_entries
from scheduler.core.state.event import Entry, EntryKind
from scheduler.loop.snapshot import Snapshot
from tests.unit.api.cluster import CoreGateway, document


@pytest.fixture(autouse=True)
def entries(gateway: CoreGateway) -> None:
    happened = [
        Entry(0, 100.0, EntryKind.LAUNCHED, "the task a is launched", node="node-0", subject="a", cause="its turn"),
        Entry(0, 200.0, EntryKind.COMMAND, "alice asked to interrupt (plan deploy)", principal="alice"),
        Entry(0, 300.0, EntryKind.MEMBER, "node-0: it is a member of the ring", node="node-0"),
    ]
    gateway.state = add_entries(replace(gateway.state, journal={}), happened)


@pytest.mark.parametrize(
    ("query", "sequences", "more"),
    [
        ("", [1, 2, 3], False),
        ("?since=0", [1, 2, 3], False),
        ("?since=2", [3], False),
        ("?since=99", [], False),
        ("?since=1970-01-01T00:03:20Z", [2, 3], False),
        ("?since=1970-01-01T00:03:20.5Z", [3], False),
        ("?node=node-0", [1, 3], False),
        ("?node=node-9", [], False),
        ("?limit=2", [1, 2], True),
        ("?limit=1&since=1", [2], True),
    ],
)
def test_which_are_read(client: FlaskClient, query: str, sequences: list[int], more: bool) -> None:
    found = document(client.get(f"/v1/events{query}"))
    assert [event["sequence"] for event in found["events"]] == sequences
    assert (found["newest"], found["more"]) == (3, more)


def test_what_is_read(client: FlaskClient) -> None:
    (event,) = document(client.get("/v1/events?limit=1"))["events"]
    assert event == {
        "sequence": 1,
        "at": "1970-01-01T00:01:40Z",
        "kind": "LAUNCHED",
        "message": "the task a is launched",
        "node": "node-0",
        "subject": "a",
        "cause": "its turn",
        "principal": "",
    }


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/events?since=yesterday", "The query parameter since must be an event's sequence or a time"),
        ("/v1/events?since=2024-01-31T23:59:59", "The query parameter since must be"),
        ("/v1/events?since=-1", "The query parameter since must be"),
        (f"/v1/events?since={'9' * 400}", "The query parameter since must be"),
        ("/v1/events?limit=0", "The query parameter limit must be a number from 1 to 1000, not 0."),
        ("/v1/events?limit=1001", "The query parameter limit must be"),
        ("/v1/events?after=1", "The query parameter after is unknown; known: since, node, limit."),
        ("/v1/events/stream?since=x", "The query parameter since must be"),
        ("/v1/events/stream?limit=1", "The query parameter limit is unknown; known: since."),
    ],
)
def test_bad_requests(client: FlaskClient, path: str, words: str) -> None:
    response = client.get(path)
    assert response.status_code == 400
    assert document(response)["message"].startswith(words)


class Growing(CoreGateway):
    """One more entry each time that somebody waits, then the end."""

    def __init__(self, before: CoreGateway) -> None:
        super().__init__(before.state)
        self.left = 2

    @property
    def ending(self) -> bool:
        return self.left == 0

    def newer(self, than: Snapshot | None, seconds: float) -> Snapshot:
        self.left -= 1
        self.state = add_entries(self.state, [Entry(0, 400.0, EntryKind.UP, "node-0: it is up again", node="node-0")])
        return self.snapshot()


@pytest.mark.parametrize(
    ("query", "headers", "ids"),
    [
        ("", {}, ["4", "5"]),
        ("?since=1", {}, ["2", "3", "4", "5"]),
        ("?since=1", {"Last-Event-ID": "3"}, ["4", "5"]),
    ],
)
def test_a_stream(
    client: FlaskClient, gateway: CoreGateway, query: str, headers: dict[str, str], ids: list[str]
) -> None:
    access = client.application.extensions["cassandra-mesos"]
    client.application.extensions["cassandra-mesos"] = replace(access, gateway=Growing(gateway))
    response = client.get(f"/v1/events/stream{query}", headers=headers)
    assert response.mimetype == "text/event-stream"
    lines = response.text.splitlines()
    assert [line.removeprefix("id: ") for line in lines if line.startswith("id: ")] == ids
    assert lines.count("event: UP") == 2
    assert '"message": "node-0: it is up again"' in lines[-2]


def test_streams_leave_room_for_all_else() -> None:
    streams = Streams(4)
    assert [streams.enter() for _ in range(3)] == [True, True, False]
    streams.leave()
    assert streams.enter()
    assert LONGEST_SECONDS > 60


def test_too_many_streams(client: FlaskClient) -> None:
    access = client.application.extensions["cassandra-mesos"]
    full = Streams(2)
    full.enter()
    client.application.extensions["cassandra-mesos"] = replace(access, streams=full)
    response = client.get("/v1/events/stream")
    assert response.status_code == 503
    assert document(response)["message"].startswith("All 1 streams are in use")
