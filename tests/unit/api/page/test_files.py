"""The files that a browser loads: the vendored one is unchanged, ours is small, and nothing is elsewhere."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state
from tests.unit.api.page.browser import VIEWS, trusted

FOLDER = Path(__file__).parents[4] / "api" / "page"
VENDORED = FOLDER / "static" / "vendored.txt"


def test_vendored_files_are_those_that_were_published() -> None:
    lines = [line.split() for line in VENDORED.read_text().splitlines() if line and not line.startswith("#")]
    assert [line[1] for line in lines] == ["htmx.min.js"]
    for digest, name, *_ in lines:
        assert hashlib.sha256((FOLDER / "static" / name).read_bytes()).hexdigest() == digest
        assert (FOLDER / "static" / f"{name.partition('.')[0]}.LICENSE.txt").is_file()


def test_our_own_script_is_short() -> None:
    assert len((FOLDER / "static" / "page.js").read_text().splitlines()) <= 100


def test_nothing_is_inline_or_from_elsewhere() -> None:
    for path in (*FOLDER.glob("templates/*.html"), FOLDER / "static" / "page.css", FOLDER / "static" / "page.js"):
        text = path.read_text()
        assert not re.search(r"\sstyle=|\son\w+=|<script>|<style|https?://|javascript:|\|\s*safe", text), path


@pytest.mark.parametrize("view", VIEWS)
def test_headers_of_a_view(view: str) -> None:
    gateway = CoreGateway(make_state(make_settings(), make_node(0)))
    answer = trusted(gateway).get(view)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("name", "kind"), [
    ("page.css", "text/css"), ("page.js", "javascript"), ("htmx.min.js", "javascript"), ("icon.svg", "image/svg"),
])  # fmt: skip
def test_files_need_no_session(name: str, kind: str) -> None:
    gateway = CoreGateway(make_state(make_settings(), make_node(0)))
    answer = trusted(gateway).get(f"files/{name}")
    assert answer.status_code == 200
    assert kind in answer.headers["Content-Type"]
    assert "max-age" in answer.headers["Cache-Control"]
    answer.close()


@pytest.mark.parametrize("name", ["..%2froutes.py", "../routes.py", "nothing.js", ".", "%00"])
def test_other_files_are_not_served(name: str) -> None:
    gateway = CoreGateway(make_state(make_settings(), make_node(0)))
    assert trusted(gateway).get(f"files/{name}").status_code in (404, 400)
