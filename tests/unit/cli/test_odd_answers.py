"""Answers that are not this API's, files that are not what they should be, and outputs that take nothing."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response

from cli.contexts import read_token
from cli.errors import ExitCode
from tests.unit.cli.serving import CommandLine, Served, serve

COMMANDS = [
    line.split()
    for line in """
    status
    plan status
    plan continue deploy
    node list
    node show 0
    node logs 0
    node restart 0
    node restart *
    op list --all
    op watch repair --timeout 1s
    op stop repair
    repair start
    backup list -l s3://b
    restore start monday -l s3://b
    config diff A=b
    config set A=b
    config rollback
    cert status
    cert renew
    user list
    connection --cqlshrc
    events
    offers why 0
    why node-0
    health
    """.strip().splitlines()
]
LOG_IN = Response("<html>Log in</html>", 200, mimetype="text/html")


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Served, list[Response]]]:
    """Serve one answer to every request; tests put it into the list."""
    app, answers = Flask("router"), [LOG_IN]
    app.add_url_rule("/<path:_>", "all", lambda _: answers[0], methods=["GET", "PUT", "POST"])
    with serve(app) as found:
        monkeypatch.setenv("CASSANDRA_MESOS_URL", found.url)
        yield found, answers


def test_a_page_is_no_answer(router: tuple[Served, list[Response]], cli: CommandLine) -> None:
    """A router asks for its log-in by a page with the status 200."""
    for command in COMMANDS:
        ran = cli(*command, "-y")
        assert (ran.code, ran.out) == (ExitCode.NOT_REACHABLE, ""), command
        assert "brought a page in HTML, as of a router: check the URL, or log in there." in ran.err
    ran = cli("api", "GET", "/ui/")
    assert (ran.code, ran.out) == (0, "<html>Log in</html>\n")


@pytest.mark.parametrize("body", ["{}", "[{}]", "null", '{"message": "hello"}', "3"])
def test_json_of_another_form_is_a_sentence(router: tuple[Served, list[Response]], cli: CommandLine, body: str) -> None:
    """Neither an error of Python nor a code that has a meaning of its own, as 1 of `config diff`."""
    served, answers = router
    answers[0] = Response(body, 200, mimetype="application/json")
    failed = 0
    for command in COMMANDS:
        ran = cli(*command, "-y")
        failed += ran.code == ExitCode.NOT_REACHABLE
        assert ran.code in (ExitCode.DONE, ExitCode.NOT_FOUND, ExitCode.NOT_REACHABLE), (command, ran)
        if ran.code == ExitCode.NOT_REACHABLE:
            assert ran.err.startswith(f"An answer of the API at {served.url} has another form"), command
    assert failed > len(COMMANDS) / 2


@pytest.mark.parametrize("answer", [Response("nothing", 404), Response("{}", 404, mimetype="application/json")])
def test_another_server_has_none_of_the_paths(
    router: tuple[Served, list[Response]], cli: CommandLine, answer: Response
) -> None:
    """Such as the master's, at whose port the API was thought to be."""
    router[1][0] = answer
    for line in ("status", "seeds", "node restart 0", "why node-0"):
        ran = cli(*line.split(), "-y")
        assert (ran.code, "as of another server: check the URL." in ran.err) == (ExitCode.NOT_REACHABLE, True), line


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("A token is needed: send the header Authorization: token=<token>.", "or choose a context with one.\n"),
        (
            "A token is needed: send the header Authorization: token=<token>, or present a client certificate.",
            "or choose a context with one; or give --cert.\n",
        ),
        ("A client certificate is needed, of an authority in API_CLIENT_CA_FILE.", "API_CLIENT_CA_FILE.\n"),
        ("The client certificate of alice has expired.", "The client certificate of alice has expired.\n"),
    ],
)
def test_what_was_not_given(
    said: str, expected: str, router: tuple[Served, list[Response]], cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API's sentence about a header is for those who write requests by hand."""
    router[1][0] = Response(json.dumps({"message": said}), 401, mimetype="application/json")
    ran = cli("status")
    assert (ran.code, ran.err.endswith(expected)) == (ExitCode.NO_RIGHT, True), ran.err
    assert ("wants a token: give --token-file, set" in ran.err) == said.startswith("A token")
    monkeypatch.setenv("AUTH_TOKEN", "a-token")
    assert cli("status").err == f"{said}\n"


def test_json_that_is_too_deep(router: tuple[Served, list[Response]], cli: CommandLine) -> None:
    router[1][0] = Response("[" * 100_000, 200, mimetype="application/json")
    assert "is not JSON" in cli("seeds").err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"A: 2026-11-29\n", "A has a value that JSON does not know, such as a date: put it into quotes."),
        (b"A: .nan\n", "A has a value that JSON does not know"),
        (b"A: &a [*a]\n", "A has a value that JSON does not know"),
        (b"A: 2026-13-45\n", "The settings are not YAML: month must be"),
        (b"[" * 2000, "The settings are not YAML"),
        (b"A: \xff\n", "cannot be read: it is no text in UTF-8."),
    ],
)
def test_files_of_settings(cli: CommandLine, served: Served, tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)
    ran = cli("config", "set", "-y", "-f", str(file))
    assert (ran.code, ran.out) == (ExitCode.USAGE, "")
    assert says in ran.err
    assert served.rules == []


