"""Each view and command in Chromium: nothing in the console, nothing from elsewhere, nothing that axe-core minds."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from api.page.commands import COMMANDS
from tests.browsing import Visit, visit
from tests.feature.page.conftest import TOKENS, Server
from tests.feature.page.serving import VIEWS
from tests.waiting import patient

pytestmark = [pytest.mark.feature, pytest.mark.timeout(300)]

VENDORED = Path(__file__).parent / "vendored"


def problems_of_axe(page: Page) -> list[str]:
    """Return the serious and critical findings."""
    page.evaluate((VENDORED / "axe.min.js").read_text())
    found: dict[str, Any] = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{item['id']}: {[node['html'][:160] for node in item['nodes'][:3]]}"
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
    ]


def test_the_vendored_file_is_the_published_one() -> None:
    digest, name, *_ = (VENDORED / "vendored.txt").read_text().splitlines()[1].split()
    assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_views_have_no_serious_findings_and_fit(chromium: Browser, served: Server, scheme: str) -> None:
    """At the width of a phone and of a desk."""
    made = visit(chromium, str(served.address), scheme=scheme)
    made.log_in(served.url, "admin-token")
    for view in VIEWS:
        made.page.goto(served.url + view)
        for width in (360, 1280):
            made.page.set_viewport_size({"width": width, "height": 800})
            assert made.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (view, width)
        assert problems_of_axe(made.page) == [], view
    made.context.close()
    assert made.problems == []


def test_the_log_in(chromium: Browser, served: Server) -> None:
    made = visit(chromium, str(served.address))
    made.page.goto(f"http://{served.address}/")
    expect(made.page.get_by_role("heading", name="Log in")).to_be_visible()
    assert problems_of_axe(made.page) == []
    made.page.get_by_label("Token").fill("a-wrong-token")
    made.page.keyboard.press("Enter")
    expect(made.page.get_by_role("alert")).to_have_text("The token is not valid.")
    made.page.get_by_label("Token").fill("read-token")
    made.page.keyboard.press("Enter")
    expect(made.page.get_by_role("navigation")).to_be_visible()
    assert made.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert "token" not in made.page.url
    made.page.goto(f"{served.url}plans?plan=backup")
    expect(made.page.get_by_role("button", name="Interrupt")).to_be_disabled()
    made.page.get_by_role("button", name="Log out").click()
    expect(made.page.get_by_role("heading", name="Log in")).to_be_visible()
    made.page.goto(f"{served.url}ring")
    expect(made.page.get_by_role("heading", name="Log in")).to_be_visible()
    made.context.close()
    assert made.problems == []


def test_an_interrupt_is_sent_and_seen_without_a_reload(admin: Visit, served: Server) -> None:
    page = admin.page
    page.goto(f"{served.url}plans?plan=backup")
    page.evaluate("window.stays = true")
    page.locator(".lines summary").first.click()
    page.get_by_role("button", name="Interrupt").click()
    expect(page.locator("#said")).to_contain_text("Interrupt: accepted.")
    page.goto(f"{served.url}operations?kind=backup")
    page.evaluate("window.stays = true")
    admin.context.new_page().goto(f"{served.url}plans?plan=backup")
    other = admin.context.pages[-1]
    other.get_by_role("button", name="Continue").click()
    expect(other.locator("#said")).to_contain_text("Continue: accepted.")
    other.close()
    assert page.evaluate("window.stays") is True


def test_a_view_follows_the_cluster_and_keeps_what_is_open(admin: Visit, served: Server) -> None:
    page = admin.page
    page.goto(f"{served.url}node?node=node-1")
    page.evaluate("window.stays = true")
    lines = page.locator("details.lines").first
    lines.locator("summary").click()
    other = admin.context.new_page()
    other.goto(f"{served.url}do?command=node-restart&node=node-1")
    other.get_by_label("Even if the availability checks fail").check()
    other.get_by_role("button", name="Restart").click()
    expect(other.get_by_role("alert")).to_contain_text("Accepted.")
    expect(page.locator(".notice.busy")).to_contain_text("Restart since")
    expect(lines).to_have_attribute("open", "")
    assert page.evaluate("window.stays") is True
    other.close()


def test_news_come_without_being_asked_for(admin: Visit, served: Server) -> None:
    """Questions of the page itself are answered with nothing here, so that all news are those of the stream."""
    admin.page.route("**/ui/plans?*live=*", lambda route: route.fulfill(status=204))
    with admin.page.expect_request("**/ui/stream?view=plans&plan=backup&live=*"):
        admin.page.goto(f"{served.url}plans?plan=backup")
    button = f"{served.url}do?command=plan-{{}}&plan=backup"
    for word in ("interrupt", "continue"):
        other = admin.context.new_page()
        other.goto(button.format(word))
        with admin.page.expect_event("console", lambda message: message.text == "swapped"):
            admin.page.evaluate(
                "document.addEventListener('htmx:after:swap', () => console.log('swapped'), {once: true})"
            )
            other.locator("form button").last.click()
        other.close()


def test_a_paused_node_is_resumed_from_the_first_view(admin: Visit, served: Server) -> None:
    admin.page.goto(f"{served.url}node?node=node-2")
    expect(admin.page.get_by_role("heading", name="node-2")).to_be_visible()
    admin.page.get_by_role("button", name="Resume").click()
    expect(admin.page.locator("#said")).to_contain_text("Resume:")


def test_settings_are_previewed(admin: Visit, served: Server) -> None:
    admin.page.goto(f"{served.url}settings")
    admin.page.get_by_role("link", name="Change settings").click()
    admin.page.get_by_label("Settings").fill("CONCURRENT_READS=many")
    admin.page.get_by_role("button", name="Preview").click()
    expect(admin.page.get_by_role("alert")).to_contain_text("Refused.")
    expect(admin.page.get_by_label("Settings")).to_have_value("CONCURRENT_READS=many")


def test_a_refusal_is_the_sentence_of_the_api(admin: Visit, served: Server) -> None:
    admin.page.goto(f"{served.url}do?command=start-cleanup")
    admin.page.get_by_role("button", name="Cleanup").click()
    expect(admin.page.get_by_role("alert")).to_contain_text("Cleanup cannot begin: Backup is in progress since")


def test_the_page_is_read_and_used_without_scripts(chromium: Browser, served: Server) -> None:
    made = visit(chromium, str(served.address), script=False)
    made.log_in(served.url, "operate-token")
    for view in VIEWS:
        made.page.goto(served.url + view)
        expect(made.page.get_by_role("heading", level=1)).to_be_visible()
    made.page.goto(f"{served.url}plans?plan=deploy")
    made.page.goto(f"{served.url}plans?plan=backup")
    made.page.get_by_role("button", name="Interrupt").click()
    expect(made.page.get_by_role("alert")).to_contain_text("Accepted.")
    made.page.get_by_role("link", name="See what happens").click()
    made.page.get_by_role("button", name="Continue").click()
    expect(made.page.get_by_role("alert")).to_contain_text("Accepted.")
    made.context.close()
    assert made.problems == []


def test_the_keyboard_is_enough(admin: Visit, served: Server) -> None:
    page = admin.page
    page.goto(f"{served.url}ring")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("a.tile").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="node-0")).to_be_visible()


def test_a_server_that_does_not_answer_makes_the_view_old(admin: Visit, served: Server) -> None:
    page = admin.page
    page.goto(f"{served.url}ring")
    note = page.locator("#stale")
    expect(note).to_be_hidden()
    with served.hung():
        expect(note).to_contain_text("What is shown is old: it is from", timeout=patient(30_000))
    expect(note).to_be_hidden(timeout=patient(30_000))
    assert problems_of_axe(page) == []


def test_the_note_of_an_unstored_state_goes_away(admin: Visit, served: Server) -> None:
    """As it was served while ZooKeeper was away: news make it untrue."""
    page = admin.page
    note = '<p id="unstored" role="status">The scheduler cannot store its state: what is shown is 11 s old.</p>'

    def add(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace('<main id="main"', f'{note}<main id="main"'))

    page.route(f"{served.url}ring", add)
    page.goto(f"{served.url}ring", wait_until="commit")
    expect(page.locator("#unstored")).to_be_attached()
    expect(page.locator("#unstored")).not_to_be_attached(timeout=20_000)
    page.unroute(f"{served.url}ring")
    expect(page.locator("#stale")).to_be_hidden()


def test_a_revoked_token_ends_the_view_within_seconds(chromium: Browser, served: Server) -> None:
    made = visit(chromium, str(served.address))
    made.log_in(served.url, "read-token")
    made.page.goto(f"{served.url}ring")
    served.tokens.write_text(TOKENS.replace("reads:read:read-token\n", ""))
    try:
        expect(made.page.locator("#stale")).to_contain_text("The session has ended", timeout=patient(20_000))
    finally:
        served.tokens.write_text(TOKENS)
    made.context.close()
    assert made.problems == []


def test_each_command_is_sent_and_answered(admin: Visit, served: Server) -> None:
    """Whether the scheduler takes it or refuses it: the answer is shown, in its words."""
    fields = {"plan": "backup", "phase": "Upload", "step": "node-1", "node": "node-1", "kind": "backup"}
    filled = {"Settings": "CONCURRENT_READS=64", "Backup": "monday", "Location": "s3://bucket", "Throttle": "20000000"}
    # A message to an executor that does not answer would take its whole time.
    slow = {name for name in COMMANDS if name.startswith("start-")} - {"start-cleanup"} | {"config-rollback"}
    for name, command in COMMANDS.items():
        if name in slow:
            continue
        named = {field: fields[field] for field in (*command.names, *command.query)}
        named |= {"node": "*"} if name == "ring-restart" else {}
        admin.page.goto(f"{served.url}do?{urlencode({'command': name, **named})}")
        for label, text in filled.items():
            field = admin.page.get_by_label(label, exact=True)
            if field.count():
                field.fill(text)
        admin.page.locator("form button").last.click()
        expect(admin.page.get_by_role("alert")).to_contain_text(re.compile("^\\s*(Accepted|Refused)\\."))


def test_a_thousand_nodes(chromium: Browser, large_served: Server) -> None:
    """No answer has 500 kB; `bench/page.py` measures how long each takes."""
    made = visit(chromium, str(large_served.address))
    made.log_in(large_served.url, "admin-token")
    for view in VIEWS:
        answer = made.context.request.get(large_served.url + view)
        assert answer.ok, view
        assert len(answer.body()) < 500_000, view
    made.page.goto(f"{large_served.url}ring")
    assert made.page.locator("a.tile").count() == 1000
    assert problems_of_axe(made.page) == []
    made.context.close()
    assert made.problems == []
