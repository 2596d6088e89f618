"""The page of a real scheduler: behind a router's prefix, and while the scheduler starts again."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browsing import visit
from tests.feature.page.conftest import TOKENS
from tests.feature.page.router import route
from tests.feature.scheduler_process import Make
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.feature, pytest.mark.zookeeper, pytest.mark.timeout(240)]

# What a sign of life says: how many seconds old the state is.
_HEARS_NEWS = """() => new Promise((resolve) => {
    const stream = new EventSource('stream?view=plans&live=x');
    stream.addEventListener('alive', (event) => { stream.close(); resolve(event.data); });
})"""


def test_behind_a_router_that_takes_a_prefix_away(chromium: Browser, make: Make, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(TOKENS)
    scheduler = make(API_TOKEN_FILE=str(tmp_path / "tokens"), API_TRUST_ROUTER="false").start()
    wait_for("it serves", lambda: scheduler.status("/v1/health") == 200, 60)
    with route(scheduler.api, "/service/cassandra") as router:
        made = visit(chromium, str(router))
        made.page.goto(f"http://{router}/service/cassandra/")
        assert made.page.url == f"http://{router}/service/cassandra/ui/login?next=."
        made.page.get_by_label("Token").fill("admin-token")
        made.page.get_by_role("button", name="Log in").click()
        expect(made.page.get_by_role("heading", level=1)).to_contain_text("The scheduler has no connection to Mesos")
        (cookie,) = made.context.cookies()
        assert cookie.get("path") == "/service/cassandra/ui"
        for word in ("Ring", "Plans", "Operations", "Backups", "Offers", "Settings", "Events", "Now"):
            made.page.get_by_role("navigation").get_by_role("link", name=word).click()
            expect(made.page.get_by_role("heading", level=1)).to_be_visible()
            assert made.page.url.startswith(f"http://{router}/service/cassandra/ui/")
        made.page.goto(f"http://{router}/service/cassandra/ui/plans")
        assert int(made.page.evaluate(_HEARS_NEWS)) < 10
        made.page.get_by_role("button", name="Interrupt").click()
        expect(made.page.locator("#said")).to_contain_text("Interrupt: accepted.")
        expect(made.page.locator("#live")).to_contain_text("waiting")
        made.context.close()
        assert made.problems == []


def test_the_page_goes_on_after_a_restart_of_the_scheduler(chromium: Browser, make: Make) -> None:
    scheduler = make().start()
    wait_for("it serves", lambda: scheduler.status("/v1/plan") == 200, 60)
    made = visit(chromium, str(scheduler.api))
    made.page.goto(f"http://{scheduler.api}/ui/plans")
    expect(made.page.get_by_role("button", name="Interrupt")).to_be_visible()
    made.page.evaluate("window.stays = true")
    scheduler.stop()
    note = made.page.locator("#stale")
    expect(note).to_contain_text("What is shown is old", timeout=patient(40_000))
    scheduler.start()
    wait_for("it serves again", lambda: scheduler.status("/v1/plan") == 200, 60)
    expect(note).to_be_hidden(timeout=patient(40_000))
    assert made.page.evaluate("window.stays") is True
    # The code of the forms has come with the live part.
    made.page.get_by_role("button", name="Interrupt").click()
    expect(made.page.locator("#said")).to_contain_text("Interrupt: accepted.", timeout=patient(40_000))
    made.context.close()
    assert [text for text in made.problems if "net::ERR" not in text and "Failed to fetch" not in text] == []
