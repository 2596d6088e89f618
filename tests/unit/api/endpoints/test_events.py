"""What happened, read and streamed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api import create_app
from api.endpoints import events
from api.http.access import Places
from api.http.client_roles import ENVIRON as CLIENT
from api.http.streaming import ENVIRON
from scheduler.core.events.log import add_entries
from scheduler.core.state.event import Entry, EntryKind
from scheduler.loop.snapshot import Snapshot
from scheduler.security.client_names import ClientCertificate
from tests.unit.api.cluster import CoreGateway, document, make_settings
from tests.unit.api.outlet import Outlet
from tests.waiting import wait_for


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
        ("?node=0", [1, 3], False),
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
        ("/v1/events?node=banana", "The query parameter node must be a node's name, such as node-0, not banana."),
        ("/v1/events?kind=MEMBER", "The query parameter kind is unknown; known: since, node, limit."),
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
        ("", {"Last-Event-ID": "99"}, ["4", "5"]),
    ],
)
def test_a_stream_under_another_server(
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


class Waiting(CoreGateway):
    """It publishes once somebody waits for news, as the loop does."""

    def newer(self, than: Snapshot | None, seconds: float) -> Snapshot:
        time.sleep(0.01)
        return self.snapshot()


@pytest.fixture
def waiting(gateway: CoreGateway) -> Iterator[Waiting]:
    found = Waiting(gateway.state)
    yield found
    found.ends = True
    wait_for("the thread ends", lambda: "event-streams" not in {item.name for item in threading.enumerate()}, 30)


def opened(app: Flask, query: str = "", **more: object) -> tuple[int, Outlet, str]:
    """Open a stream as the server does; return its status, what was pushed, and the answer's first bytes."""
    outlet = Outlet()
    environ = {**EnvironBuilder("/v1/events/stream", query_string=query).get_environ(), ENVIRON: outlet, **more}
    body, status, _ = run_wsgi_app(app.wsgi_app, environ, buffered=True)
    return int(status.partition(" ")[0]), outlet, b"".join(body).decode()


def happen(gateway: CoreGateway, message: str) -> None:
    gateway.state = add_entries(gateway.state, [Entry(0, 400.0, EntryKind.UP, message, node="node-0")])


def test_one_thread_serves_all_streams(waiting: Waiting) -> None:
    app = create_app(waiting, make_settings())
    (_, old, first), (_, new, _) = opened(app, "since=1"), opened(app)
    assert first == "retry: 2000\n\n"
    wait_for("the kept events come", lambda: old.ids() == ["2", "3"], 30)
    old.busy = True
    happen(waiting, "one")
    wait_for("the event comes", lambda: new.ids() == ["4"], 30)
    assert old.ids() == ["2", "3"]
    happen(waiting, "two")
    old.busy = False
    wait_for("a slow client gets what it missed", lambda: old.ids() == ["2", "3", "4", "5"], 30)
    wait_for("the event comes", lambda: new.ids() == ["4", "5"], 30)
    assert [item.name for item in threading.enumerate()].count("event-streams") == 1
    new.gone = True
    happen(waiting, "three")
    wait_for("the event comes", lambda: old.ids()[-1] == "6", 30)
    assert new.ids() == ["4", "5"]
    waiting.ends = True
    wait_for("the stream ends with the process", lambda: old.ended, 30)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_of_the_thread_is_over_with_the_next_stream(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_app(waiting, make_settings())
    monkeypatch.setattr(waiting, "newer", lambda than, seconds: 1 // 0)
    _, first, _ = opened(app, "since=1")
    wait_for("the thread ends", lambda: "event-streams" not in {item.name for item in threading.enumerate()}, 30)
    monkeypatch.undo()
    _, second, _ = opened(app, "since=1")
    wait_for("both get their events", lambda: first.ids() == second.ids() == ["2", "3"], 30)


@pytest.mark.parametrize(
    ("setting", "before", "after", "proof"),
    [
        pytest.param(
            "API_TOKEN_FILE", "alice:read:alices-token", "bob:read:bobs-token",
            {"HTTP_AUTHORIZATION": "token=alices-token"}, id="token",
        ),
        pytest.param(
            "API_CLIENT_ROLES_FILE", "alice:read", "bob:read", {CLIENT: ClientCertificate("alice", 1e12)},
            id="certificate",
        ),
    ],
)  # fmt: skip
def test_a_stream_ends_with_the_right_to_read(
    waiting: Waiting, tmp_path: Path, setting: str, before: str, after: str, proof: dict[str, object]
) -> None:
    file = tmp_path / "rights"
    file.write_text(before)
    settings = replace(make_settings(API_TRUST_ROUTER="true"), **{setting.lower(): str(file)})  # type: ignore[arg-type]
    status, outlet, _ = opened(create_app(waiting, settings), "since=1", **proof)
    assert status == 200
    wait_for("the kept events come", lambda: outlet.ids() == ["2", "3"], 30)
    file.write_text(after)
    wait_for("the stream ends", lambda: outlet.ended, 30)
    happen(waiting, "a secret")
    assert outlet.ids() == ["2", "3"]


def test_silent_streams_get_comments(waiting: Waiting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "ALIVE_SECONDS", 0.05)
    _, outlet, _ = opened(create_app(waiting, make_settings()))
    wait_for("signs of life come", lambda: outlet.pushed.count(b": nothing happened\n\n") > 1, 30)


def test_too_many_streams(waiting: Waiting) -> None:
    app = create_app(waiting, make_settings())
    assert {opened(app)[0] for _ in range(events.MOST_STREAMS)} == {200}
    status, outlet, body = opened(app)
    assert (status, outlet.pushed) == (503, [])
    assert "All 256 streams are in use: read /v1/events instead." in body


def test_places_leave_room_for_all_else() -> None:
    places = Places(8)
    assert [places.enter() for _ in range(3)] == [True, True, False]
    places.leave()
    assert places.enter()
