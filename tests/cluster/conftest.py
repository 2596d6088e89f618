"""One real three-node cluster for all tests of this folder; they run in the order of their files' names.

`./dev test` runs the files in parts, each of which has its own cluster.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.world import World, make_layout, make_world
from tests.ports import free_network
from tests.restore_model.features import SETTINGS


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Deploy three nodes with all features."""
    directory: Path = tmp_path_factory.mktemp("cluster") / "local"
    layout = make_layout(directory, nodes=3, network=free_network())
    cluster = make_world(layout)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        try:
            began = time.monotonic()
            cluster.start()
            cluster.wait_deployed()
            print(f"three nodes deployed in {time.monotonic() - began:.1f} s")
            yield cluster
        finally:
            cluster.stop()
