"""The commands of `./dev` as a person meets them, on a machine where they must not start anything."""

from __future__ import annotations

import io
import itertools
import re
import socket
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from devcluster import checks, lock
from devcluster.__main__ import run
from devcluster.layout import Address, ClusterLayout
from devcluster.processes import ProcessTable
from devcluster.progress import Printer


@dataclass
class World:
    """A cluster of its own, and what its commands print."""

    layout: ClusterLayout
    out: io.StringIO = field(default_factory=io.StringIO)

    def run(self, *arguments: str) -> int:
        return run(arguments, self.layout, Printer(self.out))

    @property
    def printed(self) -> str:
        return self.out.getvalue()


@pytest.fixture
def world(tmp_path: Path) -> World:
    host = "127.0.93.1"
    addresses: dict[str, Any] = {
        name: Address(host, 20000 + n) for n, name in enumerate(("zookeeper", "master", "api", "s3"))
    }
    return World(ClusterLayout(tmp_path / "dev", network="127.0.93", **addresses))


def test_what_is_wrong_is_told_at_once_and_nothing_is_started(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert world.run("up", "--nodes", "0", "--heap", "10") == 1
    assert capsys.readouterr().err.splitlines() == [
        "--nodes must be between 1 and 100, not 0.",
        "--heap must be between 256 and 12288 MB, not 10.",
        "Nothing was started.",
    ]
    assert list(world.layout.directory.iterdir()) == []


def test_a_taken_port(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((world.layout.master.host, world.layout.master.port)):
        assert world.run("up") == 1
    problems = capsys.readouterr().err.splitlines()
    assert f"{world.layout.master} is in use by another program; master needs it." in problems
    assert problems[-1] == "Nothing was started."
    assert list(world.layout.directory.iterdir()) == []


def test_other_sizes_than_the_running_cluster_has(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.layout.remember()
    table = ProcessTable(world.layout.directory)
    table.start("zookeeper", ["sleep", "60"], {"PATH": "/usr/bin:/bin"})
    try:
        assert world.run("up", "--nodes", "5") == 1
    finally:
        assert world.run("down") == 0
    assert "The running cluster has --nodes 3 --heap 384; `./dev down` first" in capsys.readouterr().err
    assert "stopped zookeeper" in world.printed
    assert "its data stays" in world.printed
    assert table.names() == []


def test_down_when_nothing_runs(world: World) -> None:
    assert world.run("down") == 0
    assert world.printed == "Nothing runs.\n"


def test_status_when_nothing_runs(world: World) -> None:
    assert world.run("status") == 1
    assert world.printed.count("not running") == 7


def test_clean_stops_what_runs_and_removes_everything(world: World) -> None:
    table = ProcessTable(world.layout.directory)
    table.start("zookeeper", ["sleep", "60"], {"PATH": "/usr/bin:/bin"})
    (world.layout.directory / "zookeeper").mkdir()
    assert world.run("clean") == 0
    assert not world.layout.directory.exists()
    assert table.find("zookeeper") is None
    assert world.run("clean") == 0


@pytest.mark.parametrize("command", ["up", "down", "clean"])
def test_one_command_at_a_time(world: World, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with lock.exclusive(world.layout.directory):
        (world.layout.directory / "kept").touch()
        assert world.run(command) == 1
    assert "Another ./dev command is starting or stopping this cluster" in capsys.readouterr().err
    assert (world.layout.directory / "kept").exists()
    with lock.exclusive(world.layout.directory):
        pass


@pytest.mark.parametrize("arguments", [["fly"], ["up", "--nodes", "many"], ["down", "--now"], []])
def test_what_is_not_understood(world: World, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        world.run(*arguments)
    assert exit_.value.code == 2


def test_all_checks_then_all_tests() -> None:
    todo = checks.commands([])
    assert [check.title for check in todo] == [
        "ruff check", "ruff format", "unit tests and simulation", "mypy --strict", "bundles",
        *(line.title for line in checks.LINES),
    ]  # fmt: skip
    run = [argument for check in todo for argument in itertools.chain(*check.commands) if argument.startswith("tests/")]
    assert set(checks.SPREAD) < set(run)
    assert [check.title for check in todo if check.group == "lines"] == [line.title for line in checks.LINES]


def _check(title: str, *codes: str, group: str = "") -> checks.Check:
    return checks.Check(title, tuple((sys.executable, "-c", code) for code in codes), group)


def test_one_line_of_checks_runs_beside_the_other(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each waits for a file of the other, so that neither passes alone. Their outputs do not mix."""
    wait = "import pathlib, time\nprint({name!r}, flush=True)\npathlib.Path({mine!r}).touch()\n"
    wait += "while not pathlib.Path({other!r}).exists(): time.sleep(0.01)"
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    first = _check("one", wait.format(name="output of one", mine=one, other=two), group="g")
    second = _check("two", wait.format(name="output of two", mine=two, other=one), group="g")
    assert checks.run([first, second], {}) == 0
    printed = capfd.readouterr().out
    assert re.search(r"== one\noutput of one\n +one: passed after 0\.", printed)
    assert re.search(r"== two\noutput of two\n +two: passed after 0\.", printed)


def test_light_ones_run_beside_as_many_others_as_have_a_place(tmp_path: Path) -> None:
    """All wait until every one of them runs; the last has no place until then."""
    here = f"import pathlib, time\nhere = pathlib.Path({str(tmp_path)!r})\n"
    wait = "while len(list(here.iterdir())) < {count}: time.sleep(0.01)"
    mark = here + "(here / {name!r}).touch()\n" + wait.format(count=checks.AT_ONCE + 1)
    heavy = [_check(str(n), mark.format(name=str(n)), group="g") for n in range(checks.AT_ONCE)]
    late = _check("late", f"{here}assert len(list(here.iterdir())) == {checks.AT_ONCE + 1}", group="g")
    light = replace(_check("light", mark.format(name="light"), group="g"), light=True)
    assert checks.run([*heavy, late, light], {}) == 0


def test_all_checks_run_though_one_fails(capfd: pytest.CaptureFixture[str]) -> None:
    failing = "raise SystemExit(3)"
    todo = [
        _check("a", failing, "print('the next of a')"),
        _check("b", failing, group="g"),
        _check("c", "print('first of c')", "print('c ran')"),
    ]
    assert checks.run(todo, {}) == 1
    printed = capfd.readouterr().out
    assert "c ran" in printed
    assert "the next of a" not in printed
    assert printed.endswith("Failed: a, b.\n")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param(["-k", "seeds"], [*checks.TESTS, "-k", "seeds"], id="all tests with options"),
        pytest.param(["tests/unit", "-x"], ["tests/unit", "-x"], id="some tests"),
        pytest.param(["tests/unit/x.py::test_y"], ["tests/unit/x.py::test_y"], id="one test"),
    ],
)
def test_arguments_are_for_pytest(arguments: list[str], expected: list[str]) -> None:
    assert checks.commands(arguments) == [checks.Check("pytest", ((sys.executable, "-m", "pytest", *expected),))]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        pytest.param([], ["tests/chaos"], id="all"),
        pytest.param(["-k", "repair and master"], ["tests/chaos", "-k", "repair and master"], id="some"),
        pytest.param(["tests/chaos/x.py::test_y"], ["tests/chaos/x.py::test_y"], id="one test"),
    ],
)
def test_chaos_runs_what_no_other_command_does(arguments: list[str], expected: list[str]) -> None:
    [check] = checks.chaos(arguments)
    [command] = check.commands
    assert (check.title, command[:5]) == ("pytest", (sys.executable, "-m", "pytest", "-m", "chaos"))
    assert command[-len(expected) :] == tuple(expected)
    assert checks.CHAOS not in checks.TESTS


def test_every_directory_with_tests_is_run() -> None:
    with_tests = {path.relative_to(checks.ROOT).parts[1] for path in (checks.ROOT / "tests").rglob("test_*.py")}
    assert with_tests <= {Path(name).name for name in (*checks.TESTS, checks.CHAOS)}


def lines_with(file: Path) -> list[str]:
    """Return the expressions of markers with which a test file is run among those that need servers."""
    names = {str(path.relative_to(checks.ROOT)) for path in (file, *file.parents) if path.is_relative_to(checks.ROOT)}
    return sorted(line.marker for line in checks.LINES if names & set(line.arguments()))


def test_every_test_that_needs_servers_is_run_once() -> None:
    files = [path for folder in checks.SERVERS for path in (checks.ROOT / folder).rglob("test_*.py")]
    without_cassandra = "not chaos and not cassandra"
    wrong = {}
    for file in files:
        expected = [["not chaos"], ["cassandra", without_cassandra]]
        if "mark.cassandra" not in file.read_text():
            expected.append([without_cassandra])
        if (found := lines_with(file)) not in expected:
            wrong[file.name] = found
    assert len(files) > 50
    assert wrong == {}
