"""What one start of Cassandra leaves for later ones, so that they need not do it again.

- `row-overhead`: the bytes that Cassandra measured for a partition in a memtable, which takes it seconds. It depends on
  the layout of objects in Java's heap alone: Cassandra's classes, Java and its options, the allocation of memtables.
- `classes.jsa`: Java's archive of the classes (see `class_archive`), from which they are mapped instead of loaded.

Both are kept in a directory named by a digest of all that they depend on: on the node's volume, or where the variable
CASSANDRA_START_CACHE says for all nodes of a machine. Nothing kept is needed: without it, or with what Java finds
not to fit, a start only takes longer.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from executor.cassandra import jvm
from executor.protocol import NodeLaunch

VARIABLE = "CASSANDRA_START_CACHE"
ON_VOLUME = "start"
ROW_OVERHEAD = "row-overhead"
ARCHIVE = "classes.jsa"
UNUSABLE = "unusable"
CLASS_LIST = "classes.lst"

# A change of settings and the way back find their own entries. A machine's directory serves nodes of several kinds.
_ENTRIES_ON_VOLUME = 2
_ENTRIES_SHARED = 8
# Bytes of one partition: 180 where pointers are compressed. What is out of this range was not measured.
_SANE_OVERHEAD = range(64, 1025)
_MEASURED = re.compile(r"Estimated SkipListMemtable row overhead: (\d+)")
_SHARING = ("-Xshare", "-XX:SharedArchiveFile", "-XX:DumpLoadedClassList", "-XX:ArchiveClassesAtExit")
_MEMTABLE = "-Dcassandra.memtable"


@dataclass(frozen=True)
class Entry:
    """What is kept for starts of one kind."""

    directory: Path
    entries: int  # how many of them its parent may hold

    @property
    def archive(self) -> Path:
        return self.directory / ARCHIVE

    def row_overhead(self) -> int | None:
        """The measured number; None if there is none, or none that can be."""
        try:
            found = int((self.directory / ROW_OVERHEAD).read_text())
        except (OSError, ValueError):
            return None
        return found if found in _SANE_OVERHEAD else None

    def has_archive(self) -> bool:
        return self.archive.is_file() and not self.is_unusable()

    def is_unusable(self) -> bool:
        """Whether an archive was tried for such starts, and Java did not take it."""
        return (self.directory / UNUSABLE).exists()

    def refuse_archive(self, reason: str) -> None:
        """Never use, or make, an archive for such starts again. Raises OSError."""
        self.write(UNUSABLE, f"{reason}\n")
        self.archive.unlink(missing_ok=True)

    def keep_row_overhead(self, log: str) -> int | None:
        """Keep what a start's log says that it measured; None if it says nothing sane. Raises OSError."""
        found = _MEASURED.findall(log)
        if not found or int(found[-1]) not in _SANE_OVERHEAD:
            return None
        self.write(ROW_OVERHEAD, f"{found[-1]}\n")
        return int(found[-1])

    def write(self, name: str, text: str) -> None:
        """A small file, which is there as a whole or not at all. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        partial = self.directory / f"{name}.{os.getpid()}.partial"
        partial.write_text(text)
        partial.replace(self.directory / name)

    def used(self) -> None:
        """Note that a start uses it, and remove those that were not used for longest. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        os.utime(self.directory)
        others = [path for path in self.directory.parent.iterdir() if path.is_dir()]
        for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[self.entries :]:
            # A Java that has mapped an archive keeps it.
            shutil.rmtree(path, ignore_errors=True)


def entry(launch: NodeLaunch, files: jvm.Files, environ: Mapping[str, str]) -> Entry:
    """The entry of such a start, which may hold nothing yet."""
    shared = environ.get(VARIABLE)
    parent = Path(shared) if shared else files.volume / ON_VOLUME
    return Entry(parent / _digest(_depends_on(launch, files)), _ENTRIES_SHARED if shared else _ENTRIES_ON_VOLUME)


def options(kept: Entry, launch: NodeLaunch, record: Path | None) -> list[str]:
    """Java's options that use what is kept. Without an archive Java lists its classes in the file `record`, if any."""
    overhead = kept.row_overhead()
    found = [] if overhead is None else [f"{_MEMTABLE}.row_overhead_size={overhead}"]
    if not may_share(launch):
        return found
    if kept.has_archive():
        # Java looks for itself whether it fits, and does without when it does not: that is its default, -Xshare:auto.
        return [*found, f"-XX:SharedArchiveFile={kept.archive}"]
    return found if record is None else [*found, f"-XX:DumpLoadedClassList={record}"]


def may_share(launch: NodeLaunch) -> bool:
    """Whether the archive is left to us: an operator's options of the same kind win."""
    return not any(option.startswith(_SHARING) for option in launch.jvm_options)


def _depends_on(launch: NodeLaunch, files: jvm.Files) -> Iterable[str]:
    yield _inside(files.java.resolve(), files.sandbox)
    yield _text(files.java.resolve().parents[1] / "release")
    for jar in files.jars:
        yield f"{_inside(jar, files.sandbox)} {jar.stat().st_size}"
    yield _text(files.bundle_conf / jvm.OPTIONS_FILE)
    yield from jvm.heap(launch)
    # A property says nothing to Java, and nothing to memtables unless it is one of theirs.
    yield from (item for item in launch.jvm_options if not item.startswith("-D") or item.startswith(_MEMTABLE))
    yield str(launch.options.get("memtable_allocation_type"))


def _inside(path: Path, sandbox: Path) -> str:
    # Each launch has another sandbox.
    return str(path.relative_to(sandbox) if path.is_relative_to(sandbox) else path)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _digest(parts: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(f"{len(part)} {part}\n".encode())
    return digest.hexdigest()[:24]
