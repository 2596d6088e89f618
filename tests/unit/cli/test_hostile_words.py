"""Words of a hostile or broken server: on a terminal, in programs that people run, and without an end."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from flask import Flask, Response

from cli import rest
from cli.errors import ExitCode, Failure
from cli.output import Output, json_text
from cli.redaction import without_secrets
from cli.rest import Client, Target
from cli.tables import fields_table
from cli.wording import as_options
from tests.unit.cli.serving import CommandLine, Served, serve
from tests.unit.cli.test_terminal import on_a_terminal

# Clear the screen; the same as one character of 8 bits; a line of its own; a text that runs from right to left.
WORDS = "a\x1b[2Jb\x9b2Jc\rd\u202ee\x7ff"
ODD = set("\x1b\x9b\r\u202e\x7f")
EVENT = {"sequence": 1, "at": WORDS, "kind": WORDS, "node": WORDS, "principal": WORDS, "subject": WORDS,
         "message": WORDS, "cause": WORDS}  # fmt: skip
AUTHORITY = {"fingerprint": WORDS, "signs": True, "not_after": WORDS, "certificate": WORDS}
ANSWERS = {
    "/v1/events": {"events": [EVENT], "newest": 1},
    "/v1/certificates": {"nodes": [], "authorities": [AUTHORITY], "rotation": WORDS, "encryption": "off"},
    "/v1/certificates/rotate": {"message": WORDS},
    "/v1/certificates/renew": [WORDS],
    "/v1/connection": {"address": [WORDS], "dns": [WORDS], "vip": WORDS},
    "/v1/connection/address": [WORDS],
    "/v1/connection/dns": [WORDS],
    "/v1/nodes/node-0/cancel": {"message": WORDS},
    "/v1/nodes/node-0/logs": {"lines": [WORDS]},
    "/v1/plans/deploy/continue": {"message": WORDS},
    "/v1/seeds": {"seeds": [WORDS]},
    "/metrics": WORDS,
}
COMMANDS = [
    line.split()
    for line in """
    events
    events -o json
    events -o yaml
    events -o tsv
    cert status
    cert status --authorities
    cert rotate
    cert renew
    connection
    connection --address
    connection --dns
    connection --address -o json
    node cancel 0
    node logs 0
    plan continue deploy
    seeds
    seeds -o json
    seeds -o yaml
    api GET /v1/seeds
    """.strip().splitlines()
]


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, object]]:
    """Serve one document for each path; tests change them."""
    app, answers = Flask("hostile"), dict[str, object](ANSWERS)

    def answer(path: str) -> Response:
        found = answers.get(f"/{path}")
        if found is None:
            return Response(json.dumps({"message": "x" * 100_000}), 404, mimetype="application/json")
        kind = "text/plain" if isinstance(found, str) else "application/json"
        return Response(found if isinstance(found, str) else json.dumps(found), mimetype=kind)

    app.add_url_rule("/<path:path>", "all", answer, methods=["GET", "PUT", "POST"])
    with serve(app) as found:
        monkeypatch.setenv("CASSANDRA_MESOS_URL", found.url)
        yield answers


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_word_moves_a_terminals_cursor(command: list[str], hostile: dict[str, object], cli: CommandLine) -> None:
    ran = cli(*command, "-y")
    assert (ran.code, "a" in ran.out + ran.err) == (ExitCode.DONE, True), ran
    assert not ODD & set(ran.out + ran.err), ran


def test_a_text_of_a_request_by_hand(hostile: dict[str, object], cli: CommandLine) -> None:
    """A file or a program gets it as it is."""
    assert cli("api", "GET", "/metrics").out == f"{WORDS}\n"
    code, shown = on_a_terminal(Served(os.environ["CASSANDRA_MESOS_URL"]), "api", "GET", "/metrics")
    assert (code, shown) == (0, "a\\u001b[2Jb\\u009b2Jc\\u000dd\\u202ee\\u007ff\r\n")


def test_documents_keep_their_content() -> None:
    assert json.loads(json_text({"a": WORDS})) == {"a": WORDS}
    output = Output("yaml")
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("click.echo", lines.append)
        output.show({"a": WORDS, "b": "é"}, fields_table([]))
        output.show({"b": "é"}, fields_table([]))
    assert yaml.safe_load(lines[0]) == {"a": WORDS, "b": "é"}
    assert not ODD & set(lines[0])
    assert lines[1] == "b: é"


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1:9042); __import__('os').system('id'",
        "10.0.0.1\n[auth_provider]\nmodule = os:9042",
        "10.0.0.1:9042\n[auth_provider]\nmodule = os",
        "10.0.0.1:",
        "\u0661\u0661:\u0669",
    ],
)
@pytest.mark.parametrize("option", ["--driver-snippet", "--cqlshrc"])
def test_an_address_is_no_part_of_a_program(
    option: str, address: str, hostile: dict[str, object], cli: CommandLine
) -> None:
    hostile["/v1/connection"] = {"address": [address], "dns": [], "vip": ""}
    hostile["/v1/datacenter"] = {"data_center": "dc1"}
    ran = cli("connection", option)
    assert (ran.code, ran.out) == (ExitCode.NOT_REACHABLE, "")
    assert ran.err.startswith("The API names no address of a node: ")


def test_an_answer_without_an_end(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest, "LARGEST_BYTES", 2 * rest.LARGEST_EVENT_BYTES)
    app = Flask("endless")

    def endless(path: str) -> Response:
        def parts() -> Iterator[bytes]:
            for _ in range(100):
                yield b"data: " + b"x" * 65536 + (b"\n" if path == "v1/lines" else b"")

        return Response(parts(), 404 if path == "v1/missing" else 200, mimetype="text/event-stream")

    app.add_url_rule("/<path:path>", "all", endless)
    with serve(app) as served:
        ran = cli("--url", served.url, "seeds")
        assert ran.code == ExitCode.NOT_REACHABLE
        assert ran.err == f"The API at {served.url} cannot be reached: its answer has more than 2097152 bytes.\n"
        for path, size in (("/v1/line", 1048576), ("/v1/lines", 1048576), ("/v1/missing", 2097152)):
            with pytest.raises(Failure, match=f"has more than {size} bytes"):
                list(Client(Target(served.url)).stream(path, {}))


@pytest.mark.parametrize("number", [float("inf"), float("nan"), 1e300, -1e300, pytest.param(10**400, id="long")])
@pytest.mark.parametrize("form", ["table", "tsv"])
def test_a_number_that_is_no_time(number: float, form: str, hostile: dict[str, object], cli: CommandLine) -> None:
    hostile["/v1/events"] = {"events": [{**EVENT, "at": number}], "newest": 1}
    ran = cli("events", "-o", form)
    assert ran.code in (ExitCode.DONE, ExitCode.NOT_REACHABLE)
    assert ran.code == ExitCode.DONE or "has another form than this program knows" in ran.err


@pytest.mark.parametrize("change", [as_options, without_secrets])
@pytest.mark.parametrize("text", ["-", "--a, ", "token", "password_", "a_", "://a:"])
@pytest.mark.timeout(60)
def test_a_long_text_takes_linear_time(text: str, change: Callable[[str], str]) -> None:
    """A time that grows with the square of this length would be minutes and more."""
    change(text * (1_000_000 // len(text)))


def test_names_that_are_none_are_no_files_of_a_bundle(
    hostile: dict[str, object], cli: CommandLine, tmp_path: Path
) -> None:
    hostile["/v1/nodes/list"] = ["..", "../../x", "node-0", "", "a" * 5000, 5, None, {}, "node-0\n"]
    hostile["/v1/plans"] = ["..", "/etc/passwd", "deploy"]
    hostile["/v1/nodes/node-0/info"] = hostile["/v1/plans/deploy"] = {}
    file = tmp_path / "bundle.tar.gz"
    ran = cli("support", "bundle", "--file", str(file))
    assert ran.code == ExitCode.DONE, ran
    with tarfile.open(file) as archive:
        names = {name.partition("/v1/")[2] for name in archive.getnames()}
    of_names = {name for name in names if name.startswith(("nodes/", "plans/"))}
    assert of_names == {"nodes/list.json", "nodes/node-0/info.json", "plans/deploy.json"}


def test_a_message_without_an_end(hostile: dict[str, object], cli: CommandLine) -> None:
    assert len(cli("api", "GET", "/v1/none").err) < 20_000


@pytest.mark.parametrize("address", ["10.0.0.1:9042", "[fd00::1]:9042", "node-0.cassandra.mesos:9042"])
def test_addresses(address: str, hostile: dict[str, object], cli: CommandLine) -> None:
    hostile["/v1/connection"] = {"address": [address], "dns": [], "vip": ""}
    assert f"hostname = {address.rpartition(':')[0].strip('[]')}\nport = 9042\n" in cli("connection", "--cqlshrc").out
