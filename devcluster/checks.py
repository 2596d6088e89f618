"""`./dev test` and `./dev chaos`: checks and tests of this repository, in order, all of them even if one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# From the quickest to the slowest: the first that fails describes a defect best. The first ones need only processors
# and run in parallel; the others have servers and a cluster that tests use in turn.
SPREAD = ("tests/unit", "tests/simulation")
TESTS = (*SPREAD, "tests/contract", "tests/feature", "tests/cluster")
# This one is separate, because it takes half an hour.
CHAOS = "tests/chaos"


def commands(arguments: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Return the commands to run, each with its title; with arguments only the tests, which get them."""
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
    """Return the command for the matrix of faults in the same form; it reports each case as it goes."""
    tests = [] if _name_tests(arguments) else [CHAOS]
    return [("pytest", [sys.executable, "-m", "pytest", "-m", "chaos", "-v", "--durations=0", *tests, *arguments])]


def _name_tests(arguments: Sequence[str]) -> bool:
    return any(argument.partition("::")[0].startswith("tests/") for argument in arguments)


def run(todo: Sequence[tuple[str, list[str]]], environment: Mapping[str, str]) -> int:
    """Run the commands in this terminal and return 0 if all passed; pytest's summary ends the output."""
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
