"""`python -m scheduler` as a process: how it starts, how it refuses to, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kazoo.client import KazooClient

from devcluster.requests import UnreachableError, get
from scheduler.errors import Exit
from tests.contract.conftest import Server
from tests.feature.scheduler_process import Make
from tests.http_servers import HttpServer, QuietHandler
from tests.ports import free_port
from tests.waiting import wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper, pytest.mark.timeout(120)]


def test_it_serves_before_it_has_found_mesos_and_ends_in_order(make: Make) -> None:
    scheduler = make().start()
    wait_for("the plan is served", lambda: scheduler.status("/v1/plan") == 200)
    assert scheduler.process is not None
    scheduler.process.terminate()
    assert scheduler.exit_code() == Exit.OK
    # In order means that the lock is free at once, not after the session's time-out.
    second = make().start()
    wait_for("the next one serves", lambda: second.status("/v1/plan") == 200)
    assert "lock removed from a scheduler that has died" not in second.said()


def test_all_bad_settings_are_told_at_once_and_nothing_is_started(make: Make, zookeeper: KazooClient) -> None:
    scheduler = make(
        NODES="2", SEED_NODES="3", CASSANDRA_HEAP_SIZE_MB="9999", CASANDRA_CPUS="1", API_PORT="many"
    ).start()
    assert scheduler.exit_code() == Exit.SETTINGS
    for name in ("SEED_NODES", "CASSANDRA_HEAP_SIZE_MB", "CASANDRA_CPUS", "API_PORT"):
        assert name in scheduler.said()
    assert zookeeper.exists(scheduler.root) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"{not json", "nodes/node-0", id="unreadable"),
        pytest.param(json.dumps({"schema_version": 999, "index": 0}).encode(), "nodes/node-0", id="newer"),
        pytest.param(b"", "nodes/node-0", id="empty"),
    ],
)
def test_a_record_that_cannot_be_read_stops_it_and_stays(
    make: Make, zookeeper: KazooClient, content: bytes, words: str
) -> None:
    scheduler = make()
    path = f"{scheduler.root}/nodes/node-0"
    zookeeper.create(path, content, makepath=True)
    scheduler.start()
    assert scheduler.exit_code() == Exit.STATE
    assert words in scheduler.said()
    assert zookeeper.get(path)[0] == content
    assert zookeeper.exists(f"{scheduler.root}/target") is None


def test_a_second_scheduler_of_the_same_name_ends_and_names_the_first(make: Make, zookeeper: KazooClient) -> None:
    first = make().start()
    wait_for("the first serves", lambda: first.status("/v1/plan") == 200)
    before = zookeeper.get_children(f"{first.root}/configurations")
    second = make(NODES="7", ZOOKEEPER_SESSION_TIMEOUT_S="6").start()
    wait_for("the second's API says why it waits", lambda: "lock" in second.body("/v1/plan"))
    assert second.status("/v1/plan") == 503
    assert second.exit_code() == Exit.LOCKED
    assert "another scheduler" in second.said()
    assert "pid" in second.said()
    assert zookeeper.get_children(f"{first.root}/configurations") == before
    assert first.status("/v1/plan") == 200


def test_a_killed_worker_is_started_again_after_the_dead_ones_session(make: Make) -> None:
    scheduler = make().start()
    wait_for("it serves", lambda: scheduler.status("/v1/plan") == 200)
    assert scheduler.process is not None
    server = psutil.Process(scheduler.process.pid)
    (worker,) = server.children()
    worker.kill()
    wait_for("the next worker serves", lambda: scheduler.status("/v1/plan") == 200 and worker not in server.children())


def test_the_next_one_on_a_machine_does_not_wait_for_the_session_of_one_that_was_killed(make: Make) -> None:
    first = make().start()
    wait_for("it serves", lambda: first.status("/v1/plan") == 200)
    first.stop()
    second = make().start()
    wait_for("the next one serves", lambda: second.status("/v1/plan") == 200, 15.0)
    assert "lock removed from a scheduler that has died" in second.said()


def test_without_zookeeper_the_api_says_what_it_waits_for(make: Make) -> None:
    scheduler = make(ZOOKEEPER_SERVERS=f"127.0.0.1:{free_port()}").start()
    wait_for("the API answers", lambda: scheduler.status("/v1/plan") == 503)
    assert b"ZooKeeper" in get(scheduler.api, "/v1/plan").body
    assert scheduler.status("/admin/ping") == 200
    assert scheduler.status("/v1/health") == 503


def test_while_zookeeper_is_gone_reads_go_on_with_their_age_and_writes_are_refused(make: Make, running: Server) -> None:
    scheduler = make().start()
    wait_for("it serves", lambda: scheduler.status("/v1/plan") == 200)
    running.kill()
    command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST", "-m", "20"]
    url = f"http://{scheduler.api}/v1/plan/interrupt"

    def refused() -> bool:
        return subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout == "503"

    wait_for("writes are refused", refused)
    assert scheduler.status("/v1/plan") == 200
    running.start()
    wait_for("writes are taken again", lambda: not refused())


def test_a_lost_session_ends_it(make: Make, zookeeper: KazooClient) -> None:
    scheduler = make(ZOOKEEPER_SESSION_TIMEOUT_S="6").start()
    wait_for("it serves", lambda: scheduler.status("/v1/plan") == 200)
    assert scheduler.process is not None
    os.killpg(scheduler.process.pid, signal.SIGSTOP)
    wait_for("its session has expired", lambda: not zookeeper.get_children(f"{scheduler.root}/lock"))
    os.killpg(scheduler.process.pid, signal.SIGCONT)
    assert scheduler.exit_code() == Exit.SESSION_LOST
    assert "another scheduler can run" in scheduler.said()


@pytest.fixture
def refusing_master() -> Iterator[str]:
    """A master that refuses every framework with 403, as Mesos does on bad credentials."""

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.reply(403, b"Framework 'x' is not authorized")

    with HttpServer(Handler) as server:
        yield server.address


def test_a_master_that_refuses_ends_it_with_the_masters_words(make: Make, refusing_master: str) -> None:
    scheduler = make(MESOS_MASTER=refusing_master).start()
    assert scheduler.exit_code() == Exit.REFUSED
    assert "403" in scheduler.said()
    assert "is not authorized" in scheduler.said()


def test_an_api_port_that_is_taken_is_told(make: Make) -> None:
    first = make().start()
    wait_for("it serves", lambda: first.status("/v1/plan") == 200)
    second = make(API_PORT=first.environment["API_PORT"], SERVICE_NAME=f"t{uuid.uuid4().hex[:8]}").start()
    assert second.exit_code() != 0
    assert first.environment["API_PORT"] in second.said()
    assert "use" in second.said()


def test_tokens_follow_their_file_and_refusals_are_events(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "tokens"

    def tokens(*arguments: str) -> str:
        command = [sys.executable, "-m", "service", "tokens", *arguments, "--file", str(file)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    token = tokens("add", "alice", "--role", "read")
    scheduler = make(API_TOKEN_FILE=str(file), API_TRUST_ROUTER="false").start()

    def status(path: str, secret: str) -> int:
        try:
            return get(scheduler.api, path, {"Authorization": f"token={secret}"}).status
        except UnreachableError:
            return 0

    def events() -> str:
        return get(scheduler.api, "/v1/events", {"Authorization": f"token={token}"}).body.decode()

    wait_for("the plan is served", lambda: status("/v1/plan", token) == 200)
    assert status("/v1/plan", "guess") == 401
    assert status("/v1/backups?external_location=s3://bucket", token) == 403
    wait_for("the refusal is an event", lambda: '"kind":"ACCESS"' in events().replace(" ", ""))
    other = tokens("add", "bob", "--role", "operate")
    assert status("/v1/plan", other) == 200
    tokens("remove", "alice")
    assert status("/v1/plan", token) == 401
    file.write_text("")
    assert status("/v1/plan", other) == 401
    assert token not in scheduler.said()
    assert "API_TOKEN_FILE" in scheduler.said()
    assert "refused with 403: alice at 127.0.0.1" in scheduler.said()


def test_without_tokens_and_without_a_router_nothing_is_served(make: Make) -> None:
    scheduler = make(API_TRUST_ROUTER="false").start()
    assert scheduler.exit_code() == Exit.SETTINGS
    assert "API_TOKEN_FILE must be set, or API_TRUST_ROUTER must be true" in scheduler.said()
