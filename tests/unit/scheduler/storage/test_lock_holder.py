"""When a successor may take a lock: only from a process that it can see to be dead."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scheduler.storage.lock_holder import Holder, is_dead, parse_holder, this_process
from tests.waiting import wait_for


def test_its_text_can_be_read_back_and_names_host_and_pid() -> None:
    me = this_process()
    assert parse_holder(str(me)) == me
    assert me.host in str(me)
    assert f"pid {os.getpid()}" in str(me)


@pytest.mark.parametrize("text", ["", "host pid 1", "somebody else", f"{this_process()} and more"])
def test_another_text_names_nobody(text: str) -> None:
    assert parse_holder(text) is None


def test_who_runs_is_not_dead() -> None:
    me = this_process()
    assert not is_dead(me, me)


def dead() -> Holder:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return replace(this_process(), pid=process.pid)


def test_who_has_ended_is_dead() -> None:
    assert is_dead(dead(), this_process())


def test_another_process_with_the_pid_of_a_dead_one_is_not_taken_for_it() -> None:
    me = this_process()
    assert is_dead(replace(me, started=me.started - 1), me)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"host": "another"}, id="another host"),
        pytest.param({"boot": "another"}, id="another boot: maybe another machine of the same name"),
        pytest.param({"namespace": "pid:[1]"}, id="another container"),
    ],
)
def test_who_cannot_be_seen_from_here_is_not_taken_for_dead(change: dict[str, Any]) -> None:
    assert not is_dead(replace(dead(), **change), this_process())


def test_who_has_ended_and_was_not_reaped_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        state = Path(f"/proc/{process.pid}/stat")
        wait_for("its end", lambda: state.read_text().rpartition(")")[2].split()[0] == "Z")
        assert is_dead(replace(this_process(), pid=process.pid), this_process())
