"""Detached processes: real ones, small ones."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from devcluster import processes
from devcluster.processes import Process, ProcessTable, StartError

_SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
_DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


@pytest.fixture
def table(tmp_path: Path) -> Iterator[ProcessTable]:
    table = ProcessTable(tmp_path)
    yield table
    processes.stop([found for name in table.names() if (found := table.find(name))], 0.0)


def start(table: ProcessTable, name: str, command: list[str]) -> Process:
    """Start and wait until it says `up`, so that its signal handlers are in place."""
    process = table.start(name, command, os.environ)
    table.wait_ready(name, lambda: "up" in table.log(name).read_text(), 10.0)
    return process


def _says(table: ProcessTable, text: str) -> bool:
    return table.log("one").read_text() == text


def test_a_process_is_found_until_it_ends(table: ProcessTable) -> None:
    assert table.find("one") is None
    process = start(table, "one", _SLEEP)
    assert table.find("one") == process
    assert ProcessTable(table.directory).find("one") == process
    assert table.names() == ["one"]
    assert processes.stop([process], 10.0)
    assert table.find("one") is None
    table.forget("one")
    assert table.names() == []


def test_it_has_a_session_of_its_own_and_no_terminal(table: ProcessTable) -> None:
    process = start(table, "one", _SLEEP)
    assert os.getsid(process.pid) == process.pid
    assert Path(f"/proc/{process.pid}/fd/0").readlink() == Path(os.devnull)
    assert table.log("one").stat().st_mode & 0o077 == 0


def test_it_takes_the_signals_of_a_terminal_again_even_when_its_starter_ignores_them(table: ProcessTable) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = start(table, "one", [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"])
    finally:
        signal.signal(signal.SIGINT, before)
    assert processes.send(process, signal.SIGINT)
    assert processes.wait_ended([process], 10.0)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"start_time": 1}, id="another start time: the id was given away"),
        pytest.param({"boot": "00000000-0000-0000-0000-000000000000"}, id="before a reboot"),
        pytest.param({"pid": 2**22 + 1}, id="no such id"),
    ],
)
def test_another_process_is_never_taken_for_ours(table: ProcessTable, other: dict[str, Any]) -> None:
    process = start(table, "one", _SLEEP)
    record = table.directory / "processes" / "one.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), **other}))
    assert table.find("one") is None
    assert processes.stop([replace(process, **other)], 0.0)
    assert processes.is_alive(process)
    processes.stop([process], 10.0)


def test_one_that_ignores_sigterm_is_killed_and_that_is_told(table: ProcessTable) -> None:
    process = start(table, "deaf", _DEAF)
    assert not processes.stop([process], 0.2)
    assert not processes.is_alive(process)


def test_several_are_stopped_together(table: ProcessTable) -> None:
    started = [start(table, name, _SLEEP) for name in ("a", "b")]
    assert processes.stop(started, 10.0)
    assert not any(processes.is_alive(process) for process in started)


def test_a_command_that_does_not_exist(table: ProcessTable) -> None:
    with pytest.raises(StartError, match="one cannot be started: no-such-program: No such file"):
        table.start("one", ["no-such-program"], os.environ)


def test_ended_while_starting_shows_its_last_words(table: ProcessTable) -> None:
    table.start("one", [sys.executable, "-c", "raise SystemExit('port taken')"], os.environ)
    with pytest.raises(StartError, match=r"(?s)one ended while starting.*one\.log:.*port taken"):
        table.wait_ready("one", lambda: False, 10.0)


def test_not_ready_in_time(table: ProcessTable) -> None:
    start(table, "one", _SLEEP)
    with pytest.raises(StartError, match="one was not ready after 0 s"):
        table.wait_ready("one", lambda: False, 0.1)


def test_the_log_is_kept_from_one_start_to_the_next(table: ProcessTable) -> None:
    for count in (1, 2):
        process = table.start("one", _SLEEP, os.environ)
        table.wait_ready("one", partial(_says, table, count * "up\n"), 10.0)
        processes.stop([process], 10.0)
    assert table.last_lines("one", 1).splitlines()[1:] == ["    up"]


def test_a_process_whose_name_has_blanks_and_parentheses_is_read(table: ProcessTable, tmp_path: Path) -> None:
    odd = tmp_path / "a) S 1 (b"
    odd.symlink_to("/bin/sleep")
    process = table.start("odd", [str(odd), "60"], os.environ)
    assert dict(processes.running())[process] == os.getpid()
    assert processes.stop([process], 10.0)


def test_environment_of_a_process(table: ProcessTable) -> None:
    process = table.start("one", ["sleep", "60"], {"PATH": os.environ["PATH"], "MARK": "a=b"})
    table.wait_ready("one", lambda: "MARK" in processes.environment(process), 10.0)
    assert processes.environment(process)["MARK"] == "a=b"
    assert process in [found for found, _ in processes.running()]
    processes.stop([process], 10.0)
    assert processes.environment(process) == {}
