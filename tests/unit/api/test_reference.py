"""The curl lines of the published API reference, word for word."""

from __future__ import annotations

import json
import shlex
from argparse import ArgumentParser
from typing import Any

import pytest
from flask.testing import FlaskClient

from api import create_app
from tests.unit.api.cluster import CoreGateway, document, make_node, make_settings, make_state, make_status
from tests.unit.api.maintenance import BACKUP, NO_BACKUP
from tests.unit.sealing_keys import new_key

TOKEN = "uSeR_t0k3n"

LINES = r"""
$ curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan
$ curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/cassandra/v1/connection
$ curl -X POST -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan?cmd=interrupt
$ curl -X PUT -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan?cmd=proceed
$ curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/nodes/<node-#>/status
$ curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/nodes/</node-#>/info
"""

_PUT = '$ curl -X PUT -H "Authorization: token=$AUTH_TOKEN"'
_MASTER = "<master-IP>/service/cassandra/v1"
MAINTENANCE = {
    "cleanup": f'{_PUT} -H "Content-Type:application/json" {_MASTER}/cleanup/start --data @cleanup.json',
    "repair": f'{_PUT} -H "Content-Type:application/json" {_MASTER}/repair/start --data @repair.json',
    "backup": f'{_PUT} -H "Content-Type: application/json" -d @backup.json {_MASTER}/backup/start',
    "restore": f'{_PUT} -H "Content-Type: application/json" -d @restore.json {_MASTER}/restore/start',
}
# The reference has a stray -X in this one, which no curl could run.
RESTORE_STATUS = f'$ curl -H "Authorization: token=$AUTH_TOKEN" {_MASTER}/restore/status'
_TABLES = {"nodes": ["*"], "key_spaces": ["my_keyspace"], "column_families": ["my_cf_1", "my_cf_w"]}
_PLACE = {"external_location": "s3://bucket-name", "s3_access_key": "s3-access-key", "s3_secret_key": "s3-secret-key"}
FILES: list[tuple[str, dict[str, Any]]] = [
    ("cleanup", _TABLES),
    ("cleanup", {"nodes": ["*"]}),
    ("repair", _TABLES),
    ("repair", {"nodes": ["*"]}),
    ("backup", {"backup_name": "backup-name", **_PLACE}),
    ("restore", {"backup_name": "backup-name-to-restore", **_PLACE}),
]


@pytest.fixture
def gateway() -> CoreGateway:
    made = CoreGateway(make_state(make_settings(), make_node(0), make_node(1), make_node(2)))
    made.statuses["node-0"] = make_status(0)
    tables = {"local": False, "tables": ["my_cf_1", "my_cf_w"]}
    made.answers = {"schema": {"key_spaces": {"my_keyspace": tables}}, "backup": NO_BACKUP}
    return made


@pytest.fixture
def client(tmp_path_factory: pytest.TempPathFactory, gateway: CoreGateway) -> FlaskClient:
    tokens = tmp_path_factory.mktemp("api") / "tokens"
    tokens.write_text(TOKEN)
    return create_app(gateway, make_settings(API_TOKEN_FILE=str(tokens), SECRETS_KEY=new_key())).test_client()


def words(line: str, node: str) -> list[str]:
    """The line as a shell would pass it on after the reader filled in what is to be filled in."""
    for placeholder, value in (("$AUTH_TOKEN", TOKEN), ("<master-IP>", "http://api"), ("<node-#>", node)):
        line = line.replace(placeholder, value)
    return shlex.split(line.removeprefix("$ curl "))


def fetch(client: FlaskClient, arguments: list[str], file: object = None) -> tuple[int, Any]:
    """What the line is answered; `file` is the content of the file that it names."""
    parser = ArgumentParser()
    parser.add_argument("-X", dest="method", default="GET")
    parser.add_argument("-H", dest="headers", action="append")
    parser.add_argument("-d", "--data", dest="data")
    parser.add_argument("url")
    given = parser.parse_args(arguments)
    headers = {name: value.strip() for name, _, value in (header.partition(":") for header in given.headers)}
    data = None if given.data is None else json.dumps(file)
    answer = client.open(given.url.removeprefix("http://api"), method=given.method, headers=headers, data=data)
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


@pytest.mark.parametrize(("kind", "file"), FILES)
def test_every_operation_starts(client: FlaskClient, gateway: CoreGateway, kind: str, file: dict[str, Any]) -> None:
    if kind == "restore":
        gateway.answers["backup"] = BACKUP
    status, answer = fetch(client, words(MAINTENANCE[kind], "0"), file)
    assert (status, answer["status"], answer["message"]) == (202, "started", "")
    assert gateway.state.operations[kind].id == answer["id"]
    status, answer = fetch(client, words(RESTORE_STATUS, "0"))
    assert (status, answer["kind"], answer["state"]) == (200, "restore", "WAITING" if kind == "restore" else "NONE")


def test_the_lines_need_the_token(client: FlaskClient) -> None:
    for line in [*LINES.strip().splitlines(), *MAINTENANCE.values(), RESTORE_STATUS]:
        arguments = words(line.replace("</node-#>", "/<node-#>"), "0")
        assert fetch(client, [word.replace(TOKEN, "another-token") for word in arguments])[0] == 401


@pytest.mark.parametrize("path", ["//v1/nodes//node-0///info", "/v1/nodes/node-0/info/", "/cassandra//v1/plan/"])
def test_doubled_and_trailing_slashes(client: FlaskClient, path: str) -> None:
    answer = client.get("/", headers={"Authorization": f"token={TOKEN}"}, environ_overrides={"PATH_INFO": path})
    assert answer.status_code == 200
