"""A real three-node cluster for the tests of this folder; they run in the order of their files' names.

In a run with several processes each has a cluster of its own. A file stays on one process and may need nothing of the
files before it; only the last of them removes the cluster.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.world import World, make_layout, make_world
from tests.restore_model.features import SETTINGS

# By the process of the test run, so that two clusters never have the same addresses.
_NETWORKS = {"gw0": "127.0.1", "gw1": "127.0.6", "gw2": "127.0.7", "gw3": "127.0.8"}


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
