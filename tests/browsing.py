"""Debian's Chromium, and what a page in it does that it must not do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, expect, sync_playwright

from tests.waiting import patient


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run Chromium."""
    path = shutil.which("chromium")
    assert path is not None, "no Chromium; `./dev test` installs it, or: sudo apt-get install -y chromium"
    expect.set_options(timeout=patient(5_000))
    with sync_playwright() as playwright:
        # As root, as in a container, Chromium starts only without its sandbox. It loads nothing but our own pages.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page in a browser, with what it did that it must not do."""

    context: BrowserContext
    page: Page
    host: str
    problems: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        """Note an error in the console, except for answers that a test has caused."""
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            self.problems.append(message.text)

    def see(self, request: Request) -> None:
        """Note a request to another host."""
        if not request.url.startswith((f"http://{self.host}/", "data:")):
            self.problems.append(f"a request to {request.url}")

    def log_in(self, url: str, token: str) -> None:
        """Log in with a token, and see the first view."""
        self.page.goto(f"{url}login")
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("navigation").wait_for()


def visit(browser: Browser, host: str, script: bool = True, width: int = 1280, scheme: str = "light") -> Visit:
    """Open a window of this width; `scheme` is light or dark."""
    dark = scheme == "dark"
    context = browser.new_context(
        viewport={"width": width, "height": 800}, java_script_enabled=script, color_scheme="dark" if dark else "light"
    )
    context.set_default_timeout(patient(20_000))
    made = Visit(context, context.new_page(), host)
    made.page.on("console", made.hear)
    made.page.on("pageerror", lambda error: made.problems.append(str(error)))
    made.page.on("request", made.see)
    return made
