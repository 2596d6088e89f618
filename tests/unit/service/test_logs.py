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
