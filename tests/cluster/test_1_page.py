"""The page of a real cluster in a browser: every view is there, and says what the API says."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from devcluster import local
from tests.browsing import running_chromium, visit
from tests.cluster.world import World
from tests.waiting import patient

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(300)]

VIEWS = ("ring", "node?node=node-1", "plans", "operations", "backups", "offers", "settings", "events")


def test_every_view_of_a_real_cluster(world: World) -> None:
    url = f"{world.layout.api_url}/ui/"
    with running_chromium() as browser:
        made = visit(browser, str(world.layout.api))
        made.log_in(url, local.token(world.layout))
        expect(made.page.get_by_role("heading", level=1)).to_have_text(
            "All 3 nodes are up, and no plan is pending.", timeout=patient(60_000)
        )
        for view in VIEWS:
            made.page.goto(url + view)
            expect(made.page.get_by_role("heading", level=1)).to_be_visible()
        made.page.goto(f"{url}ring")
        expect(made.page.locator("a.tile")).to_have_count(3)
        made.page.goto(f"{url}do?command=start-flush")
        made.page.get_by_text("Choose from the schema").click()
        expect(made.page.get_by_role("group", name="system_auth")).to_be_visible()
        made.page.get_by_role("group", name="system_auth").get_by_label("the whole keyspace").check()
        made.page.get_by_role("button", name="Flush").click()
        expect(made.page.get_by_role("alert")).to_contain_text("Accepted.")
        made.page.get_by_role("link", name="See what happens").click()
        expect(made.page.locator("article .mark").first).to_have_text("complete", timeout=patient(90_000))
        made.context.close()
        assert made.problems == []