def test_other_files(cli: CommandLine, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xff")
    ran = cli("backup", "start", "monday", "-l", "s3://b", "--tls-ca", str(file))
    assert (ran.code, f"{file} cannot be read: " in ran.err) == (ExitCode.USAGE, True)
    file.write_text("[" * 100_000)
    ran = cli("api", "POST", "/v1/config", "-d", f"@{file}")
    assert (ran.code, "The body cannot be used" in ran.err) == (ExitCode.USAGE, True)
    monkeypatch.setenv("CASSANDRA_MESOS_CONFIG", str(file))
    file.chmod(0o600)
    file.write_bytes(b"\xff")
    ran = cli("context", "list")
    assert (ran.code, ran.err) == (ExitCode.USAGE, f"{file} cannot be read: it is no text in UTF-8.\n")
    file.write_text("current: 2026-13-45\n")
    ran = cli("context", "list")
    assert (ran.code, f"{file} cannot be read: month must be" in ran.err) == (ExitCode.USAGE, True)
    assert served.rules == []


def test_a_full_disk(cli: CommandLine, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        code = cli("seeds").code
        monkeypatch.undo()
    assert code == ExitCode.FAILED


def test_a_terminal_with_fewer_characters(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from cli.root import main

    shown = io.TextIOWrapper(io.BytesIO(), "latin-1")
    monkeypatch.setattr(sys, "stdout", shown)
    assert main(["config", "set", "--help"]) == 0
    shown.seek(0)
    assert "NAME=VALUE\\u2026" in shown.read()


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("the-token\n", "the-token"),
        ("\ufeffthe-token\n", None),
        ("alice:the-token", "the-token"),
        ("alice smith:read:the-token\r\nbob:admin:another-one\n", "the-token"),
        ("alice:admin:the:token", "the:token"),
        ("alice:the:token", "the:token"),
        ("# of the server\n\nalice:operate:the-token\n", "the-token"),
        ("alice:read:scrypt:0011223344556677:AAAA:AAAA\n", None),
        ("# none\n", None),
    ],
)
def test_lines_of_token_files(cli: CommandLine, tmp_path: Path, text: str, token: str | None) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    file.chmod(0o600)
    if token is None:
        ran = cli("--url", "http://127.0.0.1:1", "--token-file", str(file), "seeds")
        assert (ran.code, "AAAA" in ran.err) == (ExitCode.USAGE, False)
    else:
        assert read_token(file) == token


def test_a_context_is_used_from_any_directory(
    cli: CommandLine, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CASSANDRA_MESOS_URL")
    monkeypatch.chdir(tmp_path)
    Path("token").write_text("the-token")
    Path("token").chmod(0o600)
    assert cli("--token-file", "token", "context", "add", "home", served.url).code == 0
    monkeypatch.chdir("/")
    assert cli("seeds").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("", "http://host"), "The context needs a name."),
        (("home", "http://me:s3cret@host"), "The URL must not contain credentials; give a token file."),
        (("home", "http://host:port"), "The URL http://host:port is not valid"),
        (("home", "http://me:s3cret@host:port"), "The URL host:port is not valid"),
        (("home", "ftp://host"), "The URL ftp://host must be http://host[:port][/path] or https://…."),
    ],
)
def test_contexts_that_could_not_be_used(cli: CommandLine, arguments: tuple[str, str], says: str) -> None:
    ran = cli("context", "add", *arguments)
    assert (ran.code, ran.err.startswith(says)) == (ExitCode.USAGE, True), ran
    assert "s3cret" not in ran.err
    assert cli("context", "list", "-o", "name").out == ""


def test_files_of_a_context_can_be_empty_or_below_the_home(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "contexts.yaml"
    file.write_text("current: a\ncontexts:\n  a: {url: 'https://127.0.0.1:1', ca: ~, cert: '~/none.pem'}\n")
    file.chmod(0o600)
    monkeypatch.setenv("CASSANDRA_MESOS_CONFIG", str(file))
    ran = cli("seeds")
    assert ran.err == f"The client certificate {tmp_path}/none.pem cannot be used: No such file or directory.\n"
