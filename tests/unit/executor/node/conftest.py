"""A node's executor, driven event by event."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from executor.node.events import Shutdown
from tests.unit.executor.node_driver import Driver
from tests.unit.executor.sandbox import make_sandbox, surroundings


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    driver = Driver(surroundings(make_sandbox(tmp_path)))
    yield driver
    driver.events.put(Shutdown("end of test", 0.2))
    driver.join()
