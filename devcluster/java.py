"""The Java that runs Cassandra 5.0 and ZooKeeper."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

VERSION = 17
_INSTALLED = Path("/usr/lib/jvm")


def find_home() -> Path | None:
    """Return the home of a JDK 17: JAVA_HOME, else that of `java` on the path, else one of the system's, else None."""
    return next((home for home in _candidates() if version(home / "bin" / "java") == VERSION), None)


def _candidates() -> Iterator[Path]:
    if configured := os.environ.get("JAVA_HOME"):
        yield Path(configured)
    if found := shutil.which("java"):
        yield Path(found).resolve().parents[1]
    if _INSTALLED.is_dir():
        yield from sorted(_INSTALLED.iterdir())


def version(java: Path) -> int | None:
    """Return the major version of a java program; None if it does not run."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r'version "(\d+)', answer.stderr)
    return int(found[1]) if found else None
