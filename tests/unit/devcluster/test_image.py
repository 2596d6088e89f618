"""What the check of the image takes from the Dockerfile, and when it does not begin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from devcluster import image
from devcluster.image import Builder, ImageError, base_of
from scheduler.settings import parse

ROOT = Path(__file__).parents[3]


def test_the_base_is_the_one_of_the_dockerfile() -> None:
    assert base_of((ROOT / "Dockerfile").read_text()) == "docker.io/library/python:3.11-slim-bookworm"
    with pytest.raises(ImageError, match="no ARG BASE"):
        base_of("RUN true\n")


def test_the_base_can_be_named_by_its_digest() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert next(line for line in lines if line.startswith("FROM ")) == "FROM ${BASE} AS python"
    assert not any(line.startswith("FROM ") and ":" in line for line in lines)


def test_the_release_of_the_base_is_the_one_that_is_made() -> None:
    assert base_of((ROOT / "Dockerfile").read_text()).endswith(image.RELEASE)


def test_the_settings_are_accepted_by_a_scheduler(tmp_path: Path) -> None:
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (tmp_path / name).touch()
    assert parse({**image.environment(), "ARTIFACTS_DIR": str(tmp_path)}).api_port == 9000


@pytest.mark.parametrize(
    ("user", "words"), [(1000, "sudo ./dev image"), (0, "buildah is not installed; `sudo apt-get install buildah`")]
)
def test_what_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, words: str) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match=words.replace("(", r"\(")):
        Builder(ROOT, tmp_path / "image", lambda _: None).prepare()
    assert not (tmp_path / "image").exists()


def test_a_program_that_fails_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    builder = Builder(ROOT, tmp_path, lambda _: None)
    with pytest.raises(ImageError, match=r"sh -c failed with 3; the end of .*\nwhat happened"):
        builder._run(["sh", "-c", "echo what happened >&2; exit 3"])
