"""The reference's curl lines, as written, by real curl; only <master-IP> and <node-#> are filled in."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cluster.world import ROOT, World
from tests.waiting import patient, wait_for

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(300)]

REFERENCE = ROOT.parent / "shared" / "reference" / "api-reference.txt"

# The lines that read, and that interrupt and proceed, word for word.
LINES = [
    'curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan',
    'curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/cassandra/v1/connection',
    'curl -X POST -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan?cmd=interrupt',
    'curl -X PUT -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/plan?cmd=proceed',
    'curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/nodes/<node-#>/status',
    'curl -H "Authorization: token=$AUTH_TOKEN" <master-IP>/service/cassandra/v1/nodes/</node-#>/info',
]


def run(world: World, line: str, tmp_path: Path, token: str | None = None) -> int:
    """Run a line in bash, with curl told by its own variable file to print the status code."""
    line = line.replace("<master-IP>", world.layout.api_url).replace("<node-#>", "node-0")
    line = line.replace("</node-#>", "/node-0")
    (tmp_path / ".curlrc").write_text('silent\nshow-error\noutput = "body"\nwrite-out = "%{http_code}"\n')
    environment = {**os.environ, "AUTH_TOKEN": world.token if token is None else token, "CURL_HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=patient(60),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize("line", LINES)
def test_line_works_as_written(world: World, line: str, tmp_path: Path) -> None:
    assert run(world, line, tmp_path) == 200, (tmp_path / "body").read_text()


@pytest.mark.parametrize("line", LINES)
def test_line_without_a_valid_token_is_refused(world: World, line: str, tmp_path: Path) -> None:
    assert run(world, line, tmp_path, token="wrong") == 401


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference is not beside this checkout")
def test_lines_are_those_of_the_reference() -> None:
    written = {re.sub(r"^\$ ", "", line).strip() for line in REFERENCE.read_text().splitlines()}
    assert set(LINES) <= written


def test_interrupt_and_proceed_are_kept_over_a_scheduler_restart(world: World) -> None:
    auth = f"Authorization: token={world.token}"
    assert world.curl("-X", "POST", "-H", auth, f"{world.layout.api_url}/v1/plan/interrupt")[0] == 200
    world.crash("scheduler")
    root = f"/dcos-service-{world.layout.service_name}"
    assert world.records()[f"{root}/plans/deploy"]["interrupted"] is True
    assert world.curl("-X", "POST", "-H", auth, f"{world.layout.api_url}/v1/plan/continue")[0] == 200
    assert world.records()[f"{root}/plans/deploy"]["interrupted"] is False
    wait_for("the plan is COMPLETE", lambda: world.read("/v1/plan")["status"] == "COMPLETE")
