"""The archive with a Python of its own."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from executor import python_files
from executor.bundle import main
from tests.unit.executor.test_bundle import unpack

# Everything that the executor imports, and then every file of which the process can run code.
SCRIPT = """\
import sys, ssl, ctypes, lzma, subprocess, executor.program, executor.late_libraries
executor.late_libraries.install()
import boto3, cassandra.cluster, backports.zstd
import cryptography.hazmat.primitives.ciphers.aead
print(sys.executable)
print(subprocess.run([sys.executable, "-I", "-c", "print(6 * 7)"], capture_output=True, text=True).stdout.strip())
for line in open("/proc/self/maps"):
    _, rights, *_, path = line.rstrip().split(maxsplit=5) if "/" in line else ("", "", "")
    if "x" in rights:
        print(path)
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sandbox with both bundles."""
    out, sandbox = tmp_path_factory.mktemp("out"), tmp_path_factory.mktemp("sandbox")
    assert main(["python", "executor", "--out", str(out)]) == 0
    for name in ("python", "executor"):
        with tarfile.open(out / f"{name}.tar.gz") as tar:
            unpack(tar, sandbox)
    return sandbox


def test_no_code_of_the_machine_is_used(sandbox: Path) -> None:
    program = sandbox / "python/bin/python3"
    environment = {"PYTHONPATH": str(sandbox / "executor-bundle/lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    ended = subprocess.run(
        [program, "-sP", "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    executable, started, *mapped = ended.stdout.splitlines()
    assert (executable, started) == (str(program), "42")
    assert mapped
    assert [path for path in mapped if not path.startswith(f"{sandbox}/")] == []


def test_run_takes_it_before_that_of_the_machine(sandbox: Path) -> None:
    run = [sandbox / "executor-bundle/run"]
    ended = subprocess.run(run, env={"PATH": "/bin"}, capture_output=True, text=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (
        2, "MESOS_AGENT_ENDPOINT is not set: only a Mesos agent can start an executor\n"
    )  # fmt: skip
    program = sandbox / "python/bin/python3"
    whole = program.read_text()
    program.write_text("#!/bin/sh\n[ $1 = -I ] || echo taken\n")
    try:
        ended = subprocess.run(run, env={"PATH": "/bin"}, capture_output=True, text=True, check=False, timeout=60)
    finally:
        program.write_text(whole)
    assert (ended.returncode, ended.stdout) == (0, "taken\n")


@pytest.mark.parametrize(
    ("ldd", "words"),
    [
        pytest.param(None, "ldd, which lists the libraries of a program, cannot be run", id="no ldd"),
        pytest.param("echo '\tlibz.so.1 => not found'", "ldd failed: libz.so.1 => not found", id="missing"),
        pytest.param("echo no such thing >&2; exit 1", "ldd failed: no such thing", id="failed"),
        pytest.param("echo '\tlibz.so.1 => /lib/libz.so.1 (0x00007f1)'", "no loader of the GNU C library", id="musl"),
    ],
)
def test_a_python_that_cannot_be_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], ldd: str | None, words: str
) -> None:
    if ldd is not None:
        (tmp_path / "ldd").write_text(f"#!/bin/sh\n{ldd}\n")
        (tmp_path / "ldd").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["python", "--out", str(tmp_path / "out")]) == 1
    assert words in capsys.readouterr().err


def test_modules_that_the_executor_does_not_need_are_left_out() -> None:
    names = python_files.collect([])
    library = f"python/lib/python{sys.version_info.major}.{sys.version_info.minor}"
    assert f"{library}/json/__init__.py" in names
    assert not [name for name in names if "/test/" in name or "/site-packages/" in name or "tkinter" in name]
