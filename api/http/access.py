"""What the endpoints work with: the gateway, the settings, and answers made once per snapshot."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, g, jsonify

from scheduler.loop.snapshot import Gateway, Snapshot
from scheduler.metrics import Metrics
from scheduler.security.sealing import Sealer
from scheduler.settings import Settings

EXTENSION = "cassandra-mesos"
# The loop publishes at least this often when all is well; an older snapshot is marked in the answer.
FRESH_SECONDS = 10.0


class Rendered:
    """Answers that depend on nothing but the snapshot, kept until the next one is published."""

    def __init__(self) -> None:
        self._made: tuple[Snapshot | None, dict[str, bytes]] = (None, {})

    def get(self, snapshot: Snapshot, key: str, build: Callable[[Snapshot], Any]) -> bytes:
        """The JSON of `build(snapshot)`. Threads that meet here may build twice, never mix two snapshots."""
        of, answers = self._made
        if of is not snapshot:
            answers = {}
            self._made = (snapshot, answers)
        body = answers.get(key)
        if body is None:
            body = answers[key] = json.dumps(build(snapshot), separators=(",", ":")).encode() + b"\n"
        return body


class Streams:
    """How many streams are open: each holds one of the API's threads, of which half are left for all else."""

    def __init__(self, threads: int) -> None:
        self.limit = max(1, threads // 2)
        self._open = 0
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Whether there is room for one more; then `leave` has to follow."""
        with self._lock:
            if self._open >= self.limit:
                return False
            self._open += 1
            return True

    def leave(self) -> None:
        """One has ended."""
        with self._lock:
            self._open -= 1


@dataclass(frozen=True)
class Access:
    """The parts that every endpoint may use; without a `sealer` no credentials can be taken."""

    gateway: Gateway
    settings: Settings
    sealer: Sealer | None = None
    rendered: Rendered = field(default_factory=Rendered)
    streams: Streams = field(default_factory=lambda: Streams(2))
    metrics: Metrics = field(default_factory=Metrics)


def access() -> Access:
    """Those of the running application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Access)
    return found


def snapshot() -> Snapshot:
    """The published snapshot; raises Unavailable. Its age goes into the answer's headers if it is stale."""
    found = access().gateway.snapshot()
    g.snapshot_at = found.at
    return found


def answer(key: str, build: Callable[[Snapshot], Any], of: Snapshot | None = None) -> Response:
    """The JSON of `build(snapshot)`, 200; `key` names the view. `of`: the snapshot, if it was taken already."""
    body = access().rendered.get(of or snapshot(), key, build)
    return Response(body, mimetype="application/json")


def mark_stale(response: Response) -> Response:
    """Add X-State-Age, in seconds, to an answer made from a snapshot that is not fresh."""
    at = g.get("snapshot_at")
    if at is not None and (age := time.time() - at) > FRESH_SECONDS:
        response.headers["X-State-Age"] = str(round(age))
    return response


def accepted(word: str, identifier: str | None, message: str = "") -> Response:
    """202: it is stored, and carried out from now on."""
    response = jsonify(status=word, message=message, id=identifier)
    response.status_code = HTTPStatus.ACCEPTED
    return response
