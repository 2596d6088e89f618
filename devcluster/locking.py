"""`./dev lock`: renew the files that pin what this project takes from others: Python packages and jars."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from executor.bundle import Builder, BundleError
from executor.maven_lock import NAME, LockError

DIRECTORY = "requirements"
# Its own http-parser is in this repository, and installed from there.
_OWN = "./compat/http-parser"
_UV = (
    sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
    "--generate-hashes",
    "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--no-emit-package", "http-parser",
)  # fmt: skip


class NotLockedError(Exception):
    """A lock that was not renewed; the text gives the reason. The files before it are renewed already."""


@dataclass(frozen=True)
class Requirements:
    """One file of Python packages: its name, and what must be in it."""

    name: str
    inputs: tuple[str, ...]


_FILES = (
    Requirements("build.txt", ()),
    Requirements("runtime.txt", ("setup.cfg",)),
    Requirements("dev.txt", ("--extra", "dev", "setup.cfg")),
)


def renew(root: Path, upgrade: bool, say: Callable[[str], object]) -> None:
    """Write all locks; without `upgrade`, a package keeps its version as long as setup.cfg allows it.

    Raises:
        NotLockedError: An index or a repository does not answer, or the requirements contradict each other.
    """
    for found in _FILES:
        target = root / DIRECTORY / found.name
        _compile(root, found, target, upgrade)
        say(f"wrote {target.relative_to(root)}")
    for pom in _poms(root):
        lock = pom.with_name(NAME)
        lock.write_text(_jars(root, pom))
        say(f"wrote {lock.relative_to(root)}")


def _compile(root: Path, found: Requirements, target: Path, upgrade: bool) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        more = Path(scratch) / "more.in"
        # What builds our own distributions, which pip installs without looking for it.
        more.write_text(f"{_OWN}\n" if found.inputs else "setuptools>=68\n")
        command = [*_UV, *(("--upgrade",) if upgrade else ()), *found.inputs, str(more), "-o", str(target)]
        ran = subprocess.run(command, cwd=root, env=_environment(), capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise NotLockedError(f"{target} is not renewed:\n{ran.stderr.strip()}")


def _environment() -> dict[str, str]:
    """Return the environment, with the index and the certificates that pip uses under the names that uv knows."""
    names = {"PIP_INDEX_URL": "UV_DEFAULT_INDEX", "PIP_EXTRA_INDEX_URL": "UV_INDEX", "PIP_CERT": "SSL_CERT_FILE"}
    given = {uv: os.environ[pip] for pip, uv in names.items() if pip in os.environ}
    return {**given, **os.environ}


def _poms(root: Path) -> Iterator[Path]:
    yield root / "cassandra" / "pom.xml"
    yield root / "cassandra" / "zookeeper" / "pom.xml"


def _jars(root: Path, pom: Path) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return Builder(Path(scratch), root / "cassandra", os.environ.get("MAVEN", "mvn")).lock(pom)
        except (BundleError, LockError, OSError) as error:
            raise NotLockedError(f"The lock of {pom} is not renewed: {error}") from error
