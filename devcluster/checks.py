"""`./dev test` and `./dev chaos`: checks and tests of this repository, all of them even when one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The first need nothing but processors. The others mostly wait for servers and clusters: three files at a time.
SPREAD = ("tests/unit", "tests/simulation")
# The longest first, so that the processes end at about the same time.
SERVED = ("tests/cluster", "tests/feature", "tests/contract")
_LINES = 3
TESTS = (*SPREAD, *SERVED)
# Not among them: it takes half an hour.
CHAOS = "tests/chaos"
BUNDLES = ".dev/bundles"
_SLOWEST = "--durations=20"
_SIDE_BY_SIDE = ("--numprocesses", str(_LINES), "--dist", "loadfile")


@dataclass(frozen=True)
class Check:
    """One command with its title."""

    title: str
    command: tuple[str, ...]


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
        # Once, before several processes want them at the same time.
        Check(
            "bundles of a node", _python("executor.bundle", "cassandra", "executor", "--out", f"{BUNDLES}/artifacts")
        ),
        Check("bundle of ZooKeeper", _python("executor.bundle", "zookeeper", "--out", BUNDLES)),
        Check("contract, feature and cluster tests", _python("pytest", _SLOWEST, *_SIDE_BY_SIDE, *SERVED)),
    ]


def chaos(arguments: Sequence[str]) -> list[Check]:
    """Return the command of the matrix of faults. It reports each case as it goes."""
    tests = [] if _name_tests(arguments) else [CHAOS]
    return [Check("pytest", _python("pytest", "-m", "chaos", "-v", "--durations=0", *tests, *arguments))]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _name_tests(arguments: Sequence[str]) -> bool:
    return any(argument.partition("::")[0].startswith("tests/") for argument in arguments)


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02} minutes"


def run(todo: Sequence[Check], environment: Mapping[str, str]) -> int:
    """Run them in this terminal, one after another, and print how long each took; return 0 if all passed."""
    began = time.monotonic()
    failed = [check.title for check in todo if not _passes(check, environment)]
    if len(todo) > 1:
        print(f"All took {_shown(time.monotonic() - began)}.", flush=True)
        if failed:
            print(f"Failed: {', '.join(failed)}.", flush=True)
    return 1 if failed else 0


def _passes(check: Check, environment: Mapping[str, str]) -> bool:
    began = time.monotonic()
    print(f"== {check.title}", flush=True)
    passed = subprocess.run(check.command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode == 0
    seconds = _shown(time.monotonic() - began)
    print(f"   {check.title}: {'passed' if passed else 'FAILED'} after {seconds}", flush=True)
    return passed
