"""How the key spaces are replicated, of Cassandra's words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from executor.jmx.jolokia import JolokiaError
from executor.jmx.replication import Replication, summary, survey
from tests.unit.executor.jolokia_server import Server

ALL = "EverywhereStrategy {}"


def topology(**factors: object) -> str:
    return f"NetworkTopologyStrategy {{{', '.join(f'{name}={factor}' for name, factor in factors.items())}}}"


def simple(factor: int) -> str:
    return f"SimpleStrategy {{replication_factor={factor}}}"


@pytest.mark.parametrize(
    ("key_spaces", "found"),
    [
        pytest.param({}, Replication(1, ()), id="none"),
        pytest.param({"a": topology(dc1=2), "b": topology(dc1=3, dc2=5)}, Replication(3, ()), id="the most of all"),
        pytest.param({"a": topology(dc2=5)}, Replication(1, ()), id="not in this data center"),
        pytest.param({"a": topology(dc1="3/1")}, Replication(3, ()), id="transient replicas"),
        pytest.param({"a": simple(1)}, Replication(1, ()), id="one replica lies in one rack"),
        pytest.param({"a": simple(2), "b": topology(dc1=3)}, Replication(3, ("a",)), id="simple"),
        pytest.param({"system_auth": topology(dc1=3)}, Replication(3, (), 3), id="of logins"),
        pytest.param({"system_auth": ALL}, Replication(1, ("system_auth",)), id="of logins, unknown"),
        pytest.param({"a": ALL}, Replication(1, ("a",)), id="a strategy that is not known to regard racks"),
    ],
)
def test_what_is_told(key_spaces: Mapping[str, str], found: Replication) -> None:
    assert summary(key_spaces, "dc1") == found


@pytest.mark.parametrize("text", [topology(dc1="many"), "SimpleStrategy {}", "none of these"])
def test_what_is_not_understood_is_not_guessed(text: str) -> None:
    with pytest.raises(JolokiaError, match="the replication of keyspace a cannot be read"):
        summary({"a": text}, "dc1")


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


def test_key_spaces_without_anybodys_data_are_left_out(server: Server) -> None:
    known = {"shop": topology(dc1=3), "system_auth": simple(1), "system_traces": simple(2)}

    def answer(body: Any) -> tuple[int, bytes]:
        found = [
            {"status": 200, "value": list(known) if item["type"] == "read" else known[item["arguments"][0]]}
            for item in body
        ]
        return 200, json.dumps(found).encode()

    server.answer = answer
    assert survey(server.client(), "dc1", 5) == Replication(3, (), 1)
    assert [item["arguments"] for item in server.bodies[1]] == [["shop"], ["system_auth"]]


def test_without_key_spaces_nothing_is_known(server: Server) -> None:
    server.answer = lambda body: (200, json.dumps([{"status": 404, "error": "no such attribute"}]).encode())
    with pytest.raises(JolokiaError, match="does not report its keyspaces"):
        survey(server.client(), "dc1", 5)
