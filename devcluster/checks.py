"""`./dev test` and `./dev chaos`: checks and tests of this repository, in order, all of them even when one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# From the quickest to the slowest; the order is that in which a defect is told best. The first need nothing but
# processors, and each of these takes its share; the others have servers and a cluster that tests take turns at.
SPREAD = ("tests/unit", "tests/simulation")
TESTS = (*SPREAD, "tests/contract", "tests/feature", "tests/cluster")
# Not among them: it takes half an hour.
CHAOS = "tests/chaos"


def commands(arguments: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The commands to run, each with its title. With arguments only the tests run, and get them."""
    python = [sys.executable, "-m"]
    if arguments:
        tests = [] if _name_tests(arguments) else list(TESTS)
        return [("pytest", [*python, "pytest", *tests, *arguments])]
    return [
        ("ruff check", [*python, "ruff", "check", "."]),
        ("ruff format", [*python, "ruff", "format", "--check", "."]),
        ("mypy --strict", [*python, "mypy"]),
        ("pytest, on all processors", [*python, "pytest", "--numprocesses", "auto", *SPREAD]),
        ("pytest", [*python, "pytest", *(name for name in TESTS if name not in SPREAD)]),
    ]


def chaos(arguments: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The command for the matrix of faults, in the same form. It tells of each case as it goes."""
    tests = [] if _name_tests(arguments) else [CHAOS]
    return [("pytest", [sys.executable, "-m", "pytest", "-m", "chaos", "-v", "--durations=0", *tests, *arguments])]


def _name_tests(arguments: Sequence[str]) -> bool:
    return any(argument.partition("::")[0].startswith("tests/") for argument in arguments)


def run(todo: Sequence[tuple[str, list[str]]], environment: Mapping[str, str]) -> int:
    """Run them in this terminal; returns 0 if all passed. Pytest comes last, so that its summary ends the output."""
    failed: list[str] = []
    for title, command in todo:
        if title == "pytest" and failed:
            print(f"{', '.join(failed)} failed; the other tests follow.", flush=True)
        started = time.monotonic()
        print(f"== {title}", flush=True)
        if subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, check=False).returncode != 0:
            failed.append(title)
        elif title != "pytest":
            print(f"   passed in {time.monotonic() - started:.1f} s", flush=True)
    if failed and len(todo) > 1:
        print(f"Failed: {', '.join(failed)}.", flush=True)
    return 1 if failed else 0
