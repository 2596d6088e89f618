"""A master that the test plays, and a real agent process under it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.feature.localmesos_agent.agent_process import (
    AgentProcess,
    wait_for,
)
from tests.feature.localmesos_agent.fake_master import FakeMaster

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
        master.registrations.get(timeout=10)
        wait_for(lambda: agent.get("/state")["id"], "the agent's id")
        yield agent
    finally:
        agent.stop()
