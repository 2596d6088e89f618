"""The archive of the classes that a Cassandra has loaded (application class data sharing of Java 17).

A first start lists its classes. Once it serves, another Java process reads that list and writes the archive. It runs
with the lowest priority, once, and only if the container has the memory, since Mesos ends a container that exceeds its
own. It runs without Cassandra's agents. The archive still serves a Java with agents, which get each class as the jar
has it. The maps of the next Cassandra show whether Java uses the archive.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from executor.cassandra import exec_child, jvm
from executor.cassandra.start_cache import ARCHIVE, Entry
from executor.memory import free_bytes
from executor.protocol import NodeLaunch

# The memory that making an archive takes, with a reserve; the disk space is ten times its size.
NEEDED_BYTES = 600 << 20
_DISK_BYTES = 700 << 20
_BESIDE_HEAP_BYTES = 512 << 20
_HEAP_MB = 128
_SECONDS = 600.0
_GIVE_WAY = 'exec nice -n 19 "$@"'
# Options that determine the layout of objects and classes in memory: an archive fits only those of its maker.
_LAYOUT = re.compile(
    r"-XX:[+-](Use\w*GC|UseCompressed\w+|CompactStrings|(Enable|Restrict)Contended|Unlock\w+Options)$"
    r"|-XX:(ObjectAlignmentInBytes|ContendedPaddingWidth|CompressedClassSpaceSize)="
)
# With larger heaps Java does not compress pointers.
_COMPRESSED_BELOW_MB = 32 * 1024


def is_worth_recording(launch: NodeLaunch, kept: Entry) -> bool:
    """Return whether this node has the memory to make an archive beside its Cassandra, which does not run yet."""
    free = free_bytes()
    wanted = (launch.heap_mb << 20) + _BESIDE_HEAP_BYTES + NEEDED_BYTES
    return not kept.is_unusable() and free is not None and free >= wanted


def is_used(pid: int, kept: Entry) -> bool | None:
    """Return whether this Java has mapped the archive; None if its maps cannot be read."""
    try:
        return f"{kept.archive.resolve()}" in Path(f"/proc/{pid}/maps").read_text()
    except (OSError, UnicodeDecodeError):
        return None


def make(launch: NodeLaunch, files: jvm.Files, kept: Entry, classes: Path) -> str | None:
    """Write the archive from the list of classes.

    If another process makes the same archive, nothing is done.

    Args:
        launch: The launch whose options determine the archive.
        files: The paths of that launch.
        kept: The entry of the start cache that gets the archive.
        classes: The file with the list of classes.

    Returns:
        None on success or if there is nothing to do, else the cause.

    Raises:
        OSError: The entry cannot be read or written.
    """
    with _alone(kept) as alone:
        if not alone or kept.has_archive() or kept.is_unusable():
            return None
        free = free_bytes()
        if free is None or free < NEEDED_BYTES or shutil.disk_usage(kept.directory).free < _DISK_BYTES:
            return "too little memory or disk is free"
        partial = kept.directory / f"{ARCHIVE}.partial"
        partial.unlink(missing_ok=True)
        try:
            problem = _dump(command(launch, files, classes, partial), files.sandbox)
            if problem is None:
                _settle(partial, kept.archive)
            return problem
        finally:
            partial.unlink(missing_ok=True)


def command(launch: NodeLaunch, files: jvm.Files, classes: Path, target: Path) -> list[str]:
    """Return the command line of the Java that makes the archive."""
    layout = [option for option in (*jvm.heap(launch), *launch.jvm_options) if _LAYOUT.match(option)]
    if launch.heap_mb >= _COMPRESSED_BELOW_MB:
        layout.insert(0, "-XX:-UseCompressedOops")
    return [
        str(files.java),
        *layout,
        f"-Xmx{_HEAP_MB}M",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:dump",
        f"-XX:SharedClassListFile={classes}",
        f"-XX:SharedArchiveFile={target}",
        "-Xlog:disable",
        "-Xlog:all=error:stderr",
        "-cp",
        jvm.jar_path(files),
    ]


def _dump(words: list[str], directory: Path) -> str | None:
    try:
        ended = subprocess.run(
            [*exec_child.wrapper(), "/bin/sh", "-c", _GIVE_WAY, "sh", *words],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Java took more than {_SECONDS:.0f} s"
    return None if ended.returncode == 0 else f"Java ended with {ended.returncode}: {ended.stderr.strip()[-400:]}"


def _settle(partial: Path, archive: Path) -> None:
    """Rename the archive once it is whole, also after a loss of power: Java maps it without reading all of it."""
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    partial.replace(archive)


@contextmanager
def _alone(kept: Entry) -> Iterator[bool]:
    kept.directory.mkdir(parents=True, exist_ok=True)
    with (kept.directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
