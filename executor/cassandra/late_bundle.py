"""The bundle that is checked and unpacked while the executor starts: Cassandra's, which is large.

The command that starts the executor leaves it packed. Imports little, since it comes before all that takes time.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "EXECUTOR_LATE_BUNDLE"
"""The environment variable with the bundle's name and SHA-256; unset or empty if there is none."""
_PROGRAM = Path(__file__).parents[1] / "unpack.py"


class LateBundle:
    """The process that unpacks the bundle."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def problem(self) -> str | None:
        """Wait until the bundle is unpacked; return why it cannot be used, or None."""
        _, words = self._process.communicate()
        code = self._process.returncode
        if code == 0:
            return None
        return words.strip() or f"the process that unpacks the Cassandra bundle ended with {code}"


def begin(environ: Mapping[str, str]) -> LateBundle | None:
    """Begin to unpack the bundle into the working directory; return None if there is none."""
    arguments = environ.get(VARIABLE, "").split()
    if not arguments:
        return None
    # Without the search for modules of the machine, a Python starts in half the time.
    command = [sys.executable, "-I", "-S", "-B", str(_PROGRAM), *arguments]
    secrets = {name for name in environ if name.endswith("_TOKEN")}
    inherited = {name: value for name, value in environ.items() if name not in secrets}
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=inherited)
    # On a slow disk it would work on after an executor that was told to end.
    atexit.register(process.kill)
    return LateBundle(process)
