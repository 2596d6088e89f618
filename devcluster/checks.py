"""`./dev test` and `./dev chaos`: checks and tests of this repository, all of them even when one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The first need nothing but processors, and each of these takes its share. The others mostly wait for servers and
# clusters: these two run side by side.
SPREAD = ("tests/unit", "tests/simulation")
BESIDE = ("tests/contract", "tests/feature")
CLUSTER = ("tests/cluster",)
TESTS = (*SPREAD, *BESIDE, *CLUSTER)
# Not among them: it takes half an hour.
CHAOS = "tests/chaos"
BUNDLES = ".dev/bundles"
_SLOWEST = "--durations=20"


@dataclass(frozen=True)
class Check:
    """One command with its title. `beside`: it runs while the next one does, and its output follows that one's."""

    title: str
    command: tuple[str, ...]
    beside: bool = False


def commands(arguments: Sequence[str]) -> list[Check]:
    """Return the commands of `./dev test`. With arguments only the tests run, and get them."""
    if arguments:
        tests = [] if _name_tests(arguments) else list(TESTS)
        return [Check("pytest", _python("pytest", *tests, *arguments))]
    return [
        Check("ruff check", _python("ruff", "check", ".")),
        Check("ruff format", _python("ruff", "format", "--check", ".")),
        Check("mypy --strict", _python("mypy")),
        Check("unit tests and simulation", _python("pytest", "--numprocesses", "auto", *SPREAD)),
        # Once, before two lines of tests want them at the same time.
        Check(
            "bundles of a node", _python("executor.bundle", "cassandra", "executor", "--out", f"{BUNDLES}/artifacts")
        ),
        Check("bundle of ZooKeeper", _python("executor.bundle", "zookeeper", "--out", BUNDLES)),
        Check("contract and feature tests", _python("pytest", _SLOWEST, *BESIDE), beside=True),
        Check("cluster tests", _python("pytest", _SLOWEST, *CLUSTER)),
    ]


def chaos(arguments: Sequence[str]) -> list[Check]:
    """Return the command of the matrix of faults. It reports each case as it goes."""
    tests = [] if _name_tests(arguments) else [CHAOS]
    return [Check("pytest", _python("pytest", "-m", "chaos", "-v", "--durations=0", *tests, *arguments))]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _name_tests(arguments: Sequence[str]) -> bool:
    return any(argument.partition("::")[0].startswith("tests/") for argument in arguments)


class _Running:
    """A command that has been started."""

    def __init__(self, check: Check, environment: Mapping[str, str]) -> None:
        self.check = check
        self._began = time.monotonic()
        print(f"== {check.title}{', beside the next' if check.beside else ''}", flush=True)
        output, name = tempfile.mkstemp(prefix="checks-")
        self._output = Path(name)
        self._process = subprocess.Popen(
            check.command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=output if check.beside else None,
            stderr=output if check.beside else None,
        )
        os.close(output)

    def wait(self) -> bool:
        """Wait for its end, print what it kept back and how long it took; return whether it passed."""
        passed = self._process.wait() == 0
        seconds = time.monotonic() - self._began
        if self.check.beside:
            print(f"== {self.check.title}", flush=True)
            print(self._output.read_text(errors="replace"), end="", flush=True)
        self._output.unlink()
        print(f"   {self.check.title}: {'passed' if passed else 'FAILED'} after {_shown(seconds)}", flush=True)
        return passed


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02} minutes"


def run(todo: Sequence[Check], environment: Mapping[str, str]) -> int:
    """Run them in this terminal; return 0 if all passed."""
    began = time.monotonic()
    failed: list[str] = []
    beside: list[_Running] = []
    for check in todo:
        running = _Running(check, environment)
        if check.beside:
            beside.append(running)
            continue
        for ended in (running, *beside):
            if not ended.wait():
                failed.append(ended.check.title)
        beside = []
    if len(todo) > 1:
        print(f"All took {_shown(time.monotonic() - began)}.", flush=True)
        if failed:
            print(f"Failed: {', '.join(failed)}.", flush=True)
    return 1 if failed else 0
