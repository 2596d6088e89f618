"""Logs of nodes, read from the files of an agent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from tests.unit.api.cluster import CoreGateway, document
from tests.unit.scheduler.loop.test_last_words import FilesOfAnAgent

SYSTEM = "/frameworks/framework-1/executors/node-0_executor__uuid/runs/latest/logs/system.log"


@pytest.fixture
def files(gateway: CoreGateway) -> Iterator[FilesOfAnAgent]:
    """The files of node-0's agent."""
    found = FilesOfAnAgent()
    record = gateway.state.nodes["node-0"]
    agent = replace(record.known_agent, url=found.url)
    gateway.state = replace(gateway.state, nodes={**gateway.state.nodes, "node-0": replace(record, agent=agent)})
    yield found
    found.close()


def test_the_last_lines(client: FlaskClient, files: FilesOfAnAgent) -> None:
    files.text = "".join(f"line {number} \x1b[31m\n" for number in range(5000))
    answer = client.get("/v1/nodes/0/logs?lines=2")
    assert (answer.status_code, set(files.paths)) == (200, {SYSTEM})
    # Control characters of a log move no cursor.
    lines = ["line 4998 \N{REPLACEMENT CHARACTER}[31m", "line 4999 \N{REPLACEMENT CHARACTER}[31m"]
    assert document(answer) == {
        "node": "node-0",
        "file": "logs/system.log",
        "hostname": "host-0.example",
        "lines": lines,
    }
    assert len(document(client.get("/v1/nodes/0/logs"))["lines"]) == 100


@pytest.mark.parametrize(("name", "path"), [("output", "logs/cassandra.out"), ("executor", "stderr")])
def test_other_files(client: FlaskClient, files: FilesOfAnAgent, name: str, path: str) -> None:
    assert document(client.get(f"/v1/nodes/node-0/logs?file={name}"))["file"] == path
    assert files.paths[-1].endswith(f"/runs/latest/{path}")


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("file=../../secret", 400, "file"),
        ("lines=0", 400, "The query parameter lines must be a number from 1 to 1000, not 0."),
        ("lines=1001", 400, "The query parameter lines must be"),
        ("lines=²", 400, "The query parameter lines must be"),
        ("path=x", 400, "path"),
    ],
)
def test_bad_requests(client: FlaskClient, files: FilesOfAnAgent, query: str, status: int, words: str) -> None:
    answer = client.get(f"/v1/nodes/0/logs?{query}")
    assert answer.status_code == status
    assert words in document(answer)["message"]
    assert files.paths == []


def test_an_agent_that_refuses(client: FlaskClient, files: FilesOfAnAgent) -> None:
    files.status = 401
    answer = client.get("/v1/nodes/0/logs")
    words = "The file logs/system.log of node-0 on host-0.example cannot be read: the agent answers 401 Unauthorized."
    assert (answer.status_code, document(answer)) == (503, {"message": words})


def test_an_agent_that_is_gone(client: FlaskClient, files: FilesOfAnAgent) -> None:
    files.close()
    answer = client.get("/v1/nodes/0/logs")
    address = files.url.removeprefix("http://")
    words = (
        f"The agent of node-0, host-0.example at {address}, does not answer: connection refused. The log is on that "
        "machine, and Cassandra can still run there: start the agent again, or replace node-0 if the machine is lost."
    )
    assert (answer.status_code, document(answer)) == (503, {"message": words})


def test_an_agent_that_is_not_known(client: FlaskClient) -> None:
    assert document(client.get("/v1/nodes/1/logs")) == {"message": "The agent of node-1 is not known."}
    assert client.get("/v1/nodes/7/logs").status_code == 404
