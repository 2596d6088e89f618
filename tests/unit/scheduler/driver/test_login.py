"""The login of a service account at a small HTTPS server that verifies it, and a master that wants its token."""

from __future__ import annotations

import base64
import json
import logging
import queue
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from scheduler.core.mesos.updates import Registered
from scheduler.driver.driver import Driver
from scheduler.driver.framework_info import FrameworkSettings
from scheduler.driver.login import RENEW_AFTER, RETRY_SECONDS, Account, LoginError
from scheduler.errors import Exit
from scheduler.loop.messages import Event, Fatal
from scheduler.security.service_account import ServiceAccount
from scheduler.security.tls import Tls
from tests.certificates import DAY, Authority
from tests.http_servers import HttpServer, QuietHandler
from tests.waiting import wait_for

KEY = rsa.generate_private_key(65537, 2048)
UID = "cassandra-account"


@dataclass
class Iam:
    """The state of a login server: the tokens that it gave, how long they last, what it answers instead."""

    lasts: float = 100.0
    given: list[str] = field(default_factory=list)
    instead: tuple[int, bytes] | None = None

    def log_in(self, body: bytes) -> tuple[int, bytes]:
        if self.instead is not None:
            return self.instead
        sent = json.loads(body)
        head, claims, signature = sent["token"].split(".")
        try:
            KEY.public_key().verify(
                _decode(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            return 401, b'{"code": "ERR_INVALID_TOKEN"}'
        found = json.loads(_decode(claims))
        assert json.loads(_decode(head)) == {"alg": "RS256", "typ": "JWT"}
        if not found["uid"] == sent["uid"] == UID or found["exp"] < time.time():
            return 401, b"{}"
        answer = base64.urlsafe_b64encode(json.dumps({"uid": UID, "exp": time.time() + self.lasts}).encode()).decode()
        self.given.append(f"head{len(self.given)}.{answer.rstrip('=')}.signature")
        return 200, json.dumps({"token": self.given[-1]}).encode()


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@dataclass
class Master:
    """The state of a master that streams to a subscriber with a token that it takes."""

    taken: list[str] = field(default_factory=list)
    seen: list[str | None] = field(default_factory=list)
    ends: threading.Event = field(default_factory=threading.Event)  # of the streams


def serve(iam: Iam, master: Master) -> type[QuietHandler]:
    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/login":
                status, answer = iam.log_in(body)
                self.reply(status, answer, Location="/elsewhere")
                return
            authorization = self.headers.get("Authorization")
            master.seen.append(authorization)
            if authorization not in master.taken:
                self.reply(401, b"401 Unauthorized.")
            elif json.loads(body)["type"] != "SUBSCRIBE":
                self.reply(202)
            else:
                self.stream()

        def stream(self) -> None:
            event = {"type": "SUBSCRIBED", "subscribed": {"framework_id": {"value": "f-1"}}}
            data = json.dumps(event).encode()
            record = f"{len(data)}\n".encode() + data
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Mesos-Stream-Id", "s-1")
            self.end_headers()
            self.wfile.write(f"{len(record):x}\r\n".encode() + record + b"\r\n")
            master.ends.wait(30.0)
            master.ends.clear()
            self.close_connection = True

    return Handler


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class World:
    """One HTTPS server for both, and what the scheduler knows of it."""

    iam: Iam
    master: Master
    server: HttpServer
    tls: Tls
    authority: Authority
    clock: Clock = field(default_factory=Clock)

    @property
    def account(self) -> ServiceAccount:
        return ServiceAccount(UID, f"https://{self.server.address}/login", KEY)

    def login(self, **changes: Any) -> Account:
        return Account(replace(self.account, **changes), self.tls, self.clock)


def open_world(folder: Path, lasts: timedelta = DAY) -> World:
    authority = Authority(folder)
    issued = authority.issue("server", lasts=lasts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    iam, master = Iam(), Master()
    return World(iam, master, HttpServer(serve(iam, master), context), Tls(str(authority.ca)), authority)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = open_world(tmp_path)
    yield made
    made.server.close()


def test_a_token_is_used_until_it_is_about_to_end(world: World) -> None:
    login = world.login()
    assert login.header() is None
    login.prepare()
    assert login.header() == f"token={world.iam.given[0]}"
    login.renew()
    world.clock.ahead = world.iam.lasts * RENEW_AFTER - 5.0
    login.renew()
    login.prepare()
    assert len(world.iam.given) == 1
    world.clock.ahead = world.iam.lasts * RENEW_AFTER + 1.0
    login.renew()
    assert login.header() == f"token={world.iam.given[1]}"


def test_a_token_that_seems_to_have_ended_is_not_replaced_all_the_time(world: World) -> None:
    """The scheduler's clock can be ahead of the login server's; the driver asks in each of its turns."""
    world.iam.lasts = -60.0
    login = world.login()
    login.prepare()
    for _ in range(3):
        login.renew()
    assert len(world.iam.given) == 1
    world.clock.ahead = RETRY_SECONDS + 1.0
    login.renew()
    assert len(world.iam.given) == 2


def test_a_renewal_that_fails_keeps_the_token_and_is_tried_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    login = world.login()
    login.prepare()
    world.clock.ahead = world.iam.lasts * RENEW_AFTER + 1.0
    world.iam.instead = (503, b"")
    login.renew()
    login.renew()
    assert login.header() == f"token={world.iam.given[0]}"
    assert len([record for record in caplog.records if "could not be renewed" in record.getMessage()]) == 1
    world.iam.instead = None
    world.clock.ahead += RETRY_SECONDS + 1.0
    login.renew()
    assert login.header() == f"token={world.iam.given[1]}"


def test_after_a_refusal_an_older_token_is_replaced_and_a_new_one_is_the_end(world: World) -> None:
    login = world.login()
    login.prepare()
    assert not login.refused()
    login.prepare()
    login.renew()  # as after a subscription
    assert login.refused()
    login.prepare()
    assert len(world.iam.given) == 3


@pytest.mark.parametrize(
    ("instead", "words", "refused"),
    [
        ((401, b"{}"), "answered 401 Unauthorized; look whether the account exists and has the public key", True),
        ((403, b"{}"), "answered 403 Forbidden; look whether the account exists", True),
        ((503, b""), "answered 503 Service Unavailable", False),
        ((302, b""), "answered 302 Found", False),
        ((307, b""), "answered 307 Temporary Redirect", False),
        ((200, b"<html>"), "gave no token", False),
        ((200, b'{"token": 5}'), "gave no token", False),
        ((200, b'{"token": "a\\r\\nHost: b"}'), "gave no token", False),
        ((200, b"[" * 60_000), "gave no token", False),
    ],
)
def test_each_failed_login_is_one_sentence(world: World, instead: tuple[int, bytes], words: str, refused: bool) -> None:
    world.iam.instead = instead
    with pytest.raises(LoginError) as caught:
        world.login().prepare()
    assert str(caught.value).startswith(f"login of service account {UID}: {world.account.endpoint} {words}")
    assert caught.value.refused == refused


def test_no_proxy_gets_the_login(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    world.login().prepare()
    assert len(world.iam.given) == 1


def test_the_key_of_another_account_is_refused(world: World) -> None:
    with pytest.raises(LoginError, match="answered 401"):
        world.login(key=rsa.generate_private_key(65537, 2048)).prepare()


def test_an_endpoint_that_is_not_to_be_trusted_gets_nothing(world: World, tmp_path: Path) -> None:
    world.tls = Tls(str(Authority(tmp_path / "other").ca))
    with pytest.raises(LoginError, match="is not of an authority in MESOS_CA_FILE"):
        world.login().prepare()
    with pytest.raises(LoginError, match="is not of an authority in the system; set MESOS_CA_FILE"):
        Account(world.account, None, world.clock).prepare()
    with pytest.raises(LoginError, match="cannot be reached"):
        world.login(endpoint="https://127.0.0.1:1/login").prepare()
    assert world.iam.given == []


def test_an_expired_certificate_of_the_endpoint(tmp_path: Path) -> None:
    world = open_world(tmp_path, -DAY)
    with pytest.raises(LoginError, match="has expired: renew it"):
        world.login().prepare()
    world.server.close()


@pytest.fixture
def driver(world: World) -> Iterator[tuple[Driver, queue.SimpleQueue[Event]]]:
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    settings = FrameworkSettings(
        master=world.server.address, name="t", user="root", role="r", principal=UID, secret=None,
        failover_seconds=60.0, hostname="127.0.0.1", tls=world.tls, account=world.account,
    )  # fmt: skip
    made = Driver(settings, None, events.put)
    yield made, events
    made.stop()


def test_a_driver_subscribes_with_a_token_and_logs_in_again_after_a_401(
    world: World, driver: tuple[Driver, queue.SimpleQueue[Event]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    subscriber, events = driver
    # The master knows a token as soon as it was given.
    world.master.taken = TakesAll(world.iam)
    subscriber.start()
    assert isinstance(events.get(timeout=20), Registered)
    subscriber.revive()
    assert world.master.seen == [f"token={world.iam.given[0]}"] * 2
    wait_for("the token is in use", lambda: not subscriber._mesos._login._is_new)  # type: ignore[attr-defined]
    world.master.taken = TakesAll(world.iam, 1)
    with pytest.raises(Exception, match="REVIVE did not arrive"):
        subscriber.revive()
    while not isinstance(events.get(timeout=20), Registered):
        pass
    assert world.master.seen[-1] == f"token={world.iam.given[1]}"
    subscriber.revive()
    world.master.ends.set()
    text = caplog.text
    assert not [token for token in world.iam.given if token in text]


def test_a_driver_logs_in_again_when_its_subscription_is_refused(
    world: World, driver: tuple[Driver, queue.SimpleQueue[Event]]
) -> None:
    subscriber, events = driver
    world.master.taken = TakesAll(world.iam)
    subscriber.start()
    assert isinstance(events.get(timeout=20), Registered)
    wait_for("the token is in use", lambda: not subscriber._mesos._login._is_new)  # type: ignore[attr-defined]
    world.master.taken = TakesAll(world.iam, 1)
    world.master.ends.set()
    while not isinstance(events.get(timeout=20), Registered):
        pass
    assert world.master.seen == [f"token={world.iam.given[index]}" for index in (0, 0, 1)]
    world.master.ends.set()


class TakesAll(list[str]):
    """The tokens that a login gave, from one of them on."""

    def __init__(self, iam: Iam, begin: int = 0) -> None:
        super().__init__()
        self._iam, self._begin = iam, begin

    def __contains__(self, authorization: object) -> bool:
        return authorization in [f"token={token}" for token in self._iam.given[self._begin :]]


def test_a_new_token_that_the_master_refuses_is_the_end_with_a_hint(
    world: World, driver: tuple[Driver, queue.SimpleQueue[Event]]
) -> None:
    subscriber, events = driver
    subscriber.start()
    fatal = events.get(timeout=20)
    assert isinstance(fatal, Fatal)
    assert fatal.error.code is Exit.REFUSED
    words = "refuses the subscription with HTTP 401: b'401 Unauthorized.'; look whether the master knows the service"
    assert words in str(fatal.error)
    assert not [token for token in world.iam.given if token in str(fatal.error)]


def test_a_login_that_is_refused_is_the_end(world: World, driver: tuple[Driver, queue.SimpleQueue[Event]]) -> None:
    world.iam.instead = (401, b"{}")
    subscriber, events = driver
    subscriber.start()
    fatal = events.get(timeout=20)
    assert isinstance(fatal, Fatal)
    assert (fatal.error.code, world.master.seen) == (Exit.REFUSED, [])
    assert "look whether the account exists" in str(fatal.error)
