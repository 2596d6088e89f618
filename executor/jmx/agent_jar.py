"""The jar of this repository's Java agent in the Cassandra bundle, built from its sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

NAME = "cassandra-mesos-agent.jar"
_MANIFEST = "Manifest-Version: 1.0\nAgent-Class: mesos.cassandra.Agent\n\n"
_RELEASE = "17"
# Third-party jars refer to annotations and jars that are not part of the bundle.
_LINT = "-Xlint:all,-classfile,-path,-processing"
# The earliest time that a zip file can store: the jar depends on its sources alone.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class CompileError(Exception):
    """The agent cannot be compiled; the text gives the cause."""


def build(sources: Path, library: Path, target: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Compile all Java files below `sources`, against the jars in `library`, into the jar `target`.

    Raises:
        CompileError: javac is missing or fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        files = [str(path) for path in sorted(sources.rglob("*.java"))]
        command = [
            _javac(environ), "--release", _RELEASE, _LINT, "-Werror", "-proc:none", "-cp", f"{library}/*",
            "-d", scratch, *files,
        ]  # fmt: skip
        try:
            ended = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        except OSError as error:
            raise CompileError(f"{command[0]} cannot be run: {error.strerror}") from error
        if ended.returncode != 0:
            raise CompileError(f"javac failed:\n{(ended.stdout + ended.stderr).strip()[-4000:]}")
        _jar(Path(scratch), target)


def _javac(environ: Mapping[str, str]) -> str:
    if home := environ.get("JAVA_HOME"):
        return str(Path(home) / "bin" / "javac")
    found = shutil.which("javac", path=environ.get("PATH"))
    if found is None:
        raise CompileError("no javac on PATH and no JAVA_HOME; building the Cassandra bundle needs a JDK")
    return found


def _jar(classes: Path, target: Path) -> None:
    with zipfile.ZipFile(target, "w") as jar:
        jar.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF", _EPOCH), _MANIFEST)
        for path in sorted(classes.rglob("*.class")):
            jar.writestr(zipfile.ZipInfo(path.relative_to(classes).as_posix(), _EPOCH), path.read_bytes())
