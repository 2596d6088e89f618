"""The start cache: findings of one start of Cassandra that make later starts faster.

- `row-overhead`: the bytes that Cassandra measured for a partition in a memtable; measuring takes seconds. The value
  depends only on the layout of objects in Java's heap: Cassandra's classes, Java and its options, the memtables'
  allocation.
- `classes.jsa`: Java's archive of the classes (see `class_archive`), which Java maps instead of loading them.

A directory holds both. Its name is a digest of everything that they depend on. It is on the node's volume, or, for all
nodes of a machine, in the directory that the variable CASSANDRA_START_CACHE names. Cassandra needs neither: without
them, or if Java finds that they do not fit, a start only takes longer.
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

# A change of settings and its roll-back find their own entries. A machine's directory serves nodes of several kinds.
_ENTRIES_ON_VOLUME = 2
_ENTRIES_SHARED = 8
# Bytes of one partition: 180 with compressed pointers. A value out of this range is not a measurement.
_SANE_OVERHEAD = range(64, 1025)
_MEASURED = re.compile(r"Estimated SkipListMemtable row overhead: (\d+)")
_SHARING = ("-Xshare", "-XX:SharedArchiveFile", "-XX:DumpLoadedClassList", "-XX:ArchiveClassesAtExit")
_MEMTABLE = "-Dcassandra.memtable"


@dataclass(frozen=True)
class Entry:
    """The cache's directory for starts of one kind."""

    directory: Path
    entries: int  # the number of entries that its parent keeps

    @property
    def archive(self) -> Path:
        """Return the path of the class archive."""
        return self.directory / ARCHIVE

    def row_overhead(self) -> int | None:
        """Return the measured bytes; None without a plausible value."""
        try:
            found = int((self.directory / ROW_OVERHEAD).read_text())
        except (OSError, ValueError):
            return None
        return found if found in _SANE_OVERHEAD else None

    def has_archive(self) -> bool:
        """Return whether there is an archive that Java has not refused."""
        return self.archive.is_file() and not self.is_unusable()

    def is_unusable(self) -> bool:
        """Return whether Java has refused an archive for starts of this kind."""
        return (self.directory / UNUSABLE).exists()

    def refuse_archive(self, reason: str) -> None:
        """Remove the archive, and never make one for such starts again. Raises OSError."""
        self.write(UNUSABLE, f"{reason}\n")
        self.archive.unlink(missing_ok=True)

    def keep_row_overhead(self, log: str) -> int | None:
        """Keep and return the value that a start's log reports; None without a plausible value. Raises OSError."""
        found = _MEASURED.findall(log)
        if not found or int(found[-1]) not in _SANE_OVERHEAD:
            return None
        self.write(ROW_OVERHEAD, f"{found[-1]}\n")
        return int(found[-1])

    def write(self, name: str, text: str) -> None:
        """Write a small file, whole or not at all. Raises OSError.

        Args:
            name: The file's name in the entry.
            text: Its content.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        partial = self.directory / f"{name}.{os.getpid()}.partial"
        partial.write_text(text)
        partial.replace(self.directory / name)

    def mark_used(self) -> None:
        """Note that a start uses this entry, and remove the least recently used others. Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        os.utime(self.directory)
        others = [path for path in self.directory.parent.iterdir() if path.is_dir()]
        for path in sorted(others, key=lambda path: path.stat().st_mtime, reverse=True)[self.entries :]:
            # A Java process that has mapped an archive keeps it.
            shutil.rmtree(path, ignore_errors=True)


def entry(launch: NodeLaunch, files: jvm.Files, environ: Mapping[str, str]) -> Entry:
    """Return the entry of such a start, which can be empty."""
    shared = environ.get(VARIABLE)
    parent = Path(shared) if shared else files.volume / ON_VOLUME
    return Entry(parent / _digest(_depends_on(launch, files)), _ENTRIES_SHARED if shared else _ENTRIES_ON_VOLUME)


def options(kept: Entry, launch: NodeLaunch, record: Path | None) -> list[str]:
    """Return Java's options for using the entry; without an archive, Java lists its classes in `record`, if any."""
    overhead = kept.row_overhead()
    found = [] if overhead is None else [f"{_MEMTABLE}.row_overhead_size={overhead}"]
    if not may_share(launch):
        return found
    if kept.has_archive():
        # Java checks itself whether it fits, and starts without it otherwise: its default, -Xshare:auto.
        return [*found, f"-XX:SharedArchiveFile={kept.archive}"]
    return found if record is None else [*found, f"-XX:DumpLoadedClassList={record}"]


def may_share(launch: NodeLaunch) -> bool:
    """Return whether the executor can set an archive: an operator's options of the same kind take precedence."""
    return not any(option.startswith(_SHARING) for option in launch.jvm_options)


def _depends_on(launch: NodeLaunch, files: jvm.Files) -> Iterable[str]:
    yield _inside(files.java.resolve(), files.sandbox)
    yield _text(files.java.resolve().parents[1] / "release")
    for jar in files.jars:
        yield f"{_inside(jar, files.sandbox)} {jar.stat().st_size}"
    yield _text(files.bundle_conf / jvm.OPTIONS_FILE)
    yield from jvm.heap(launch)
    # A system property affects neither Java's layout nor memtables, unless it is one of the memtables' own.
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
