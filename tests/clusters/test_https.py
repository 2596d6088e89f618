"""A cluster whose API speaks HTTPS: the agent fetches its bundles over it, and curl and the command line use it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from devcluster.layout import ApiTls
from tests.certificates import Authority
from tests.cluster.world import World, deployed, make_layout

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(600)]


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[World]:
    """One node below an API with a certificate."""
    authority = Authority(tmp_path / "authority")
    issued = authority.issue("api")
    layout = make_layout(tmp_path / "secure", nodes=1, network="127.0.22")
    with deployed(replace(layout, api_tls=ApiTls(issued.certificate, issued.key, authority.ca))) as world:
        yield world


def test_a_node_is_deployed_over_https(secure: World) -> None:
    layout = secure.layout
    assert secure.read("/v1/nodes/node-0/status")["mode"] == "NORMAL"
    logs = [path.read_text(errors="replace") for path in (layout.directory / "logs").glob("agent-*")]
    assert any(f"Fetched '{layout.api_url}/v1/artifacts/" in log for log in [*logs, *sandbox_logs(secure)])
    auth = f"Authorization: token={secure.token}"
    code, plan = secure.curl("--cacert", str(layout.api_ca), "-H", auth, f"{layout.api_url}/v1/plan")
    assert (code, plan["status"]) == (200, "COMPLETE")
    done = subprocess.run(
        [sys.executable, "-m", "cli", "--url", layout.api_url, "--token-file", str(layout.token_file), "status"],
        env={**os.environ, "CASSANDRA_MESOS_CA": str(layout.api_ca)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "node-0" in done.stdout


def sandbox_logs(world: World) -> list[str]:
    return [path.read_text(errors="replace") for path in world.layout.directory.rglob("stderr")]
