"""A real three-node cluster for the tests of this folder; they run in the order of their files' names.

Two lines of them run side by side in processes of their own, each with its cluster: what only reads, commands and
kills, and what changes the cluster itself. The line is the file's: `_LINES`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.world import World, make_layout, make_world
from tests.restore_model.features import SETTINGS

# Files with a cluster of their own are in no line: they go to whichever process is free.
_LINES = {
    "services": ("test_1_", "test_2_", "test_3_", "test_4_", "test_5_", "test_6_restore_elsewhere"),
    "changes": ("test_6_restore_stories", "test_8_", "test_9_roll_out", "test_9_settings", "test_9_uninstall"),
}
# By the process of the test run, so that two clusters never have the same addresses.
_NETWORKS = {"gw0": "127.0.1", "gw1": "127.0.6", "gw2": "127.0.7", "gw3": "127.0.8"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the line in which its file belongs."""
    for item in items:
        for line, files in _LINES.items():
            if item.path.parent == Path(__file__).parent and item.path.name.startswith(files):
                item.add_marker(pytest.mark.xdist_group(line))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Deploy three nodes with all features."""
    directory: Path = tmp_path_factory.mktemp("cluster") / "local"
    layout = make_layout(directory, nodes=3, network=_NETWORKS[os.environ.get("PYTEST_XDIST_WORKER", "gw0")])
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
