"""Events of the cluster: the stored ones, and a stream of new ones."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from flask import Response, jsonify, request

from api.documents import cluster
from api.http import streaming
from api.http.access import access, snapshot
from api.http.arguments import query
from api.http.auth import standing
from api.http.errors import RequestError
from api.http.open_streams import LONGEST_SECONDS, event_stream
from api.openapi.json_schema import ref
from api.openapi.operation import Answer, parameter
from api.openapi.routes import Routes
from executor.number_text import whole_within
from scheduler.core.events.log import KEPT, entries_after, newest_sequence, sequence_before
from scheduler.core.nodes.names import parse_node_name
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.event import Entry
from scheduler.loop.snapshot import Gateway, Snapshot, Unavailable
from scheduler.settings.texts import plain

blueprint = Routes("events", __name__)

# Of all clients together. A thread serves all of them; each costs some kB and a descriptor.
MOST_STREAMS = 256
# Proxies close a connection that is idle for a minute.
ALIVE_SECONDS = 15.0
_NEWER_SECONDS = 1.0
_RETRY = b"retry: 2000\n\n"
_SINCE = parameter("since", "query", "Only later events: the sequence of an event, or a time in ISO 8601")


@blueprint.read(
    "/v1/events",
    "Events of the cluster, oldest first",
    ref("Events"),
    parameters=(
        _SINCE,
        parameter("node", "query", "Only events of this node"),
        parameter("limit", "query", "The largest number of events"),
    ),
    failures=("400",),
)
def kept() -> Response:
    """Return the events after `?since=` (a sequence or a time), oldest first; of one `?node=`; at most `?limit=`."""
    arguments = query("since", "node", "limit")
    limit = _limit(arguments)
    node = _node(arguments)
    found = snapshot()
    after = _since(found, arguments.get("since"))
    entries = entries_after(found.state, after, KEPT)
    if node is not None:
        entries = [entry for entry in entries if entry.node == node]
    return jsonify(
        events=[cluster.event(entry) for entry in entries[:limit]],
        newest=newest_sequence(found.state),
        more=len(entries) > limit,
    )


@blueprint.read(
    "/v1/events/stream",
    "New events, as server-sent events",
    Answer(None, "text/event-stream"),
    parameters=(_SINCE,),
    failures=("400",),
)
def stream() -> Response:
    """Stream new events as server-sent events, from `?since=` or Last-Event-ID on, else from now on."""
    arguments = query("since")
    found = snapshot()
    text = request.headers.get("Last-Event-ID") or arguments.get("since")
    # A number above the newest is of an earlier service of this name: all that it waits for would be skipped.
    newest = newest_sequence(found.state)
    after = newest if text is None else min(_since(found, text), newest)
    outlet, now = request.environ.get(streaming.ENVIRON), time.monotonic()
    if not isinstance(outlet, streaming.Outlet):
        return event_stream(_held(access().gateway, EventStream(after, now), standing()))
    stream = OpenEventStream(after, now, outlet=outlet, began=now, stands=standing())
    opened = access().event_streams.open(stream, _RETRY)
    if opened is None:
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE, f"All {MOST_STREAMS} streams are in use: read /v1/events instead."
        )
    return opened


@dataclass(eq=False)
class EventStream:
    """What one client has had: the events up to the number `after`, and anything at all at `sent_at`."""

    after: int
    sent_at: float

    def news(self, state: ClusterState) -> bytes:
        """Return the text of the events that are new, each once, and a comment after a long silence."""
        now = time.monotonic()
        entries = entries_after(state, self.after, KEPT) if newest_sequence(state) > self.after else []
        if entries:
            self.after = entries[-1].sequence
        elif now - self.sent_at < ALIVE_SECONDS:
            return b""
        self.sent_at = now
        return "".join(map(_message, entries)).encode() or b": nothing happened\n\n"


@dataclass(eq=False, kw_only=True)
class OpenEventStream(EventStream):
    """An event stream without a thread. Routers stand before many clients, so no address has a limit of its own."""

    outlet: streaming.Outlet
    began: float
    stands: Callable[[], bool]
    address: str = ""

    def send(self, found: Snapshot, fresh: bool) -> bool:
        """Push what is new; return False if the client is gone, or may not read any more."""
        if not self.stands():
            self.outlet.end()
            return False
        message = self.news(found.state)
        return self.outlet.push(message) if message else True


def _held(gateway: Gateway, stream: EventStream, stands: Callable[[], bool]) -> Iterator[bytes]:
    """Yield the stream from the request's own thread, under a server that offers nothing else."""
    began = time.monotonic()
    yield _RETRY
    last: Snapshot | None = None
    while time.monotonic() - began < LONGEST_SECONDS and not gateway.ending and stands():
        try:
            last = gateway.newer(last, _NEWER_SECONDS)
        except Unavailable:
            return
        if message := stream.news(last.state):
            yield message


def _message(entry: Entry) -> str:
    return f"id: {entry.sequence}\nevent: {entry.kind.value}\ndata: {json.dumps(cluster.event(entry))}\n\n"


def _since(found: Snapshot, text: str | None) -> int:
    """Return the sequence of the last event to skip."""
    if text is None:
        return 0
    if (number := whole_within(text, 0)) is not None:
        return number
    try:
        when = datetime.fromisoformat(text)
        at = when.timestamp() if when.tzinfo is not None else None
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise RequestError(
            HTTPStatus.BAD_REQUEST,
            "The query parameter since must be an event's sequence or a time as 2024-01-31T23:59:59Z, not "
            f"{plain(text)}.",
        )
    return sequence_before(found.state, at)


def _node(arguments: Mapping[str, str]) -> str | None:
    """Return the full name of a node, which need not exist any more."""
    text = arguments.get("node")
    if text is None:
        return None
    name = parse_node_name(text)
    if name is None:
        rule = f"The query parameter node must be a node's name, such as node-0, not {plain(text)}."
        raise RequestError(HTTPStatus.BAD_REQUEST, rule)
    return name


def _limit(arguments: Mapping[str, str]) -> int:
    text = arguments.get("limit", str(KEPT))
    if (found := whole_within(text, 1, KEPT)) is None:
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"The query parameter limit must be a number from 1 to {KEPT}, not {plain(text)}."
        )
    return found
