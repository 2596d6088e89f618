"""On a terminal: questions, colours, and progress in place."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.api.cluster import CoreGateway
from tests.unit.api.maintenance import cleaning
from tests.unit.cli.serving import Served

ROOT = Path(__file__).parents[3]


def on_a_terminal(served: Served, *arguments: str, answer: str = "") -> tuple[int, str]:
    """Run a command on a terminal of its own; return its exit code and all that the terminal showed."""
    ours, theirs = pty.openpty()
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "--url", served.url, *arguments],
        cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs, env={**environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(theirs)
    if answer:
        os.write(ours, answer.encode())
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # The last process has closed the terminal.
        pass
    os.close(ours)
    return process.wait(timeout=20), shown.decode()


@pytest.mark.parametrize(("answer", "code", "sent"), [("y\n", 0, 1), ("n\n", 1, 0)])
def test_a_question(answer: str, code: int, sent: int, served: Served, gateway: CoreGateway) -> None:
    ended, shown = on_a_terminal(served, "node", "restart", "0", answer=answer)
    assert ended == code, shown
    assert "Restart node-0? [y/N]" in shown
    assert len(gateway.submitted) == sent


def test_no_context(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASSANDRA_MESOS_CONFIG", str(tmp_path / "config.yaml"))
    shown = on_a_terminal(served, "context", "list")[1]
    assert shown.endswith("There is nothing to list.\r\nNext: cassandra-mesos context add NAME URL\r\n")


def test_colours(served: Served) -> None:
    shown = on_a_terminal(served, "status")[1]
    assert "\x1b[32mUN\x1b[0m" in shown
    assert "\x1b[32m" not in on_a_terminal(served, "--no-color", "status")[1]


def test_lines_are_cut_to_the_width(served: Served) -> None:
    shown = on_a_terminal(served, "--no-color", "config", "get")[1]
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_progress_in_place(served: Served, gateway: CoreGateway) -> None:
    cleaning(gateway)
    code, shown = on_a_terminal(served, "op", "watch", "cleanup", "--timeout", "0.3")
    assert code == 9
    assert "\x1b[?25l" in shown  # no cursor meanwhile
    assert "[##########          ] 50 %" in shown
    assert "cassandra-mesos op watch cleanup" in shown


def test_a_repeated_output_ends_with_control_c(served: Served) -> None:
    command = [sys.executable, "-m", "cli", "--url", served.url, "status", "-w", "0.1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    heads = 0
    while heads < 2:
        heads += process.stdout.readline().startswith("Cluster cassandra")
    process.send_signal(2)
    assert "Interrupted." in process.communicate(timeout=20)[1]
    assert process.returncode == 130


def test_an_edit_shows_what_it_changes(
    served: Served, gateway: CoreGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\necho "CASSANDRA_HEAP_SIZE_MB: 1024" >> "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(editor))
    code, shown = on_a_terminal(served, "config", "edit", answer="n\n")
    assert code == 1
    for line in ("\x1b[32m+ CASSANDRA_HEAP_SIZE_MB: 1024\x1b[0m", "\x1b[31m- heap_mb: 2048\x1b[0m"):
        assert line in shown
    assert "Restarts: node-0, node-1, node-2" in shown
    assert gateway.submitted == []


def test_the_next_command(served: Served) -> None:
    assert "Next: cassandra-mesos node status node-0" in on_a_terminal(served, "node", "show", "0")[1]
