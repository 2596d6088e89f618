from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from executor.cassandra import exec_child
from executor.cassandra.volume import (
    LOCK_FILE,
    Holder,
    Process,
    VolumeError,
    lock,
    prepare,
    start_time,
    sweep,
    this_process,
)


def _quiet(_text: str) -> None:
    pass


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A child that ends only by a signal."""
    child = subprocess.Popen(["sleep", "300"])
    yield child
    child.kill()
    child.wait()


def _hold(volume: Path, executor: Process, command: str = "exec sleep 300") -> subprocess.Popen[bytes]:
    """A process that holds the lock of the volume, as Cassandra does."""
    taken = lock(volume, 1.0, _quiet)
    child = subprocess.Popen(["sh", "-c", command], pass_fds=(taken.descriptor,), stdout=subprocess.PIPE)
    taken.record(Holder(Process(child.pid, start_time(child.pid) or 0), executor))
    taken.close()
    return child


def _dead() -> Process:
    child = subprocess.Popen(["true"])
    found = Process(child.pid, 1)
    child.wait()
    return found


def test_the_lock_lives_as_long_as_the_process_that_inherited_it(tmp_path: Path) -> None:
    child = _hold(tmp_path, this_process())
    with child:
        with pytest.raises(VolumeError, match=f"process {child.pid} holds its lock, .* still runs"):
            lock(tmp_path, 0.3, _quiet)
        assert child.poll() is None
        child.kill()
        child.wait()
        lock(tmp_path, 5.0, _quiet).close()


def test_an_orphan_is_told_to_end(tmp_path: Path) -> None:
    said: list[str] = []
    with _hold(tmp_path, _dead()) as child:
        lock(tmp_path, 30.0, said.append).close()
        assert child.wait() == -signal.SIGTERM
    assert "is dead" in said[0]


def test_an_orphan_that_does_not_end_is_killed(tmp_path: Path) -> None:
    with _hold(tmp_path, _dead(), "trap '' TERM; echo ready; while :; do sleep 0.05; done") as child:
        assert child.stdout is not None
        child.stdout.readline()
        begin = time.monotonic()
        lock(tmp_path, 2.0, _quiet).close()
        assert time.monotonic() - begin >= 1.5
        assert child.wait() == -signal.SIGKILL


def test_a_pid_that_belongs_to_another_process_by_now_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    taken = lock(tmp_path, 1.0, _quiet)
    taken.record(Holder(Process(sleeper.pid, 1), _dead()))
    with pytest.raises(VolumeError, match="another Cassandra uses the volume"):
        lock(tmp_path, 0.5, _quiet)
    taken.close()
    assert sleeper.poll() is None


@pytest.mark.parametrize("text", ["", "not JSON", '{"cassandra": 1}', "[]"])
def test_a_lock_without_a_readable_name_is_waited_for(tmp_path: Path, text: str) -> None:
    taken = lock(tmp_path, 1.0, _quiet)
    (tmp_path / LOCK_FILE).write_text(text)
    with pytest.raises(VolumeError, match="without a record"):
        lock(tmp_path, 0.3, _quiet)
    taken.close()


def test_a_volume_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(VolumeError, match="cannot be written"):
        lock(tmp_path / "none", 1.0, _quiet)


def test_start_time_tells_processes_apart(sleeper: subprocess.Popen[bytes]) -> None:
    assert start_time(sleeper.pid) is not None
    assert not Process(sleeper.pid, 1).alive()
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(sleeper.pid) is None


def test_a_child_ends_with_the_executor_even_if_that_is_killed() -> None:
    script = (
        "import subprocess, sys, os, time\n"
        f"child = subprocess.Popen([sys.executable, '-I', {exec_child.__file__!r}, str(os.getpid()), '/bin/sh', '-c',"
        " 'trap \"echo ended; exit\" TERM; echo $$; while :; do sleep 0.05; done'])\n"
        "time.sleep(300)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert int(parent.stdout.readline()) > 0
        parent.kill()
        assert parent.stdout.readline() == "ended\n"
        assert parent.stdout.readline() == ""


@pytest.mark.parametrize(
    ("parent", "program", "words"),
    [("1", "/bin/true", "the executor has ended"), (None, "/no/such", "/no/such cannot be run: ")],
)
def test_a_child_that_cannot_become_cassandra_says_why(parent: str | None, program: str, words: str) -> None:
    command = [sys.executable, "-I", exec_child.__file__, parent or str(os.getpid()), program]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(words)


def test_the_data_of_a_node_is_closed_to_others(tmp_path: Path) -> None:
    """Also what a version before left open."""
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data").chmod(0o777)
    before = os.umask(0o027)
    try:
        prepare(tmp_path)
    finally:
        os.umask(before)
    assert {oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == {"0o750"}


def test_what_checks_of_settings_left_goes(tmp_path: Path) -> None:
    for name in ("settings-abc/volume", "backup"):
        (tmp_path / "maintenance" / name).mkdir(parents=True)
        (tmp_path / "maintenance" / name / "file").touch()
    sweep(tmp_path)
    assert [path.name for path in (tmp_path / "maintenance").iterdir()] == ["backup"]
