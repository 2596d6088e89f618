"""What is logged, and how a line looks."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from service import logs


@pytest.fixture(autouse=True)
def root_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_text_has_time_level_and_message(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("INFO", "text")
    logging.getLogger("scheduler.loop.run").info("launching %s", "node-0")
    logging.getLogger("scheduler.loop.run").debug("declining")
    (line,) = capsys.readouterr().out.splitlines()
    time, level, message = line.split(" ", 2)
    assert time.endswith("Z")
    assert "T" in time
    assert (level, message) == ("INFO", "launching node-0")


def test_json_is_one_object_a_line_with_the_trace_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("DEBUG", "json")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("service.startup").critical("it ends", exc_info=True)
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    assert document["level"] == "CRITICAL"
    assert document["message"] == "it ends"
    assert "ValueError: two\nlines" in document["error"]
    assert isinstance(document["time"], float)


@pytest.mark.parametrize("library", ["kazoo.client", "pymesos.process"])
def test_libraries_that_tell_of_every_attempt_are_heard_only_when_it_is_serious(
    library: str, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("DEBUG", "text")
    logging.getLogger(library).warning("cannot connect, trying again")
    logging.getLogger(library).error("serious")
    assert capsys.readouterr().out.count("\n") == 1


_WORDS = "down: a\n2026-11-29T00:00:00.000Z INFO forged\r\x1b[2J\x9b31m\x00\x0b\x0c\x85\u2028\u202e\u2066\udce9 ä"
_SHOWN = r"\u000d\u001b[2J\u009b31m\u0000\u000b\u000c\u0085\u2028\u202e\u2066\udce9 ä"


def test_words_of_others_look_like_no_line_and_move_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("INFO", "text")
    logging.getLogger("x").error("node-0: %s", _WORDS)
    first, second = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert first.endswith(" ERROR node-0: down: a")
    assert second == f"    2026-11-29T00:00:00.000Z INFO forged{_SHOWN}"


def test_json_holds_the_same_words_with_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("INFO", "json")
    logging.getLogger("x").error("%s", _WORDS)
    (line,) = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert json.loads(line)["message"] == _WORDS
    assert line.replace("ä", "").isascii()
    assert line.isprintable()


def test_the_last_entries_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = logs.RecentEntries()
    monkeypatch.setattr(logs, "recent", kept)
    logs.set_up("INFO", "text")
    for number in range(logs.KEPT_ENTRIES + 2):
        logging.getLogger("scheduler").info("entry %d", number)
    logging.getLogger("scheduler").info("a" * 5000)
    logging.getLogger("kazoo.client").info("attempt")
    entries = kept.entries()
    assert (len(entries), entries[0].endswith("entry 3")) == (logs.KEPT_ENTRIES, True)
    assert len(entries[-1]) == logs.LONGEST_ENTRY + 1
