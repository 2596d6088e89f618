"""`./dev screenshots`: pictures of the page of the running local cluster, for README.md and docs/ui.md."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from devcluster import local
from devcluster.layout import ClusterLayout

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A view is drawn in milliseconds; the ages beside its times come with the next second.
_SETTLE_MS = 1500


class NoPicturesError(Exception):
    """A machine on which no pictures can be made; the text says what is missing."""


@dataclass(frozen=True)
class Picture:
    """One picture: its file, the view with its query, and the window."""

    name: str
    view: str
    width: int = 1280
    height: int = 800
    dark: bool = False


PICTURES = (
    Picture("now", "."),
    Picture("ring", "ring"),
    Picture("ring-dark", "ring", dark=True),
    Picture("node", "node?node=node-0", height=1000),
    Picture("plans", "plans", height=900),
    Picture("operations", "operations?kind=backup"),
    Picture("backups", "backups?external_location=http%3A%2F%2F127.0.0.1%3A9090%2Fbackups"),
    Picture("settings", "settings", height=900),
    Picture("events", "events"),
    Picture("phone", ".", width=360, height=780),
)


def take(layout: ClusterLayout, directory: Path, say: Callable[[str], None]) -> None:
    """Write all pictures into the directory.

    Raises:
        NoPicturesError: The cluster is not up, or there is no Chromium.
    """
    path = shutil.which("chromium")
    if path is None:
        raise NoPicturesError("There is no Chromium; install it: sudo apt-get install -y chromium")
    if not local.is_running(layout):
        raise NoPicturesError("The local cluster is not up: run ./dev up first.")
    from playwright.sync_api import sync_playwright

    directory.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        # As root, Chromium starts only without its sandbox. It loads nothing but the page.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for picture in PICTURES:
            _take_one(browser, layout, picture, directory)
            say(f"{directory / picture.name}.png")
        browser.close()


def _take_one(browser: Browser, layout: ClusterLayout, picture: Picture, directory: Path) -> None:
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.dark else "light",
    )
    page = context.new_page()
    page.goto(f"{layout.api_url}/ui/login")
    page.get_by_label("Token").fill(local.token(layout))
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("navigation").wait_for()
    page.goto(f"{layout.api_url}/ui/{picture.view}")
    page.wait_for_timeout(_SETTLE_MS)
    page.screenshot(path=directory / f"{picture.name}.png")
    context.close()
