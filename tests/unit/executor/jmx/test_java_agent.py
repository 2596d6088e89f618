from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from executor.jmx import java_agent
from executor.jmx.java_agent import NoAgentError
from tests.unit.executor.jolokia_server import Server

OLD = ["mesos.cassandra:type=RepairSessions"]
NEW = [*OLD, "mesos.cassandra:type=SSTableImport"]


class Cassandra:
    """A JVM with this class path that has `before` registered, and `after` once an agent was loaded."""

    def __init__(self, class_path: str, before: list[str], after: list[str]) -> None:
        self._class_path, self._registered, self._after = class_path, before, after
        self.loaded: list[str] = []

    def __call__(self, body: Any) -> tuple[int, bytes]:
        if isinstance(body, list):
            return 200, json.dumps([{"status": 200, "value": self._class_path}]).encode()
        if body["type"] == "search":
            found = [name for name in self._registered if name == body["mbean"]]
            return 200, json.dumps({"status": 200, "value": found}).encode()
        self.loaded += body["arguments"][0]
        self._registered = self._after
        return 200, json.dumps({"status": 200, "value": "return code: 0"}).encode()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@pytest.mark.parametrize(("before", "loaded"), [([], 1), (OLD, 1), (NEW, 0)])
def test_the_agent_is_loaded_when_the_mbean_is_not_there(server: Server, before: list[str], loaded: int) -> None:
    server.answer = cassandra = Cassandra("/lib/a.jar:/lib/cassandra-mesos-agent.jar", before, NEW)
    assert java_agent.attach(server.client(), "SSTableImport") == "mesos.cassandra:type=SSTableImport"
    assert cassandra.loaded == ["/lib/cassandra-mesos-agent.jar"] * loaded


@pytest.mark.parametrize(
    ("class_path", "message"),
    [
        ("/lib/a.jar", "the Cassandra bundle has no cassandra-mesos-agent.jar"),
        ("/lib/cassandra-mesos-agent.jar", "has no SSTableImport: it is too old; update the bundle"),
    ],
)
def test_a_bundle_without_it(server: Server, class_path: str, message: str) -> None:
    server.answer = Cassandra(class_path, OLD, OLD)
    with pytest.raises(NoAgentError, match=message):
        java_agent.attach(server.client(), "SSTableImport")
