"""The gateway, the settings, and answers made once per snapshot, for all endpoints."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from flask import Response, current_app, g, jsonify

from api.http.errors import refusal_error
from api.http.open_streams import OpenStreams
from api.http.reasons import read_reason
from scheduler.core.commands.command import Command
from scheduler.loop.snapshot import Gateway, Snapshot
from scheduler.metrics import Metrics
from scheduler.security.api_certificate import Identity
from scheduler.security.backup_keys import NO_KEYS, BackupKeys
from scheduler.security.sealing import Sealer
from scheduler.settings import Settings

EXTENSION = "cassandra-mesos"
# The loop publishes at least this often while ZooKeeper answers; an older snapshot is marked in the answer.
FRESH_SECONDS = 10.0


class Rendered:
    """Answers that depend on the snapshot alone, kept until the next one is published."""

    def __init__(self) -> None:
        self._made: tuple[Snapshot | None, dict[str, bytes]] = (None, {})

    def get(self, snapshot: Snapshot, key: str, build: Callable[[Snapshot], Any]) -> bytes:
        """Return the JSON of `build(snapshot)`. Two threads can both build it; they never mix two snapshots."""
        of, answers = self._made
        if of is not snapshot:
            answers = {}
            self._made = (snapshot, answers)
        body = answers.get(key)
        if body is None:
            body = answers[key] = json.dumps(build(snapshot), separators=(",", ":")).encode() + b"\n"
        return body


class Places:
    """The places for questions to a store of backups, which hold a thread, and memory of an executor, until it answers.

    They take a fourth of the API's threads at the most.
    """

    def __init__(self, threads: int) -> None:
        self.limit = max(1, threads // 4)
        self._open = 0
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Take a place if one is free, and return whether one was; `leave` must follow then."""
        with self._lock:
            if self._open >= self.limit:
                return False
            self._open += 1
            return True

    def leave(self) -> None:
        """Free a place."""
        with self._lock:
            self._open -= 1


@dataclass(frozen=True)
class Access:
    """The parts that every endpoint can use; without a `sealer` requests with credentials are refused."""

    gateway: Gateway
    settings: Settings
    event_streams: OpenStreams
    sealer: Sealer | None = None
    rendered: Rendered = field(default_factory=Rendered)
    questions: Places = field(default_factory=lambda: Places(4))
    metrics: Metrics = field(default_factory=Metrics)
    # What an operator must do about the API's certificate.
    warnings: Callable[[], Sequence[str]] = tuple
    # The API's certificate; None for plain HTTP.
    identity: Callable[[], Identity | None] = lambda: None
    backup_keys: BackupKeys = NO_KEYS
    # The last entries of the process's log, the oldest first.
    recent_log: Callable[[], Sequence[str]] = tuple


def access() -> Access:
    """Return those of the running application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Access)
    return found


def snapshot() -> Snapshot:
    """Return the published snapshot; the answer's headers get its age if it is stale.

    Raises:
        Unavailable: There is none.
    """
    found = access().gateway.snapshot()
    # Of this moment: a request that then waits for a node would count its own time.
    g.snapshot_age = time.time() - found.at
    return found


def submit(command: Command) -> None:
    """Have the scheduler carry out a command of the request's principal. Raises RequestError if it refuses."""
    refusal = access().gateway.submit(command, g.principal, read_reason())
    if refusal is not None:
        raise refusal_error(refusal)


def answer(key: str, build: Callable[[Snapshot], Any], of: Snapshot | None = None) -> Response:
    """Answer 200 with the JSON of `build(snapshot)`.

    Args:
        key: The name under which the answer is kept.
        build: Makes the document.
        of: The snapshot; None for the published one.
    """
    body = access().rendered.get(of or snapshot(), key, build)
    return Response(body, mimetype="application/json")


def stale_seconds() -> int | None:
    """Return the age of the snapshot that the answer is made from; None while it is fresh."""
    age: float | None = g.get("snapshot_age")
    return round(age) if age is not None and age > FRESH_SECONDS else None


def mark_stale(response: Response) -> Response:
    """Add X-State-Age, in seconds, to an answer made from a snapshot that is not fresh."""
    age = stale_seconds()
    if age is not None:
        response.headers["X-State-Age"] = str(age)
    return response


def answer_accepted(word: str, identifier: str | None, message: str = "") -> Response:
    """Answer 202: the command is stored, and its work begins.

    Args:
        word: The answer's `status`.
        identifier: The operation's id.
        message: A remark for the operator.
    """
    response = jsonify(status=word, message=message, id=identifier)
    response.status_code = HTTPStatus.ACCEPTED
    return response
