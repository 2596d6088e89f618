"""Identity of processes, their end, and killing a container."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from localmesos.agent.containers.processes import (
    UNKNOWN_STATUS,
    ExitWatch,
    Identity,
    container_members,
    find_leader,
    identify,
    is_alive,
    kill_container,
    raw_wait_status,
)

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a shell in a session of its own, with the environment of a container."""
    started: list[subprocess.Popen[bytes]] = []

    def start(script: str, **environment: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            ["sh", "-c", script],
            start_new_session=True,
            env={"PATH": os.environ["PATH"], **environment},
            stdout=subprocess.PIPE,
        )
        started.append(child)
        return child

    yield start
    for child in started:
        with contextlib.suppress(ProcessLookupError):
            # The session's first group, which the shell's own children are in.
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()


def line(child: subprocess.Popen[bytes]) -> int:
    assert child.stdout is not None
    return int(child.stdout.readline())


async def status_of(identity: Identity, child: subprocess.Popen[bytes] | None) -> int:
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    watch = ExitWatch(identity, child, future.set_result)
    try:
        return await asyncio.wait_for(future, 10)
    finally:
        watch.close()


@pytest.mark.parametrize(("returncode", "status"), [(0, 0), (3, 768), (7, 1792), (-9, 9), (-15, 15)])
def test_raw_wait_status(returncode: int, status: int) -> None:
    assert raw_wait_status(returncode) == status


@pytest.mark.parametrize(("script", "status"), [("exit 3", 768), ("kill -9 $$", 9), ("exit 0", 0)])
def test_end_of_a_child_is_told_with_its_status(start: Start, script: str, status: int) -> None:
    child = start(script)
    identity = identify(child.pid)
    assert asyncio.run(status_of(identity, child)) == status


def test_end_of_a_process_that_is_no_child(start: Start) -> None:
    child = start("sleep 0.2")
    assert asyncio.run(status_of(identify(child.pid), None)) == UNKNOWN_STATUS


def test_process_that_is_gone_or_another_has_ended(start: Start) -> None:
    child = start("sleep 300")
    identity = identify(child.pid)
    other = replace(identity, start_time=identity.start_time - 1)
    assert asyncio.run(status_of(other, None)) == UNKNOWN_STATUS
    child.kill()
    child.wait()
    assert asyncio.run(status_of(identity, None)) == UNKNOWN_STATUS


def test_identity_tells_processes_apart(start: Start) -> None:
    child = start("sleep 300")
    identity = identify(child.pid)
    assert is_alive(identity)
    assert not is_alive(replace(identity, start_time=identity.start_time + 1))
    assert not is_alive(replace(identity, boot_id="another"))
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(identity), "a zombie does not live"


def test_another_process_with_the_same_number_is_left_alone(start: Start, tmp_path: Path) -> None:
    child = start("sleep 300")
    stale = replace(identify(child.pid), start_time=1)
    assert container_members(stale, tmp_path) == []
    kill_container(stale, tmp_path)
    kill_container(replace(identify(child.pid), boot_id="another"), tmp_path)
    assert child.poll() is None


def test_whole_container_is_killed(start: Start, tmp_path: Path) -> None:
    """The session, and what left it: found as a descendant while the leader lives, by its environment afterwards."""
    child = start("setsid sleep 300 & echo $!; sleep 300", MESOS_SANDBOX=str(tmp_path))
    escaped = identify(line(child))
    identity = identify(child.pid)
    child.kill()
    child.wait()
    assert escaped.pid in [entry.pid for entry in container_members(identity, tmp_path)]
    kill_container(identity, tmp_path)
    assert asyncio.run(status_of(escaped, None)) == UNKNOWN_STATUS


def test_descendant_with_a_clean_environment_is_found_while_the_leader_lives(start: Start, tmp_path: Path) -> None:
    child = start("env -i setsid sleep 300 & echo $!; wait", MESOS_SANDBOX=str(tmp_path))
    escaped = identify(line(child))
    kill_container(identify(child.pid), tmp_path)
    assert asyncio.run(status_of(escaped, None)) == UNKNOWN_STATUS


def test_leader_is_found_by_its_sandbox(start: Start, tmp_path: Path) -> None:
    child = start("echo 1; sleep 300", MESOS_SANDBOX=str(tmp_path))
    line(child)
    assert find_leader(tmp_path) == identify(child.pid)
    assert find_leader(tmp_path / "other") is None
