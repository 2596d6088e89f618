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
import stat
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
_DIGITS = 24
_NAME = re.compile(rf"[0-9a-f]{{{_DIGITS}}}")
_MEASURED = re.compile(r"Estimated SkipListMemtable row overhead: (\d+)")
_SHARING = ("-Xshare", "-XX:SharedArchiveFile", "-XX:DumpLoadedClassList", "-XX:ArchiveClassesAtExit")
_MEMTABLE = "-Dcassandra.memtable"
_SIZES = ("-Xms", "-Xmx", "-Xmn")
# Java compresses pointers in a heap below 32 GB, less what the collector rounds up.
_LARGE_HEAP_MB = 31 * 1024


@dataclass(frozen=True)
class Entry:
    """The cache's directory for starts of one kind."""

    directory: Path
    entries: int  # the number of entries that its parent keeps
    shared: bool = False  # the parent is the machine's, and not of a node's volume

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
        """Note that a start uses this entry, and remove the least recently used others.

        Raises OSError, also for a shared entry that other users can write: Java runs what its archive holds.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.shared:
            _check_owner(self.directory)
        os.utime(self.directory)
        # A machine's directory can hold others' as well.
        entries = [path for path in self.directory.parent.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()]
        for path in sorted(entries, key=lambda path: path.stat().st_mtime, reverse=True)[self.entries :]:
            # A Java process that has mapped an archive keeps it.
            shutil.rmtree(path, ignore_errors=True)


def _check_owner(directory: Path) -> None:
    own, parent = directory.lstat(), directory.parent.stat()
    if own.st_uid != os.geteuid() or own.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or not stat.S_ISDIR(own.st_mode):
        raise PermissionError(f"{directory} belongs to another user, or others can write it")
    if parent.st_mode & stat.S_IWOTH and not parent.st_mode & stat.S_ISVTX:
        raise PermissionError(f"{directory.parent} can be written by every user")


def entry(launch: NodeLaunch, files: jvm.Files, environ: Mapping[str, str]) -> Entry:
    """Return the entry of such a start, which can be empty."""
    shared = environ.get(VARIABLE)
    parent = Path(shared) if shared else files.volume / ON_VOLUME
    entries = _ENTRIES_SHARED if shared else _ENTRIES_ON_VOLUME
    return Entry(parent / _digest(_depends_on(launch, files)), entries, shared=bool(shared))


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
    yield from _heap(launch)
    # A system property affects neither Java's layout nor memtables, unless it is one of the memtables' own.
    yield from (item for item in launch.jvm_options if not item.startswith("-D") or item.startswith(_MEMTABLE))
    yield str(launch.options.get("memtable_allocation_type"))


def _heap(launch: NodeLaunch) -> list[str]:
    """Return the options of the heap, without the sizes that change neither the layout of objects nor the archive."""
    found = jvm.heap(launch)
    if launch.heap_mb >= _LARGE_HEAP_MB:
        return found
    return [option for option in found if not option.startswith(_SIZES)]


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
    return digest.hexdigest()[:_DIGITS]
