"""Makes Java's archive of the classes that a Cassandra has loaded (application class data sharing of Java 17).

A first start lists its classes. When it serves, another Java reads that list and writes the archive: with the lowest
priority, once, and only where the container has the memory for it, as Mesos ends a container that takes more than its
own. It runs without Cassandra's agents; the archive serves a Java with agents nevertheless, which gives them each class
as the jar has it. Whether Java takes the archive is not guessed: it is seen in the maps of the next Cassandra.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from executor.cassandra import exec_child, jvm
from executor.cassandra.start_cache import ARCHIVE, Entry
from executor.memory import room
from executor.protocol import NodeLaunch

# Of memory, what making one takes, with something to spare; of disk, ten times its size.
NEEDED_BYTES = 600 << 20
_DISK_BYTES = 700 << 20
_BESIDE_HEAP_BYTES = 512 << 20
_HEAP_MB = 128
_SECONDS = 600.0
_GIVE_WAY = 'exec nice -n 19 "$@"'
# Options that decide how objects and classes lie in memory: an archive fits those of the Java that made it.
_LAYOUT = re.compile(
    r"-XX:[+-](Use\w*GC|UseCompressed\w+|CompactStrings|(Enable|Restrict)Contended|Unlock\w+Options)$"
    r"|-XX:(ObjectAlignmentInBytes|ContendedPaddingWidth|CompressedClassSpaceSize)="
)
# With larger heaps Java does not compress pointers.
_COMPRESSED_BELOW_MB = 32 * 1024


def is_worth_recording(launch: NodeLaunch, kept: Entry) -> bool:
    """Whether an archive could be made beside this node's Cassandra, which is not running yet."""
    free = room()
    wanted = (launch.heap_mb << 20) + _BESIDE_HEAP_BYTES + NEEDED_BYTES
    return not kept.is_unusable() and free is not None and free >= wanted


def is_used(pid: int, kept: Entry) -> bool | None:
    """Whether this Java has mapped the archive; None if that cannot be seen."""
    try:
        return f"{kept.archive.resolve()}" in Path(f"/proc/{pid}/maps").read_text()
    except (OSError, UnicodeDecodeError):
        return None


def make(launch: NodeLaunch, files: jvm.Files, kept: Entry, classes: Path) -> str | None:
    """Write the archive from the list of classes; None if that succeeded, else why not. Raises OSError.

    Nothing is done while another one makes the same, or where memory or disk are short.
    """
    with _alone(kept) as alone:
        if not alone or kept.has_archive() or kept.is_unusable():
            return None
        free = room()
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
    """The Java that makes the archive."""
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
    # It ends with this process, whatever ends that.
    wrapper = [sys.executable, "-I", exec_child.__file__, str(os.getpid()), "/bin/sh", "-c", _GIVE_WAY, "sh"]
    try:
        ended = subprocess.run(
            [*wrapper, *words],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"Java took more than {_SECONDS:.0f} s for it"
    return None if ended.returncode == 0 else f"Java ended with {ended.returncode}: {ended.stderr.strip()[-400:]}"


def _settle(partial: Path, archive: Path) -> None:
    """Under its name only when it is whole, also after a loss of power: Java maps it without reading all of it."""
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
