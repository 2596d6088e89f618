"""The examples in docs/rest-api.md are what the API answers."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import create_app
from api.openapi import describe
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state, make_status

DOCUMENT = Path(__file__).parents[3] / "docs" / "rest-api.md"
TOKEN = "uSeR_t0k3n"


def examples() -> list[tuple[str, str]]:
    """Each curl line with the answer printed below it."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"^```\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL):
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


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    settings = make_settings(API_TOKEN_FILE=str(tokens))
    gateway = CoreGateway(make_state(settings, make_node(0), make_node(1), make_node(2)))
    gateway.statuses["node-0"] = make_status(0)
    return create_app(gateway, settings).test_client()


@pytest.mark.parametrize(("command", "printed"), examples(), ids=lambda value: str(value).rpartition("$API")[2][:50])
def test_examples(client: FlaskClient, command: str, printed: str) -> None:
    words = shlex.split(command.replace("$AUTH_TOKEN", TOKEN))
    method = words[words.index("-X") + 1] if "-X" in words else "GET"
    headers = {"Authorization": f"token={TOKEN}"} if "-H" in words else {}
    answer = client.open(words[-1].removeprefix("$API"), method=method, headers=headers)
    assert without_step_messages(document(answer)) == without_step_messages(json.loads(printed))


def test_there_are_examples() -> None:
    assert len(examples()) > 20


@pytest.mark.parametrize("path", sorted(describe()["paths"]))
def test_every_path_is_in_the_document(path: str) -> None:
    text = DOCUMENT.read_text()
    pattern = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    pattern = re.sub(r"\{(\w+)\}", r"(?:\\{\1\\}|<\1>|[\\w.-]+)", pattern)
    assert re.search(pattern + r"(?![\w/])", text), path
