"""Finding the Java that Cassandra needs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devcluster import java


def install(home: Path, version: str) -> Path:
    """A program that answers as a java of that version does."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    return home


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("17.0.15", 17, id="17"),
        pytest.param("17", 17, id="first release"),
        pytest.param("21.0.2", 21, id="21"),
        pytest.param("1.8.0_392", 1, id="8"),
    ],
)
def test_version(tmp_path: Path, text: str, expected: int) -> None:
    assert java.version(install(tmp_path, text) / "bin" / "java") == expected


def test_what_is_no_java_has_no_version(tmp_path: Path) -> None:
    assert java.version(tmp_path / "none") is None
    broken = tmp_path / "java"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert java.version(broken) is None


def test_java_home_comes_first_and_another_version_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, on_path = install(tmp_path / "told", "17.0.1"), install(tmp_path / "path", "17.0.2")
    monkeypatch.setenv("PATH", f"{on_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("JAVA_HOME", str(told))
    assert java.find_home() == told
    monkeypatch.setenv("JAVA_HOME", str(install(tmp_path / "newer", "21.0.2")))
    assert java.find_home() == on_path
