"""The bundle that is unpacked while the executor starts: by the real process, right or not."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from executor import unpack
from executor.agent.environment import TOKEN
from executor.cassandra import late_bundle

NAME = "cassandra.tar.gz"
OTHER = "0" * 64
ROOT = str(Path(unpack.__file__).parents[1])


def make_bundle(path: Path, compressed: bool = True) -> str:
    """Return the SHA-256 of an archive with a file, a program and a link."""
    with tarfile.open(path, "w:gz" if compressed else "w") as tar:
        for name, content in (("cassandra/VERSION", b"5.0.8"), ("cassandra/run", b"x" * (1 << 21))):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755 if name.endswith("run") else 0o644
            tar.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("cassandra/link")
        link.type, link.linkname = tarfile.SYMTYPE, "VERSION"
        tar.addfile(link)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def problem(digest: str) -> str | None:
    bundle = late_bundle.begin({late_bundle.VARIABLE: f"{NAME} {digest}"})
    assert bundle is not None
    return bundle.problem()


@pytest.fixture(autouse=True)
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_bundle_that_is_as_announced_is_unpacked(tmp_path: Path, compressed: bool) -> None:
    assert problem(make_bundle(tmp_path / NAME, compressed)) is None
    assert [path.name for path in tmp_path.iterdir()] == ["cassandra"]
    assert (tmp_path / "cassandra" / "link").read_text() == "5.0.8"
    assert os.access(tmp_path / "cassandra" / "run", os.X_OK)
    assert not os.access(tmp_path / "cassandra" / "VERSION", os.X_OK)


def test_nothing_of_another_bundle_is_unpacked(tmp_path: Path) -> None:
    found = make_bundle(tmp_path / NAME)
    assert problem(OTHER) == f"The bundle {NAME} is refused: its SHA-256 is {found}, but {OTHER} is expected."
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_bundle_that_is_missing_broken_or_cut_off_is_said(tmp_path: Path) -> None:
    assert problem(OTHER) == f"The bundle {NAME} cannot be unpacked: No such file or directory"
    for content in (b"no archive", b"\x1f\x8bno archive"):
        (tmp_path / NAME).write_bytes(content)
        words = problem(hashlib.sha256(content).hexdigest())
        assert words is not None
        assert words.startswith(f"The bundle {NAME} ")
        assert "\n" not in words
    make_bundle(tmp_path / NAME)
    content = (tmp_path / NAME).read_bytes()[:-1000]
    (tmp_path / NAME).write_bytes(content)
    assert str(problem(hashlib.sha256(content).hexdigest())).startswith(f"The bundle {NAME} is no archive that can be")


def test_a_damaged_checksum_and_a_link_to_nothing_are_said(tmp_path: Path) -> None:
    make_bundle(tmp_path / NAME)
    content = bytearray((tmp_path / NAME).read_bytes())
    content[-6] ^= 1
    (tmp_path / NAME).write_bytes(content)
    words = str(problem(hashlib.sha256(content).hexdigest()))
    assert words.startswith(f"The bundle {NAME} cannot be unpacked: CRC check failed")
    with tarfile.open(tmp_path / NAME, "w:gz") as tar:
        link = tarfile.TarInfo("cassandra/link")
        link.type, link.linkname = tarfile.LNKTYPE, "nothing"
        tar.addfile(link)
    words = str(problem(hashlib.sha256((tmp_path / NAME).read_bytes()).hexdigest()))
    assert words.startswith(f"The bundle {NAME} is no archive that can be unpacked: ")
    assert "nothing" in words
    assert "\n" not in words


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    digest = make_bundle(tmp_path / NAME)
    command = ["sh", "-c", 'ulimit -f 1 && exec "$@"', "sh", sys.executable, unpack.__file__, NAME, digest]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, f"The bundle {NAME} cannot be unpacked: File too large\n")


def test_a_process_that_dies_without_a_word_is_said(tmp_path: Path) -> None:
    process = subprocess.Popen(["sh", "-c", "kill -9 $$"], stderr=subprocess.PIPE, text=True)
    words = "the process that unpacks the Cassandra bundle ended with -9"
    assert late_bundle.LateBundle(process).problem() == words


def test_the_process_ends_with_the_executor(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)  # which it waits to read
    script = f"from executor.cassandra import late_bundle; late_bundle.begin({{'{late_bundle.VARIABLE}': '{NAME} 0'}})"
    # Both write to this pipe, whose end comes with the end of the last one.
    command = [sys.executable, "-c", script]
    subprocess.run(command, env={"PYTHONPATH": ROOT}, capture_output=True, timeout=20, check=True)


def test_the_process_gets_no_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "names.py"
    program.write_text("import os, sys; sys.exit(' '.join(os.environ))")
    monkeypatch.setattr(late_bundle, "_PROGRAM", program)
    bundle = late_bundle.begin({late_bundle.VARIABLE: f"{NAME} {OTHER}", TOKEN: "secret"})
    assert bundle is not None
    words = str(bundle.problem()).split()
    assert late_bundle.VARIABLE in words
    assert TOKEN not in words


def test_without_a_late_bundle_nothing_is_begun() -> None:
    assert late_bundle.begin({}) is None
    assert late_bundle.begin({late_bundle.VARIABLE: ""}) is None
