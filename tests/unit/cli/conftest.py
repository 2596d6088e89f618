"""A command line without a user's files, and an API with a healthy cluster for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api import create_app
from cli import output
from tests.unit.api.cluster import NOW, CoreGateway, make_node, make_settings, make_state, make_status
from tests.unit.api.maintenance import BACKUP, SCHEMA
from tests.unit.cli.serving import CommandLine, Served, serve

VARIABLES = ("CONTEXT", "URL", "TOKEN", "TOKEN_FILE", "OUTPUT", "CONFIG", "LOCATION")


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"CASSANDRA_MESOS_{name}", raising=False)
    monkeypatch.delenv("AUTH_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(output, "present_time", lambda: NOW + 5400)


@pytest.fixture
def gateway() -> CoreGateway:
    nodes = [make_node(index, rack=f"r{index % 3 + 1}") for index in range(3)]
    made = CoreGateway(make_state(make_settings(), *nodes))
    made.statuses["node-0"] = make_status(0)
    made.answers["settings"] = {"refused": ""}
    made.answers["schema"] = SCHEMA
    listed = {"backup_name": "monday", "cluster": "5d0c6b1e", "cluster_name": "cassandra", **BACKUP, "nodes": 1}
    made.answers["backups"] = {"backups": [listed]}
    made.answers["backup"] = BACKUP
    return made


@pytest.fixture
def served(gateway: CoreGateway, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with serve(create_app(gateway, make_settings())) as found:
        monkeypatch.setenv("CASSANDRA_MESOS_URL", found.url)
        yield found


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(capsys)
