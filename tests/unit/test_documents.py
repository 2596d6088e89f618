"""Documents: their links lead to files and headings, and their words are plain."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.scheduler.metrics.existing import existing_names

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    {ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")}
    | set((ROOT / "docs").rglob("*.md"))
    | set(ROOT.glob("*/README.md"))
)

# Each has a field term or a named subject in its place: keyspace, scheduler, operator, report, decline, unreserve.
OBSCURE = (
    "called for", "for ever", "given back", "heard of", "is had", "is told of", "key space", "nobody", "somebody",
    "spoken of", "stands against", "taken for", "told of", "whatever", "whoever",
)  # fmt: skip

_FENCE = re.compile(r"^(?P<indent> *)```.*?^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def prose(text: str) -> str:
    """Return a document's text without its code blocks, whose transcripts and quotations are not its own words."""
    return _FENCE.sub("", text)


def links(text: str) -> Iterator[str]:
    """Yield the targets of all links that lead into this repository, such as `../README.md#two-commands`."""
    found = _LINK.findall(_CODE.sub("", prose(text)))
    return (target for target in found if not re.match(r"[a-z]+:", target))


def anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings as GitHub makes them, for example `two-commands`."""
    names: set[str] = set()
    for title in _HEADING.findall(prose(text)):
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        names.add(next(name for name in _numbered(slug) if name not in names))
    return names


def _numbered(slug: str) -> Iterator[str]:
    """Yield the slug, then the names that further headings of the same title get."""
    yield slug
    number = 1
    while True:
        yield f"{slug}-{number}"
        number += 1


def broken(text: str, document: Path) -> list[str]:
    """Return the links of this text that lead to no file or heading; `document` is the path it is read at."""
    found = []
    for link in links(text):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            found.append(link)
    return found


def obscure(text: str) -> list[str]:
    """Return the words of OBSCURE that a text uses outside of code."""
    words = " ".join(_CODE.sub("", prose(text)).lower().split())
    return [word for word in OBSCURE if re.search(rf"\b{word}s?\b", words)]


def identify(document: Path) -> str:
    return document.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_links_lead_to_files_and_headings(document: Path) -> None:
    assert broken(document.read_text(), document) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=identify)
def test_words_are_plain(document: Path) -> None:
    assert obscure(document.read_text()) == []


def test_every_operations_page_is_in_the_index() -> None:
    pages = {page.name for page in (ROOT / "docs" / "operations").glob("*.md")} - {"README.md"}
    assert set(links((ROOT / "docs" / "operations" / "README.md").read_text())) >= pages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](b.md)", ["b.md"]),
        ("[a](README.md#two-commands)", []),
        ("[a](README.md#three-commands)", ["README.md#three-commands"]),
        ("[a](#here)\n\n```\n[b](c.md)\n```\n", ["#here"]),
        ("`[a](b.md)` and [c](https://example.com/d.md)", []),
    ],
)
def test_broken_links_are_found(text: str, expected: list[str]) -> None:
    assert broken(text, ROOT / "README.md") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A keyspace.", []),
        ("The key\nspaces.", ["key space"]),
        ("The field `key space`.", []),
        ("```\nnobody\n```\n", []),
        ("   ```console\n   nobody\n   ```\nWhoever", ["whoever"]),
    ],
)
def test_obscure_words_are_found_in_prose_alone(text: str, expected: list[str]) -> None:
    assert obscure(text) == expected


def test_anchors_are_those_of_github() -> None:
    text = "# A `code` title, here\n\n## Twice\n\n## Twice\n\n```\n# no heading\n```\n"
    assert anchors(text) == {"a-code-title-here", "twice", "twice-1"}


def test_the_page_on_events_names_metrics_that_exist() -> None:
    page = (ROOT / "docs" / "operations" / "events.md").read_text().partition("## Metrics")[2]
    names = {name for row in re.findall(r"^\| (`.+?) \|", page, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}
    known = existing_names()
    assert names
    assert [
        name
        for name in sorted(names)
        if not {name, f"cassandra_scheduler_{name}", f"cassandra_scheduler_{name}_sum"} & known
    ] == []
