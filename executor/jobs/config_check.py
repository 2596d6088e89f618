"""The question `settings`: would Cassandra start with them? Cassandra's own classes load them, in a separate JVM.

If the container has the memory, that JVM also does the first steps of a start: some settings are valid one by one, and
yet no start survives them together. The node itself is not touched. The file and every directory of the start are in a
scratch directory, which is removed with the answer. No port is opened. Options that would claim memory, open ports or
write files are left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from executor.cassandra import cassandra_yaml, exec_child, install, jvm, start_cache, volume
from executor.jobs.context import NodeFacts, QuestionError
from executor.memory import free_bytes
from executor.protocol import NodeLaunch, ProtocolError, parse_launch

MAIN_CLASS = "mesos.cassandra.ConfigCheck"
_START = "start"
_REFUSED = 3
_NOT_KNOWN = 4
_MARK = "refused: "
# Two seconds on an otherwise idle machine, and two more with the first steps of a start.
_SECONDS = 50.0
# The memory that those steps take, with a reserve.
_START_BYTES = 300 << 20
_LONGEST = 1000
# The JVM's message before it refuses its own options.
_JVM_REFUSED = "Could not create the Java Virtual Machine"
_JVM_NOISE = re.compile(
    r"^Error: (Could not create the Java Virtual Machine|A fatal exception has occurred).*$", re.MULTILINE
)
# They load code, open a port that the running Cassandra has, write files, or claim memory beside it.
_LEFT_OUT = (
    "-javaagent", "-agentlib", "-agentpath", "-Xrun", "-Dcom.sun.management", "-Xlog", "-Xms", "-Xmn",
    "-XX:ArchiveClassesAtExit", "-XX:On",
)  # fmt: skip
_INSTEAD = (
    "-Xms16M", "-XX:-AlwaysPreTouch", "-XX:TieredStopAtLevel=1", "-XX:ReservedCodeCacheSize=32M", "-XX:-UsePerfData",
    # A start measures it for ten seconds if it is not given; the check does not need the number.
    "-Dcassandra.memtable.row_overhead_size=180",
)  # fmt: skip
# If memory is short, the kernel must end this process and not the Cassandra beside it.
_GIVE_WAY = 'echo 1000 2>/dev/null >/proc/self/oom_score_adj; exec nice -n 10 "$0" "$@"'


def check_settings(node: NodeFacts, content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `{"refused": words}` with Cassandra's or the JVM's own words, empty if they accept the settings.

    `content` has the launch with the settings, encoded as in a task's data. Raises QuestionError if the check cannot
    run.
    """
    try:
        launch = parse_launch(str(content.get("launch", "")))
    except ProtocolError as error:
        raise QuestionError("failed", f"the settings cannot be read: {error}") from error
    if node.surroundings is None:
        raise QuestionError("failed", "the settings cannot be checked: this executor does not know its surroundings")
    node.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=volume.CHECK_PREFIX, dir=node.scratch))
    try:
        return {"refused": _tried(launch, node.surroundings, scratch)}
    except install.LaunchError as error:
        raise QuestionError("failed", str(error)) from error
    except cassandra_yaml.OptionsError as error:
        return {"refused": str(error)}
    except OSError as error:
        raise QuestionError("failed", f"the settings cannot be checked: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _tried(launch: NodeLaunch, where: install.Surroundings, scratch: Path) -> str:
    # It is its own seed: the other seeds make no difference to the check.
    launch = replace(launch, self_seed=True)
    own = install.find_files(launch, where)
    files = replace(own, conf=scratch, logs=scratch, tmp=scratch, volume=scratch / "volume")
    document = cassandra_yaml.settings(launch, where.address, str(files.volume))
    files.yaml.write_text(cassandra_yaml.render(document))
    (scratch / "cassandra-rackdc.properties").write_text(cassandra_yaml.rackdc(launch))
    free = free_bytes()
    ended = _run(command(launch, files, _archive(launch, own, where), free is None or free >= _START_BYTES), where)
    if ended.returncode == 0:
        return ""
    words = _words(ended.stdout, scratch)
    if ended.returncode == _NOT_KNOWN:
        raise QuestionError("failed", f"the settings could not be checked: {words}")
    if ended.returncode == _REFUSED or _JVM_REFUSED in ended.stdout:
        return words
    raise QuestionError("failed", f"the check of the settings ended with {ended.returncode}: {words}")


def _archive(launch: NodeLaunch, files: jvm.Files, where: install.Surroundings) -> Sequence[str]:
    """Return the options that use the class archive of such starts, if there is one: it halves the check's time."""
    try:
        return start_cache.options(start_cache.entry(launch, files, where.environ), launch, None)
    except OSError:
        return ()


def command(launch: NodeLaunch, files: jvm.Files, kept: Sequence[str] = (), with_start: bool = False) -> list[str]:
    """Return the command line of a start with these settings, for the check and without the options left out.

    Args:
        launch: The launch with the settings.
        files: The paths, in a scratch directory.
        kept: Options that use the start cache.
        with_start: Whether the first steps of a start follow.
    """
    start = jvm.command(launch, files, kept)
    classes = start.index("-cp")
    kept = [word for word in start[:classes] if not word.startswith(_LEFT_OUT)]
    return [*kept, *_INSTEAD, *start[classes:-1], MAIN_CLASS, *([_START] if with_start else [])]


def _run(words: Sequence[str], where: install.Surroundings) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [*exec_child.wrapper(), "/bin/sh", "-c", _GIVE_WAY, *words],
            cwd=where.sandbox,
            env=dict(where.environ) or dict(os.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise QuestionError("failed", f"the check of the settings took more than {_SECONDS:.0f} s") from error


def _words(output: str, scratch: Path) -> str:
    """Return Cassandra's reason, else the JVM's message about its options, without the scratch directory's path."""
    lines = [line.removeprefix(_MARK) for line in output.splitlines() if line.startswith(_MARK)]
    text = lines[-1] if lines else " ".join(_JVM_NOISE.sub("", output).split())
    return text.replace(f"file:{scratch}/", "").replace(f"{scratch}/", "")[:_LONGEST] or "no reason given"
