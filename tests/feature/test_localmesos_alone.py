"""The stand-alone program, and a master by itself: started, refused, stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.ports import free_port
from tests.waiting import patient, wait_for

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.feature


def localmesos(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "localmesos", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    arguments = ("--agents", "2", "--racks", "r1", "--base-port", str(port), "--work-dir", str(tmp_path))
    program = localmesos(*arguments)
    yield program, port
    if program.poll() is None:
        program.terminate()
    program.communicate(timeout=patient(20))


def agents(port: int) -> list[dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/slaves", timeout=5) as answer:
            found: list[dict[str, object]] = json.load(answer)["slaves"]
            return found
    except OSError:
        return []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_master_and_agents_and_their_end(alone: tuple[subprocess.Popen[str], int], number: int) -> None:
    program, port = alone
    wait_for("both agents are registered", lambda: program.poll() is not None or len(agents(port)) == 2, 20)
    assert program.poll() is None
    assert [agent["attributes"] for agent in agents(port)] == [{"rack": "r1"}] * 2
    started = psutil.Process(program.pid).children()
    assert len(started) == 3
    program.send_signal(number)
    assert program.wait(patient(20)) == 0
    assert not any(process.is_running() for process in started)


def test_a_child_that_cannot_start_ends_all(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        program = localmesos("--agents", "1", "--base-port", str(port), "--work-dir", str(tmp_path))
        _, errors = program.communicate(timeout=patient(30))
    assert program.returncode == 1
    assert "address already in use" in errors
    assert "stopping all" in errors


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda path: (path / "registry.json").write_text("{"), "cannot be read"),
        (lambda path: path.rmdir() or path.write_text(""), "File exists"),
    ],
)
def test_a_master_that_cannot_start_says_why(tmp_path: Path, prepare: object, words: str) -> None:
    work_dir = tmp_path / "master"
    work_dir.mkdir()
    assert callable(prepare)
    prepare(work_dir)
    program = localmesos("master", "--port", str(free_port()), "--work-dir", str(work_dir))
    _, errors = program.communicate(timeout=patient(30))
    assert program.returncode == 1
    assert words in errors
    assert "Traceback" not in errors
