"""The bundles that a local cluster runs: built once, kept by the hash of what they are made of."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from devcluster.checks import ROOT
from devcluster.processes import StartError, python_module

# What each bundle is made of, besides the Python packages that setup.cfg names.
_SOURCES = {
    "cassandra": ("cassandra/pom.xml", "cassandra/conf", "executor/bundle.py"),
    "executor": ("executor", "compat/http-parser/http_parser", "setup.cfg"),
    "zookeeper": ("cassandra/zookeeper/pom.xml",),
}


@dataclass(frozen=True)
class Bundles:
    """Built bundles: a directory with the archives that agents fetch, and one with ZooKeeper's jars."""

    artifacts: Path
    zookeeper: Path


def are_built(directory: Path) -> bool:
    """Whether all bundles of the present sources are there."""
    return all(_finished(directory, name).exists() for name in _SOURCES)


def build(directory: Path, java_home: Path, say: Callable[[str], object]) -> Bundles:
    """Build what is missing. StartError with the last lines of the output when a build fails."""
    for name in _SOURCES:
        if not _finished(directory, name).exists():
            say(f"building the {name} bundle")
            _build(name, _place(directory, name), java_home)
            _finished(directory, name).touch()
    return Bundles(_gather(directory, ("cassandra", "executor")), _place(directory, "zookeeper"))


def _gather(directory: Path, names: Iterable[str]) -> Path:
    """One directory with the archives of several bundles, as the API serves them."""
    places = [_place(directory, name) for name in names]
    gathered = directory / "-".join(["artifacts", *(place.name.rpartition("-")[2] for place in places)])
    gathered.mkdir(exist_ok=True)
    for archive in (file for place in places for file in place.iterdir()):
        if not (gathered / archive.name).exists():
            os.link(archive, gathered / archive.name)
    return gathered


def _place(directory: Path, name: str) -> Path:
    return directory / f"{name}-{content_hash(ROOT / source for source in _SOURCES[name])}"


def _finished(directory: Path, name: str) -> Path:
    return _place(directory, name).with_suffix(".finished")


def content_hash(paths: Iterable[Path]) -> str:
    """A short hash of the names and contents of files and of all files under directories."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(path.parent)}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _build(name: str, place: Path, java_home: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    log = place.with_suffix(".log")
    with log.open("wb") as output:
        ended = subprocess.run(
            python_module("executor.bundle", name, "--output", str(place)),
            cwd=ROOT,
            env={**os.environ, "JAVA_HOME": str(java_home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if ended.returncode != 0:
        lines = log.read_text(errors="replace").splitlines()[-12:]
        raise StartError("\n".join([f"The {name} bundle could not be built; {log} ends with:", *lines]))
