"""`./dev test` and `./dev chaos`: checks and tests of this repository, all of them even when one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from threading import Lock

from devcluster.turns import take_long_turns

ROOT = Path(__file__).parents[1]
# These need nothing but processors, and each of these takes its share.
SPREAD = ("tests/unit", "tests/simulation")
# Some of them wait for threads and servers of their own: with one process more than processors none is idle.
UNIT_WORKERS = str((os.cpu_count() or 1) + 1)
# These wait for servers and clusters as well, so that several lines of them run side by side: three with Cassandra keep
# two processors busy. With more of them all wait for one another, and a slow machine exceeds what tests wait for.
SERVERS = ("tests/contract", "tests/feature", "tests/clusters", "tests/cluster")
AT_ONCE = 3
TESTS = (*SPREAD, *SERVERS)
# Not among them: it takes half an hour.
CHAOS = "tests/chaos"
BUNDLES = ".dev/bundles"
_SLOWEST = "--durations=20"


@dataclass(frozen=True)
class Line:
    """Tests that run one after another, and share what their folder's fixtures start once in a session.

    `files` are patterns below the repository; `marker` is pytest's expression. A line that is `light` hardly uses the
    processors, and takes no place from the others.
    """

    title: str
    files: tuple[str, ...]
    marker: str = "not chaos"
    light: bool = False

    def arguments(self) -> tuple[str, ...]:
        """Return what pytest gets."""
        found = (path.relative_to(ROOT) for pattern in self.files for path in sorted(ROOT.glob(pattern)))
        return ("-m", self.marker, *map(str, found))


# The longest come first. A file belongs to one line, or to one for its tests with Cassandra and one for its others.
LINES = (
    Line("one cluster", ("tests/cluster/test_[!6]_*.py",)),
    Line("jobs of single nodes", ("tests/feature/test_[!r]*.py",), "cassandra"),
    Line("contract and feature tests", ("tests/contract", "tests/feature"), "not chaos and not cassandra", light=True),
    Line("clusters with security", ("tests/clusters/test_[ade]*.py",)),
    Line("restores of single nodes", ("tests/feature/test_restore_[!ci]*.py",), "cassandra"),
    Line("one cluster: restores", ("tests/cluster/test_6_*.py",)),
    Line("restores of single nodes: check and import", ("tests/feature/test_restore_[ci]*.py",), "cassandra"),
    Line("a node that is replaced", ("tests/clusters/test_[!adeg]*.py",)),
    Line("a cluster that grows", ("tests/clusters/test_g*.py",)),
)


@dataclass(frozen=True)
class Check:
    """Commands that run one after another, with their title.

    Checks that follow each other and have the same `group` run side by side, `AT_ONCE` of them and those that are
    `light`; those without a group run alone.
    """

    title: str
    commands: tuple[tuple[str, ...], ...]
    group: str = ""
    light: bool = False


def commands(arguments: Sequence[str]) -> list[Check]:
    """Return the commands of `./dev test`. With arguments only the tests run, and get them."""
    if arguments:
        tests = [] if _name_tests(arguments) else list(TESTS)
        return [Check("pytest", (_python("pytest", *tests, *arguments),))]
    # The longest are the simulation's, at the end: a process that has nothing left takes tests of the other ones.
    units = _python("pytest", "--numprocesses", UNIT_WORKERS, "--dist", "worksteal", *SPREAD)
    # Once, before several lines of tests want them at the same time.
    bundles = (
        _python("executor.bundle", "cassandra", "executor", "--out", f"{BUNDLES}/artifacts"),
        _python("executor.bundle", "zookeeper", "--out", BUNDLES),
    )
    return [
        Check("ruff check", (_python("ruff", "check", "."),)),
        Check("ruff format", (_python("ruff", "format", "--check", "."),)),
        # mypy takes one processor, and Maven waits for its repository.
        Check("unit tests and simulation", (units,), "units"),
        Check("mypy --strict", (_python("mypy"),), "units"),
        Check("bundles", bundles, "units"),
        *(Check(line.title, (_python("pytest", _SLOWEST, *line.arguments()),), "lines", line.light) for line in LINES),
    ]


def chaos(arguments: Sequence[str]) -> list[Check]:
    """Return the command of the matrix of faults. It reports each case as it goes."""
    tests = [] if _name_tests(arguments) else [CHAOS]
    return [Check("pytest", (_python("pytest", "-m", "chaos", "-v", "--durations=0", *tests, *arguments),))]


def _python(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", *arguments)


def _name_tests(arguments: Sequence[str]) -> bool:
    return any(argument.partition("::")[0].startswith("tests/") for argument in arguments)


def _run(check: Check, environment: Mapping[str, str], console: Lock) -> bool:
    """Run it and return whether it passed. What runs beside others keeps its output until it has ended."""
    began = time.monotonic()
    # Some machines forbid Python to keep what it compiles: then each process of a test compiles all of it again.
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment}
    with tempfile.TemporaryFile() as output:
        kept = output if check.group else None
        passed = all(
            subprocess.run(command, cwd=ROOT, env=variables, stdout=kept, stderr=kept, check=False).returncode == 0
            for command in check.commands
        )
        took = _shown(time.monotonic() - began)
        output.seek(0)
        with console:
            if check.group:
                print(f"== {check.title}\n{output.read().decode(errors='replace')}", end="", flush=True)
            print(f"   {check.title}: {'passed' if passed else 'FAILED'} after {took}", flush=True)
    return passed


def _side_by_side(checks: Sequence[Check], environment: Mapping[str, str], console: Lock) -> list[bool]:
    light = sum(check.light for check in checks)
    at_once = min(AT_ONCE, len(checks) - light) + light
    print(f"== {at_once} at once: {', '.join(check.title for check in checks)}", flush=True)
    with ThreadPoolExecutor(AT_ONCE) as places, ThreadPoolExecutor(light or 1) as beside:
        began = [(beside if check.light else places).submit(_run, check, environment, console) for check in checks]
        return [check.result() for check in began]


def _announced(check: Check, environment: Mapping[str, str], console: Lock) -> bool:
    print(f"== {check.title}", flush=True)
    return _run(check, environment, console)


def _shown(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02} minutes"


def run(todo: Sequence[Check], environment: Mapping[str, str]) -> int:
    """Run them in this terminal; return 0 if all passed."""
    take_long_turns()
    began = time.monotonic()
    failed: list[str] = []
    console = Lock()
    for name, group in groupby(todo, lambda check: check.group):
        line = list(group)
        if name:
            passed = _side_by_side(line, environment, console)
        else:
            passed = [_announced(check, environment, console) for check in line]
        failed += [check.title for check, well in zip(line, passed, strict=True) if not well]
    if len(todo) > 1:
        print(f"All took {_shown(time.monotonic() - began)}.", flush=True)
        if failed:
            print(f"Failed: {', '.join(failed)}.", flush=True)
    return 1 if failed else 0
