"""The check of settings, with a shell in place of its JVM."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.waiting import wait_for

_CHECK = """
from pathlib import Path
from executor.cassandra.install import Surroundings
from executor.jobs import config_check
ended = config_check._run(["/bin/sh", "-c", {0!r}], Surroundings(Path("."), "127.0.0.1", {{"PATH": "/bin:/usr/bin"}}))
print(ended.returncode, ended.stdout)
"""


def test_it_tells_what_the_jvm_says(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _CHECK.format("echo told; exit 3")]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ended.stdout == "3 told\n\n"


def test_its_jvm_ends_with_the_executor_even_if_that_is_killed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.touch()
    jvm = f"trap 'echo ended >>{out}; exit' TERM; echo begun >>{out}; for _ in $(seq 400); do sleep 0.05; done"
    # It would end by itself, if late: a failure leaves nothing behind.
    with subprocess.Popen([sys.executable, "-c", _CHECK.format(jvm)]) as executor:
        wait_for("the check", lambda: out.read_text() == "begun\n")
        executor.kill()
    wait_for("its end", lambda: out.read_text() == "begun\nended\n")
