"""The libraries that are unpacked when they are first imported, by a real interpreter."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from executor import late_libraries

SCRIPT = """\
import sys, threading
from pathlib import Path
from executor import late_libraries
late_libraries.install(Path(sys.argv[1]))
"""


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """The directory of a bundle with a `boto3` that takes a while."""
    directory = tmp_path / "late"
    directory.mkdir()
    with tarfile.open(directory / "jobs.tar.gz", "w:gz") as tar:
        for name, text in (("boto3/__init__.py", "import boto3.part"), ("boto3/part.py", "import urllib3; found = 1")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        entry = tarfile.TarInfo("urllib3.py")
        entry.size = 1 << 20
        tar.addfile(entry, io.BytesIO(b"\n" * entry.size))
    return directory


def run(late: Path, script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-c", SCRIPT + script, str(late.with_name("lib"))]
    root = Path(late_libraries.__file__).parents[1]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


def test_nothing_is_unpacked_before_it_is_imported(late: Path) -> None:
    ended = run(late, "import json, cryptography.x509; print(cryptography.__file__)")
    assert ended.returncode == 1
    assert "a part of the executor's own bundle is missing: The bundle cryptography.tar.gz cannot be" in ended.stderr
    assert [path.name for path in late.iterdir()] == ["jobs.tar.gz"]


def test_the_first_import_unpacks_once_also_by_many_threads(late: Path) -> None:
    script = """\
found = []
def load():
    import boto3
    found.append(boto3.part.found)
threads = [threading.Thread(target=load) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(found), sys.modules["boto3"].__file__)
"""
    for _ in range(2):
        ended = run(late, script)
        assert (ended.stdout, ended.stderr) == (f"8 {late}/jobs/boto3/__init__.py\n", "")
    assert {path.name for path in late.iterdir()} == {"jobs.tar.gz", "jobs"}


def test_a_broken_archive_is_said_again(late: Path) -> None:
    (late / "jobs.tar.gz").write_bytes(b"no archive")
    script = """\
for _ in range(2):
    try:
        import boto3
    except ImportError as error:
        print(error)
"""
    ended = run(late, script)
    first, second = ended.stdout.splitlines()
    assert first == second
    assert first.startswith("a part of the executor's own bundle is missing: The bundle jobs.tar.gz is no archive")


def test_without_a_bundle_imports_are_as_usual(tmp_path: Path) -> None:
    ended = run(tmp_path / "late", f"import boto3; print(any({str(tmp_path)!r} in path for path in sys.path))")
    assert ended.stdout == "False\n", ended.stderr
