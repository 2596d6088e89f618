"""A master that the test plays, and a real agent process under it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.feature.localmesos_agent.agent_process import AgentProcess
from tests.feature.localmesos_agent.fake_master import FakeMaster
from tests.waiting import wait_for

Json = dict[str, Any]


@pytest.fixture
def master() -> Iterator[FakeMaster]:
    master = FakeMaster()
    yield master
    master.close()


@pytest.fixture
def agent(tmp_path: Path, master: FakeMaster) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path / "work", master.address)
    try:
        master.registration()
        wait_for("the agent's id", lambda: agent.get("/state")["id"])
        yield agent
    finally:
        agent.stop()
