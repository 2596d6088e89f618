"""The archive runs with Python alone, from anywhere, and is served by the API that it talks to."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from api import create_app
from cli.zipapp import build, main
from tests.unit.api.cluster import CoreGateway, make_settings
from tests.unit.cli.serving import serve


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("artifacts") / "cassandra-mesos")


def run_alone(archive: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the archive without the packages of this environment."""
    return subprocess.run(
        [sys.executable, "-I", "-S", str(archive), *arguments],
        cwd=archive.parent, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_it_runs_alone(archive: Path, gateway: CoreGateway) -> None:
    with serve(create_app(gateway, make_settings())) as found:
        status = run_alone(archive, "--url", found.url, "status")
        node = run_alone(archive, "--url", found.url, "node", "show", "0", "-o", "yaml")
    assert (status.returncode, status.stderr) == (0, "")
    assert "UN  node-0" in status.stdout
    assert yaml.safe_load(node.stdout)["name"] == "node-0"


@pytest.mark.parametrize("line", ["--help", "repair start --help", "completion bash", "version --client"])
def test_without_an_api(line: str, archive: Path) -> None:
    ended = run_alone(archive, *line.split())
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout


def test_progress_on_a_terminal_needs_nothing_else(archive: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.stderr.isatty = lambda: True\n"
        "from cli.output import Output; from cli.progress import Progress\n"
        "with Progress(Output()) as progress: progress.show(['node-0  [####]'])\n"
        "assert not {'pygments', 'markdown_it'} & sys.modules.keys()\n"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, str(archive)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "node-0" in ended.stderr


def test_the_same_inputs_give_the_same_bytes(archive: Path, tmp_path: Path) -> None:
    again = build(tmp_path / "again")
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(archive.read_bytes()).digest()
    before = again.stat().st_mtime_ns
    assert build(again).stat().st_mtime_ns == before


def test_its_content(archive: Path) -> None:
    assert archive.stat().st_mode & 0o777 == 0o755
    with zipfile.ZipFile(archive) as found:
        names = found.namelist()
    assert {name.partition("/")[0] for name in names} == {"__main__.py", "cli", "click", "rich", "yaml", "licences"}
    assert all(name.endswith(".py") for name in names if not name.startswith(("licences/", "cli/VERSION")))
    assert {name.split("/")[1] for name in names if name.startswith("licences/")} == {"click", "rich", "PyYAML"}


def test_the_program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'cassandra-mesos'}\n"
    assert main([str(tmp_path / "nowhere" / "file")]) == 1
    assert capsys.readouterr().err
