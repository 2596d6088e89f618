"""The examples in docs/rest-api.md are what the API answers."""

from __future__ import annotations

import json
import re
import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import BLUEPRINTS, create_app
from api.openapi.document import describe
from scheduler.core.commands.command import PauseNode, RestartNodes, SetTarget
from scheduler.core.events.log import add_entries
from scheduler.core.state.cluster import GarbageRecord
from scheduler.core.state.configuration import Override
from scheduler.core.state.event import Entry, EntryKind
from scheduler.core.state.reason import Code
from scheduler.settings.effective import wanted
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state, make_status
from tests.unit.api.maintenance import NO_BACKUP, SCHEMA, cleaning, run
from tests.unit.sealing_keys import new_key

DOCUMENT = Path(__file__).parents[3] / "docs" / "rest-api.md"
TOKEN = "uSeR_t0k3n"


def examples() -> list[tuple[str, str]]:
    """Each curl line with the answer printed below it."""
    found: list[tuple[str, str]] = []
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL):
        if language:  # a console block shows no answer that can be compared
            continue
        found += re.findall(r"^\$ curl (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    return found


def without_step_messages(value: Any) -> Any:
    """The sentences of steps are the core's, and free to change."""
    if isinstance(value, list):
        return [without_step_messages(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: without_step_messages(item) for key, item in value.items() if key != "message" or "reason" not in value
    }


def with_one_id(value: Any) -> Any:
    """Each operation, and each configuration, gets an id of its own."""
    if isinstance(value, dict) and value.get("status") == "started":
        return {**value, "id": "operation"}
    if isinstance(value, dict) and value.get("configuration") not in (None, "c1"):
        return {**value, "configuration": "new"}
    return value


def changed(gateway: CoreGateway) -> None:
    """Another heap was given through the API, and no node has it yet."""
    old = replace(gateway.state.target, settings={"SERVICE_USER": "nobody"})
    new = wanted(make_settings().given, {"CASSANDRA_HEAP_SIZE_MB": Override("1024", "")})
    gateway.state = replace(gateway.state, target=old, configurations={"c1": old})
    gateway.submit(SetTarget("c2", new, "c1", {}), "op")


LISTED = {
    "backup_name": "monday",
    "cluster": "5d0c6b1e-9a53-4c36-8d8c-3f6f0b1f7a20",
    "cluster_name": "cassandra",
    "state": "complete",
    "started_at": "2024-01-01T00:00:00Z",
    "finished_at": "2024-01-01T00:01:00Z",
    "nodes": 3,
    "objects": 120,
    "bytes": 1_048_576,
}


def happened(gateway: CoreGateway) -> None:
    words = "alice asked to restart nodes (nodes node-0)"
    entry = Entry(0, 1_704_067_200.0, EntryKind.COMMAND, words, node="node-0", principal="alice")
    gateway.state = add_entries(gateway.state, [entry])


def forgotten(gateway: CoreGateway) -> None:
    volumes = ("3b9c2f4e-0f55-4c0f-9a67-64a1f2f7c111",)
    name = "8f0d6a7e-2a4e-4a1c-8b7e-2f3c5a1d9e10"
    record = GarbageRecord(name, "S3", "10.0.0.7", volumes, 0.7, 4384.0, 10240.0, 1_704_067_200.0)
    gateway.state = replace(gateway.state, garbage={name: record})


def alone(gateway: CoreGateway) -> None:
    gateway.state = replace(gateway.state, nodes={"node-0": gateway.state.nodes["node-0"]})


# What runs when a request comes; elsewhere nothing does.
SCENES: dict[str, Callable[[CoreGateway], object]] = {
    "/v1/cleanup/status": cleaning,
    "/v1/cleanup/stop": cleaning,
    "/v1/nodes/node-0/cancel": lambda gateway: gateway.submit(RestartNodes(("node-0",), "op"), "op"),
    "/v1/events?limit=1": happened,
    "/v1/garbage": forgotten,
    "/v1/nodes/status": alone,
    "/v1/config/rollback": changed,
    "/v1/nodes/node-0/resume": lambda gateway: gateway.submit(PauseNode("node-0", "op"), "op"),
    "/v1/backup/tune": lambda gateway: run(gateway, "backup", tuning={"throttle": 1}),
}


@pytest.fixture
def gateway() -> CoreGateway:
    made = CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))
    made.statuses["node-0"] = make_status(0)
    made.answers = {"schema": SCHEMA, "backup": NO_BACKUP, "backups": {"backups": [LISTED]}, "settings": {}}
    return made


@pytest.fixture
def client(tmp_path: Path, gateway: CoreGateway) -> FlaskClient:
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    return create_app(gateway, make_settings(API_TOKEN_FILE=str(tokens), SECRETS_KEY=new_key())).test_client()


def parse_command(command: str) -> Namespace:
    """curl's own arguments."""
    parser = ArgumentParser()
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="body")
    parser.add_argument("url")
    return parser.parse_args(shlex.split(command.replace("$AUTH_TOKEN", TOKEN)))


@pytest.mark.parametrize(("command", "printed"), examples(), ids=lambda value: str(value).rpartition("$API")[2][:50])
def test_examples(client: FlaskClient, gateway: CoreGateway, command: str, printed: str) -> None:
    given = parse_command(command)
    path = given.url.removeprefix("$API")
    if path in SCENES:
        SCENES[path](gateway)
    headers = dict(header.split(": ", 1) for header in given.headers)
    answer = client.open(path, method=given.method, headers=headers, data=given.body)
    found, expected = document(answer), json.loads(printed)
    assert without_step_messages(with_one_id(found)) == without_step_messages(with_one_id(expected))


def test_there_are_examples() -> None:
    assert len(examples()) > 20


@pytest.mark.parametrize("path", sorted(describe(BLUEPRINTS)["paths"]))
def test_every_path_is_in_the_document(path: str) -> None:
    text = DOCUMENT.read_text()
    pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    pattern = re.sub(r"\{(\w+)\}", r"(?:\\{\1\\}|<\1>|[\\w.-]+)", pattern)
    assert re.search(pattern + r"(?![\w/])", text), path


def test_each_reason_is_explained_once() -> None:
    section = DOCUMENT.read_text().partition("\n### Reasons\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (`.+?) \|", section, re.MULTILINE)
    assert sorted(code for row in rows for code in re.findall(r"`(\w+)`", row)) == sorted(code.value for code in Code)
