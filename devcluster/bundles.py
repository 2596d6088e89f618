"""The bundles that a local cluster runs, and the command line beside them. Only what is not up to date is built."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devcluster.checks import ROOT
from devcluster.processes import StartError, python_module

_LAST_LINES = 12
# The scheduler serves it to operators below /v1/artifacts.
COMMAND_LINE = "cassandra-mesos"


@dataclass(frozen=True)
class Bundles:
    """Built bundles under one directory: the archives that agents fetch, and ZooKeeper's jars."""

    directory: Path

    @property
    def artifacts(self) -> Path:
        """Return the directory whose files the API serves to the agents."""
        return self.directory / "artifacts"

    @property
    def zookeeper(self) -> Path:
        """Return the directory with ZooKeeper's jars."""
        return self.directory / "zookeeper"

    def exist(self) -> bool:
        """Return whether all were built once; `build` then needs no Maven unless their pom files changed."""
        archives = [*self.artifacts.glob("cassandra-*.tar.gz"), *self.artifacts.glob("executor.tar.gz")]
        return self.zookeeper.is_dir() and len(archives) >= 2

    def build(self, java_home: Path, say: Callable[[str], object]) -> None:
        """Build the bundles that are missing or out of date.

        Raises:
            StartError: a build failed; with the last lines of its output.
        """
        if not self.exist():
            say("building the bundles; the first time Maven downloads Cassandra, which takes a minute or two")
        self._bundle(self.artifacts, ["cassandra", "executor"], java_home)
        self._bundle(self.directory, ["zookeeper"], java_home)
        self.build_command_line()

    def build_command_line(self) -> None:
        """Build the command line among the artifacts. StartError when that fails."""
        _run(f"The command line {COMMAND_LINE}", "cli.zipapp", [str(self.artifacts / COMMAND_LINE)], {})

    def _bundle(self, out: Path, names: list[str], java_home: Path) -> None:
        what = f"The bundles {', '.join(names)}"
        _run(what, "executor.bundle", [*names, "--out", str(out)], {"JAVA_HOME": str(java_home)})


def _run(what: str, module: str, arguments: list[str], environ: Mapping[str, str]) -> None:
    ended = subprocess.run(
        python_module(module, *arguments),
        cwd=ROOT,
        env={**os.environ, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        lines = (ended.stdout + ended.stderr).splitlines()[-_LAST_LINES:]
        raise StartError("\n".join([f"{what} could not be built:", *lines]))
