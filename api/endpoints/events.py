"""Events of the cluster: the stored ones, and a stream of new ones."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from http import HTTPStatus

from flask import Response, jsonify, request

from api.documents import cluster
from api.http.access import Access, access, snapshot
from api.http.arguments import query
from api.http.errors import RequestError
from api.openapi.json_schema import ref
from api.openapi.operation import Answer, parameter
from api.openapi.routes import Routes
from executor.number_text import whole_within
from scheduler.core.events.log import KEPT, entries_after, newest_sequence, sequence_before
from scheduler.core.state.event import Entry
from scheduler.loop.snapshot import Snapshot, Unavailable
from scheduler.settings.texts import plain

blueprint = Routes("events", __name__)

# Proxies close a connection that is idle for a minute.
ALIVE_SECONDS = 15.0
_NEWER_SECONDS = 1.0
# A stream ends by itself: a client that vanished must not hold a thread for good.
LONGEST_SECONDS = 3600.0
_MOST = 10**18 - 1
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
    node = arguments.get("node")
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
    after = newest_sequence(found.state) if text is None else _since(found, text)
    using = access()
    if not using.streams.enter():
        raise RequestError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            f"All {using.streams.limit} streams are in use: read /v1/events instead, or raise API_THREADS.",
        )
    response = Response(_events(using, after), mimetype="text/event-stream")
    response.call_on_close(using.streams.leave)
    response.headers["X-Accel-Buffering"] = "no"  # nginx, the admin router's server, would hold events back
    return response


def _events(using: Access, after: int) -> Iterator[str]:
    """Yield the text of the stream: each event once, and a comment after a long silence."""
    began = sent_at = time.monotonic()
    yield "retry: 2000\n\n"
    last: Snapshot | None = None
    while time.monotonic() - began < LONGEST_SECONDS and not using.gateway.ending:
        try:
            last = using.gateway.newer(last, _NEWER_SECONDS)
        except Unavailable:
            return
        for entry in entries_after(last.state, after, KEPT):
            after, sent_at = entry.sequence, time.monotonic()
            yield _message(entry)
        if time.monotonic() - sent_at >= ALIVE_SECONDS:
            sent_at = time.monotonic()
            yield ": nothing happened\n\n"


def _message(entry: Entry) -> str:
    return f"id: {entry.sequence}\nevent: {entry.kind.value}\ndata: {json.dumps(cluster.event(entry))}\n\n"


def _since(found: Snapshot, text: str | None) -> int:
    """Return the sequence of the last event to skip."""
    if text is None:
        return 0
    if (number := whole_within(text, 0, _MOST)) is not None:
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


def _limit(arguments: Mapping[str, str]) -> int:
    text = arguments.get("limit", str(KEPT))
    if (found := whole_within(text, 1, KEPT)) is None:
        raise RequestError(
            HTTPStatus.BAD_REQUEST, f"The query parameter limit must be a number from 1 to {KEPT}, not {plain(text)}."
        )
    return found
