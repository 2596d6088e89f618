"""`support bundle`: which logs it has, and that it fails where it has nothing."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api import create_app
from cli.errors import ExitCode
from scheduler.core.state.node import TaskState
from tests.unit.api.cluster import CoreGateway, make_node, make_settings, make_state
from tests.unit.api.test_reads import task_state
from tests.unit.cli.serving import CommandLine, serve
from tests.unit.scheduler.loop.test_last_words import FilesOfAnAgent

LOG = ("2026-11-29T18:00:00.000Z INFO launching node-0 on 10.0.0.9", "options: -DkeyStorePassword=hunter2 x")


@pytest.fixture
def agent() -> Iterator[FilesOfAnAgent]:
    files = FilesOfAnAgent()
    files.text = "INFO starts at 10.0.0.9\nWARN secret=hunter2\n"
    yield files
    files.close()


def gateway_of(number: int, agent: FilesOfAnAgent) -> CoreGateway:
    nodes = [make_node(index) for index in range(number)]
    nodes = [replace(node, agent=replace(node.known_agent, url=agent.url)) for node in nodes]
    return CoreGateway(make_state(make_settings(), *nodes))


def texts_of(file: Path) -> dict[str, str]:
    with tarfile.open(file) as archive:
        found = {item.name: archive.extractfile(item) for item in archive.getmembers()}
        return {name: content.read().decode() for name, content in found.items() if content is not None}


@pytest.mark.parametrize(
    ("number", "options", "logs"),
    [
        (2, [], {f"node-{node}/{log}" for node in (0, 1) for log in ("system", "output", "executor")} | {"scheduler"}),
        (51, [], {"scheduler"}),
        (51, ["--node", "50"], {"node-50/system", "node-50/output", "node-50/executor", "scheduler"}),
    ],
)
def test_logs(
    number: int, options: list[str], logs: set[str], cli: CommandLine, agent: FilesOfAnAgent, tmp_path: Path
) -> None:
    file = tmp_path / "b.tar.gz"
    with serve(create_app(gateway_of(number, agent), make_settings(), recent_log=lambda: LOG)) as found:
        ran = cli("--url", found.url, "support", "bundle", "--redact", "--file", str(file), *options)
    assert ran.code == 0, ran
    texts = texts_of(file)
    assert {name for name in texts if name.endswith(".log")} == {f"b/logs/{name}.log" for name in logs}
    assert texts["b/logs/scheduler.log"].count("\n") == len(LOG)
    assert all("hunter2" not in text and "10.0.0.9" not in text for text in texts.values())


def test_nothing_is_written_without_an_api(cli: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "b.tar.gz"
    ran = cli("--url", "http://127.0.0.1:1", "support", "bundle", "--file", str(file))
    assert (ran.code, ran.out, file.exists()) == (8, "", False)
    assert ran.err.startswith("Nothing could be read. The API at http://127.0.0.1:1 cannot be reached")


def test_checks_that_fail(cli: CommandLine, tmp_path: Path) -> None:
    """The API answers 500 then, and what fails is what helps."""
    nodes = [make_node(0), task_state(make_node(1), TaskState.FAILED)]
    with serve(create_app(CoreGateway(make_state(make_settings(), *nodes)), make_settings())) as found:
        ran = cli("--url", found.url, "health", "-o", "tsv")
        assert (ran.code, ran.err) == (ExitCode.FAILED, "")
        assert "serverCount\tno\tUnhealthy nodes = node-1\n" in ran.out
        file = tmp_path / "b.tar.gz"
        cli("--url", found.url, "support", "bundle", "--file", str(file), "--node", "0")
    assert "Unhealthy nodes = node-1" in texts_of(file)["b/admin/healthcheck.json"]
