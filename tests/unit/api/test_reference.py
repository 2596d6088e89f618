"""The curl lines of the published API reference that need no maintenance operation, word for word."""

from __future__ import annotations

import shlex
from argparse import ArgumentParser

import pytest
from flask.testing import FlaskClient

from api import create_app
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state, make_status

TOKEN = "uSeR_t0k3n"

LINES = r"""
$ curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan
$ curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/cassandra/v1/connection
$ curl -X POST -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan?cmd=interrupt
$ curl -X PUT -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan?cmd=proceed
$ curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/nodes/<node-#>/status
$ curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/nodes/</node-#>/info
"""


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    tokens = tmp_path_factory.mktemp("api") / "tokens"
    tokens.write_text(TOKEN)
    settings = make_settings(API_TOKEN_FILE=str(tokens))
    gateway = CoreGateway(make_state(settings, make_node(0), make_node(1), make_node(2)))
    gateway.statuses["node-0"] = make_status(0)
    return create_app(gateway, settings).test_client()


def words(line: str, node: str) -> list[str]:
    """The line as a shell would pass it on after the reader filled in what is to be filled in."""
    for placeholder, value in (("$AUTH_TOKEN", TOKEN), ("<master-IP>", "http://api"), ("<node-#>", node)):
        line = line.replace(placeholder, value)
    return shlex.split(line.removeprefix("$ curl "))


def fetch(client: FlaskClient, arguments: list[str]) -> tuple[int, object]:
    parser = ArgumentParser()
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("-H", dest="header")
    parser.add_argument("url")
    given = parser.parse_args(arguments)
    name, _, value = given.header.partition(": ")
    answer = client.open(given.url.removeprefix("http://api"), method=given.method, headers={name: value})
    return answer.status_code, document(answer)


@pytest.mark.parametrize("node", ["node-0", "0"])
@pytest.mark.parametrize("line", LINES.strip().splitlines())
def test_every_line_answers(client: FlaskClient, line: str, node: str) -> None:
    # The last line has a stray slash before the node's name: both readings of it must work.
    for variant in {line, line.replace("</node-#>", "<node-#>"), line.replace("</node-#>", "/<node-#>")}:
        if "</" in variant:
            continue
        status, answer = fetch(client, words(variant, node))
        assert status == 200, answer


def test_what_the_lines_answer(client: FlaskClient) -> None:
    lines = LINES.strip().splitlines()
    plan, connection, interrupt, proceed, status, info = (
        fetch(client, words(line.replace("</node-#>", "/<node-#>"), "node-0"))[1] for line in lines
    )
    assert isinstance(plan, dict)
    assert plan["status"] == "COMPLETE"
    assert isinstance(connection, dict)
    assert connection["nodes"] == ["10.0.0.1:9042", "10.0.0.2:9042", "10.0.0.3:9042"]
    assert interrupt == {"message": "Received cmd: interrupt"}
    assert proceed == {"message": "Received cmd: proceed"}
    assert isinstance(status, dict)
    assert status["mode"] == "NORMAL"
    assert isinstance(info, dict)
    assert info["name"] == "node-0"


def test_the_lines_need_the_token(client: FlaskClient) -> None:
    for line in LINES.strip().splitlines():
        arguments = words(line.replace("</node-#>", "/<node-#>"), "0")
        assert fetch(client, [word.replace(TOKEN, "another-token") for word in arguments])[0] == 401


@pytest.mark.parametrize("path", ["//v1/nodes//node-0///info", "/v1/nodes/node-0/info/", "/cassandra//v1/plan/"])
def test_doubled_and_trailing_slashes(client: FlaskClient, path: str) -> None:
    answer = client.get("/", headers={"Authorization": f"token={TOKEN}"}, environ_overrides={"PATH_INFO": path})
    assert answer.status_code == 200
