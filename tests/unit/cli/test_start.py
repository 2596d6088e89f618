"""A command imports only what it uses, so that it starts quickly; and shells complete its words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.root import COMMANDS, root
from tests.unit.cli.serving import CommandLine

ROOT = Path(__file__).parents[3]


def test_what_is_imported() -> None:
    program = (
        "import sys; from cli.root import main; main(['--url', '127.0.0.1:1', 'seeds'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True)
    modules = set(ended.stdout.split())
    assert not modules & {"rich", "yaml", "flask", "tarfile", "concurrent", "scheduler", "executor", "api", "pymesos"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, cli: CommandLine) -> None:
    ran = cli("completion", shell)
    assert (ran.code, ran.err) == (0, "")
    assert "_CASSANDRA_MESOS_COMPLETE" in ran.out


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("cassandra-mesos re", {"repair", "restore"}),
        ("cassandra-mesos repair st", {"start", "status", "stop"}),
        ("cassandra-mesos op show backup-", {"backup-verify", "backup-delete"}),
        ("cassandra-mesos -o ta", {"table"}),
    ],
)
def test_completion_in_bash(words: str, found: set[str], cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "complete.sh").write_text(cli("completion", "bash").out)
    program = tmp_path / "cassandra-mesos"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m cli "$@"\n')
    program.chmod(0o700)
    script = (
        f'source "{tmp_path}/complete.sh"\nCOMP_WORDS=({words})\nCOMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n'
        "_cassandra_mesos_completion cassandra-mesos\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n"
    )
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    ended = subprocess.run(["bash", "-c", script], env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert set(ended.stdout.split()) == found, ended.stderr


def test_every_command_has_help(cli: CommandLine) -> None:
    for name in COMMANDS:
        ran = cli(name, "--help")
        assert (ran.code, ran.err) == (0, ""), name
        assert f"Usage: cassandra-mesos {name}" in ran.out
    assert len(root.list_commands(root.make_context("cassandra-mesos", ["seeds"]))) == len(COMMANDS)


def test_no_option_takes_a_secret() -> None:
    from cli.document import walk

    for path, command in walk():
        for parameter in command.params:
            words = set((parameter.name or "").split("_"))
            harmless = {"file", "command", "credentials"}
            assert not words & {"token", "password", "secret"} or words & harmless, (path, parameter.name)
