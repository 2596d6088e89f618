"""News of views as server-sent events: what each stream gets, and when it ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api.http.sessions import COOKIE
from api.http.streaming import ENVIRON
from api.page import stream
from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state
from tests.unit.api.outlet import Outlet
from tests.unit.api.page.browser import Browser, trusted, with_tokens
from tests.waiting import wait_for

_ALIVE = b"event: alive\ndata: 0\n\n"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[CoreGateway]:
    monkeypatch.setattr(stream, "PERIOD_SECONDS", 0.02)
    monkeypatch.setattr(stream, "ALIVE_SECONDS", 0.05)
    found = CoreGateway(make_state(make_settings(), make_node(0), make_node(1)))
    yield found
    found.ends = True
    wait_for("the thread ends", lambda: "page-streams" not in {item.name for item in threading.enumerate()}, 30)


def opened(browser: Browser, query: str, address: str = "10.0.0.9") -> tuple[int, Outlet]:
    """Open a stream as the server does; return its status."""
    client = Outlet()
    builder = EnvironBuilder("/ui/stream", query_string=query, environ_overrides={"REMOTE_ADDR": address})
    cookie = browser.client.get_cookie(COOKIE, path="/ui")
    environ = {**builder.get_environ(), ENVIRON: client, "HTTP_COOKIE": f"{COOKIE}={cookie.value}" if cookie else ""}
    _, status, _ = run_wsgi_app(browser.client.application, environ, buffered=True)
    return int(status.partition(" ")[0]), client


def pause(gateway: CoreGateway, name: str) -> None:
    node = replace(gateway.state.nodes[name], mode="PAUSED")
    gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, name: node})


def test_each_view_gets_its_news_once(gateway: CoreGateway) -> None:
    browser = trusted(gateway)
    streams = [opened(browser, f"view={view}&live=old")[1] for view in ("ring", ".", "node&node=node-1")]
    wait_for("the parts come", lambda: all(client.has('<div id="live"') for client in streams), 30)
    pause(gateway, "node-1")
    wait_for("the news come", lambda: all(client.has("paused") for client in streams), 30)
    wait_for("signs of life come", lambda: all(_ALIVE in client.pushed for client in streams), 30)
    for client in streams:
        parts = [data for data in client.pushed if data.startswith(b"event: part")]
        assert len(set(parts)) == len(parts)
        assert all(data.endswith(b"\n\n") and b"\n\n" not in data[:-2] for data in client.pushed)


def test_a_slow_client_gets_nothing_until_it_has_taken_all(gateway: CoreGateway) -> None:
    _, slow = opened(trusted(gateway), "view=ring&live=old")
    wait_for("the part comes", lambda: slow.has("live"), 30)
    slow.busy = True
    taken = len(slow.pushed)
    _, other = opened(trusted(gateway), "view=ring&live=old")
    pause(gateway, "node-1")
    wait_for("another one has the news", lambda: other.has("paused"), 30)
    assert len(slow.pushed) <= taken + 1  # one may have been on its way
    slow.busy = False
    wait_for("the news come", lambda: slow.has("paused"), 30)


def test_the_thread_ends_with_the_last_stream(gateway: CoreGateway) -> None:
    _, client = opened(trusted(gateway), "view=ring&live=old")
    wait_for("the part comes", lambda: client.has("live"), 30)
    client.gone = True
    wait_for("the thread ends", lambda: "page-streams" not in {item.name for item in threading.enumerate()}, 30)


def test_streams_end_with_the_process(gateway: CoreGateway) -> None:
    browser = trusted(gateway)
    _, client = opened(browser, "view=ring&live=old")
    gateway.ends = True
    wait_for("the stream ends", lambda: client.ended, 30)
    assert opened(browser, "view=ring")[0] == 503


def test_a_stream_ends_with_its_session(gateway: CoreGateway, tmp_path: Path) -> None:
    browser = with_tokens(gateway, tmp_path)
    assert opened(browser, "view=ring")[0] in (303, 401)
    browser.log_in("read-token")
    status, client = opened(browser, "view=ring&live=old")
    assert status == 200
    wait_for("the part comes", lambda: client.has("live"), 30)
    browser.post("logout", {})
    wait_for("the stream ends", lambda: client.ended, 30)


def test_one_address_and_all_have_limits(gateway: CoreGateway) -> None:
    browser = trusted(gateway)
    own = [opened(browser, "view=ring")[0] for _ in range(stream.MOST_OF_ADDRESS + 1)]
    assert own == [200] * stream.MOST_OF_ADDRESS + [503]
    others = [opened(browser, "view=ring", f"10.0.1.{number}")[0] for number in range(stream.MOST)]
    assert others.count(200) == stream.MOST - stream.MOST_OF_ADDRESS
    assert others[-1] == 503


@pytest.mark.parametrize("query", ["", "view=backups", "view=../v1/plan", "view=do", "view=log&node=node-0"])
def test_other_views_have_no_stream(gateway: CoreGateway, query: str) -> None:
    assert opened(trusted(gateway), query)[0] == 204


def test_other_servers_have_no_streams(gateway: CoreGateway) -> None:
    assert trusted(gateway).get("stream?view=ring").status_code == 204
