"""Each exit code, and what goes to which stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from api import create_app
from cli.errors import ExitCode
from cli.root import PROGRAM
from scheduler.core.commands.command import Command
from scheduler.core.state.node import Failures
from scheduler.core.state.operation import HistoryRecord, OperationState, StepState
from tests.unit.api.cluster import NOW, CoreGateway, make_node, make_settings
from tests.unit.api.maintenance import cleaning, run, step, uploading
from tests.unit.cli.serving import CommandLine, Served, serve

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("seeds", 0, ""),
        ("plan interrupt deploy", 0, "Received cmd: interrupt"),
        ("repair start --node node-9", 1, "there is no node node-9"),
        ("nonsense", 2, "No such command 'nonsense'.\n"),
        ("statu", 2, "No such command 'statu'. Did you mean 'status'?"),
        ("node restrt node-0", 2, "No such command 'restrt'. Did you mean 'restart'?"),
        ("plan forse-complete deploy", 2, "Did you mean 'force-complete'?"),
        ("cleanup start --parallelism 1_0", 2, "'1_0' is not a whole number."),
        ("events --limit ٣", 2, "'٣' is not a whole number."),
        ("status -w nan", 2, "'nan' is not a number of seconds."),
        ("status -w 1e400", 2, "'1e400' is not a number of seconds."),
        ("op watch cleanup --timeout 99999999999d", 2, "is longer than a thousand years"),
        ("events --since ²", 1, "--since must be"),
        ("plan status deploy --nonsense", 2, "No such option"),
        ("node restart 0", 2, "--yes"),
        ("backup delete monday -l s3://b", 2, "--yes"),
        ("backup delete -y -l s3://b", 2, "NAME"),
        ("config set A", 2, "NAME=VALUE"),
        ("plan interrupt deploy Deploy", 2, "whole plans"),
        ("events --kind up,banana", 2, "There is no kind BANANA of events; there are: SCHEDULER, MASTER, "),
        ("events --node banana", 1, "--node must be a node's name, such as node-0, not banana."),
        (
            "events --node 77",
            5,
            "There is no node node-77, and no event of an earlier one; there are: node-0, node-1, ",
        ),
        ("offers why 9", 5, "There is no node node-9."),
        ("plan status nothing", 5, "There is no plan nothing."),
        ("node show 7", 5, "There is no node node-7."),
        ("op watch repair", 5, "No Repair was started yet."),
        ("repair stop -y", 6, "Repair already not running."),
        ("node status 1", 8, "did not answer within 5 seconds"),
        ("api GET /v1/nothing", 5, ""),
    ],
)
def test_codes(line: str, code: int, words: str, cli: CommandLine, served: Served) -> None:
    ran = cli(*line.split())
    assert ran.code == code, ran
    assert words in ran.err
    assert (ran.out == "") is (line != "seeds")


def test_the_root_without_a_command_shows_help(cli: CommandLine) -> None:
    ran = cli()
    assert (ran.code, "Usage: cassandra-mesos" in ran.err) == (2, True)


def test_no_api_is_chosen(cli: CommandLine) -> None:
    ran = cli("seeds")
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert "context add" in ran.err


def test_no_context_is_chosen_any_more(cli: CommandLine) -> None:
    for name in ("work", "home", "test"):
        cli("context", "add", name, "http://127.0.0.1:1")
    assert cli("context", "remove", "test").err == "The context test is removed.\n"
    ran = cli("context", "remove", "work")
    words = "The context work is removed. None is chosen now; run: cassandra-mesos context use NAME\n"
    assert (ran.code, ran.err) == (0, words)
    ran = cli("seeds")
    assert (ran.code, "cassandra-mesos context use NAME (there are: home)" in ran.err) == (ExitCode.USAGE, True)


@pytest.mark.parametrize("url", ["ftp://host", "http://", "http://user:secret@host"])
def test_a_bad_url(url: str, cli: CommandLine) -> None:
    assert cli("--url", url, "seeds").code == ExitCode.USAGE


def test_nothing_listens(cli: CommandLine) -> None:
    ran = cli("--url", "127.0.0.1:1", "seeds")
    assert (ran.code, ran.err) == (8, "The API at http://127.0.0.1:1 cannot be reached: Connection refused.\n")


def test_tls_against_plain_http(cli: CommandLine, served: Served) -> None:
    ran = cli("--url", served.url.replace("http:", "https:"), "seeds")
    assert (ran.code, "it does not speak TLS: write http:" in ran.err) == (8, True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("api PUT /v1/config -d @nothing", "nothing cannot be read: No such file or directory."),
        ("config set A=@nothing", "nothing cannot be read: No such file or directory."),
        ("--token-file binary seeds", "The token file binary cannot be read: it is no text in UTF-8."),
    ],
)
def test_a_file_that_cannot_be_read(
    line: str, words: str, cli: CommandLine, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "binary").write_bytes(b"\xff")
    (tmp_path / "binary").chmod(0o600)
    monkeypatch.chdir(tmp_path)
    ran = cli(*line.split())
    assert (ran.code, ran.err) == (2, f"{words}\n")


def test_a_command_for_a_token_that_is_not_there(cli: CommandLine, served: Served) -> None:
    cli("context", "add", "home", served.url, "--token-command", "/nothing/vault read token")
    ran = cli("-c", "home", "seeds")
    assert (ran.code, ran.err) == (7, "token_command /nothing/vault cannot be run: No such file or directory.\n")


def test_a_ca_that_is_no_certificate(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    assert cli("--url", "https://127.0.0.1:1", "--ca", str(tmp_path / "ca.pem"), "seeds").code == 2


class TestTokens:
    """An API that needs a token."""

    @pytest.fixture
    def url(self, gateway: CoreGateway, tmp_path: Path) -> object:
        (tmp_path / "tokens").write_text("alice:uSeR_t0k3n\n")
        (tmp_path / "tokens").chmod(0o600)
        with serve(create_app(gateway, make_settings(API_TOKEN_FILE=str(tmp_path / "tokens")))) as found:
            yield found.url

    def test_none(self, url: str, cli: CommandLine) -> None:
        ran = cli("--url", url, "seeds")
        assert (ran.code, "wants a token: give --token-file" in ran.err) == (7, True)

    @pytest.mark.parametrize("name", ["CASSANDRA_MESOS_TOKEN", "AUTH_TOKEN"])
    def test_of_the_environment(self, name: str, url: str, cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(name, "uSeR_t0k3n")
        assert cli("--url", url, "seeds").code == 0

    def test_of_a_file(self, url: str, cli: CommandLine, tmp_path: Path, gateway: CoreGateway) -> None:
        assert cli("--url", url, "--token-file", str(tmp_path / "tokens"), "plan", "interrupt", "deploy").code == 0
        assert gateway.submitted[0][1] == "alice"

    def test_of_a_file_that_others_can_read(self, url: str, cli: CommandLine, tmp_path: Path) -> None:
        (tmp_path / "tokens").chmod(0o644)
        ran = cli("--url", url, "--token-file", str(tmp_path / "tokens"), "seeds")
        assert (ran.code, "chmod 600" in ran.err) == (2, True)

    def test_of_a_command(self, url: str, cli: CommandLine) -> None:
        assert cli("context", "add", "home", url, "--token-command", "printf uSeR_t0k3n").code == 0
        assert cli("seeds").code == 0


def test_a_redirect_is_not_followed(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    from flask import Flask, redirect

    app = Flask("router")
    app.add_url_rule("/v1/seeds", "away", lambda: redirect("http://127.0.0.1:1/"))
    with serve(app) as found:
        ran = cli("--url", found.url, "seeds")
    assert (ran.code, "redirected" in ran.err) == (1, True)


class TestWaiting:
    """`--wait` and `watch`: how the work ended, and that it goes on without the command."""

    def test_complete(self, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
        run(gateway, state=OperationState.COMPLETE)
        assert cli("op", "watch", "cleanup").code == 0

    def test_stopped(self, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
        run(gateway, state=OperationState.STOPPED)
        assert cli("op", "watch", "cleanup").code == 1

    def test_error(self, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
        uploading(gateway)
        failed = step("Upload", "node-1", state=StepState.FAILED, failures=Failures(3, 0, "the disk is full"))
        gateway.state = replace(gateway.state, steps={**gateway.state.steps, failed.key: failed})
        ran = cli("op", "watch", "backup")
        assert (ran.code, "the disk is full" in ran.err) == (3, True)

    def test_interrupted(self, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
        run(gateway, interrupted=True)
        assert cli("op", "watch", "cleanup").code == 4

    def test_an_interrupted_plan(self, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
        gateway.state = replace(
            gateway.state, nodes={**gateway.state.nodes, "node-2": make_node(2, task=None, deployed=None, mode="")}
        )
        assert cli("plan", "interrupt", "deploy").code == 0
        ran = cli("plan", "restart", "deploy", "node-0", "--wait", "--timeout", "5s")
        assert ran.code == 4, ran

    def test_timeout(self, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
        cleaning(gateway)
        ran = cli("op", "watch", "cleanup", "--timeout", "0.1")
        assert (ran.code, ran.out) == (9, "")
        assert "node-1  Cleanup  [##########          ] 50 %" in ran.err
        assert ran.err.endswith("Look at it again: cassandra-mesos op watch cleanup\n")

    def test_a_stop_waits_for_its_own_operation(
        self, cli: CommandLine, served: Served, gateway: CoreGateway, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cleaning(gateway)
        first = gateway.state.operations["cleanup"]

        def submit(command: Command, principal: str, reason: str = "") -> None:
            """Stop the operation at once; another operator starts the next one."""
            ended = HistoryRecord(replace(first, state=OperationState.STOPPED, finished_at=NOW), {})
            run(gateway)
            following = replace(gateway.state.operations["cleanup"], id="another")
            gateway.state = replace(gateway.state, operations={"cleanup": following}, history={first.id: ended})

        monkeypatch.setattr(gateway, "submit", submit)
        ran = cli("cleanup", "stop", "-y", "--wait", "--timeout", "0.2")
        assert ran.code == 0, ran

    def test_the_started_operation_is_awaited(self, cli: CommandLine, served: Served, gateway: CoreGateway) -> None:
        ran = cli("flush", "start", "--wait", "--timeout", "0.2")
        assert ran.code == 9
        assert gateway.state.operations["flush"].id in ran.out

    @pytest.mark.parametrize(
        ("line", "after", "code"),
        [
            ("node restart 0", {"id": "node-0__new"}, 0),
            ("node restart 0", {}, 9),
            ("node resume 0", {"id": "node-0__new"}, 0),
            ("node replace 0", {}, 9),
            ("node pause 0", {"mode": "PAUSED"}, 0),
            ("node pause 0", {}, 9),
        ],
    )
    def test_nodes(
        self, line: str, after: dict[str, str], code: int, cli: CommandLine, served: Served, gateway: CoreGateway,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        def submit(command: Command, principal: str, reason: str = "") -> None:
            """Carry the command out at once."""
            node = gateway.state.nodes["node-0"]
            assert node.task is not None
            task = replace(node.task, id=after.get("id", node.task.id))
            changed = replace(node, task=task, mode=after.get("mode", node.mode))
            gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, "node-0": changed}, sightings={})

        monkeypatch.setattr(gateway, "submit", submit)
        ran = cli(*line.split(), "-y", "--wait", "--timeout", "0.2")
        assert ran.code == code, ran
        assert ("node show node-0" in ran.err) is (code == 9)

    def test_control_c(self, served: Served, gateway: CoreGateway) -> None:
        cleaning(gateway)
        process = command_line(served, "op", "watch", "cleanup")
        assert process.stderr is not None
        assert "cleanup" in process.stderr.readline()
        process.send_signal(2)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out) == (130, "")
        assert "The work goes on. Look at it again: cassandra-mesos op watch cleanup" in err
        assert gateway.submitted == []


def command_line(served: Served, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "cli", *arguments],
        cwd=ROOT,
        env={**os.environ, "CASSANDRA_MESOS_URL": served.url},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_reader_of_the_output_goes_away(served: Served) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as output:
        ended = subprocess.run(
            [sys.executable, "-m", "cli", "--url", served.url, "seeds"],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_what_the_installed_script_runs(cli: CommandLine) -> None:
    ran = cli("version", "--client", "-o", "json")
    assert json.loads(ran.out)["client"] != "unknown"
    assert PROGRAM == "cassandra-mesos"
    assert cli("--version").out == f"cassandra-mesos {json.loads(ran.out)['client']}\n"
