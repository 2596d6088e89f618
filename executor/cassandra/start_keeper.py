"""One start's use of the start cache. A failure here costs time alone, and is logged."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from executor.cassandra import class_archive, jvm, start_cache
from executor.cassandra.start_cache import Entry
from executor.protocol import NodeLaunch

_LOG = logging.getLogger(__name__)
# The signals of a virtual machine's own faults; the negative number is its exit code.
_CRASHES = {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL}


@dataclass(frozen=True)
class Keeper:
    """One start of Cassandra; `options` are for its command line."""

    launch: NodeLaunch
    files: jvm.Files
    entry: Entry
    options: tuple[str, ...]
    record: Path | None  # where Java lists its classes
    log: Path
    log_begin: int  # the log's size in bytes before this start

    def keep(self, pid: int) -> None:
        """Keep this start's findings, once it serves; takes up to minutes."""
        try:
            self._keep_row_overhead()
            self._look_after_archive(pid)
        except OSError as error:
            _LOG.warning("start cache not updated: %s", error)

    def keep_in_background(self, pid: int) -> None:
        """Run `keep` on a thread of its own."""
        try:
            threading.Thread(target=self.keep, args=(pid,), name="start cache", daemon=True).start()
        except RuntimeError as error:
            _LOG.warning("start cache not updated: %s", error)

    def note_crash(self, code: int) -> None:
        """Refuse the archive if Cassandra crashed with this code before it served: the archive can be the cause."""
        if code in _CRASHES and self._has_archive():
            self._refuse(f"Java ended with signal {-code} before Cassandra served")

    def _has_archive(self) -> bool:
        return any(option.startswith("-XX:SharedArchiveFile=") for option in self.options)

    def _refuse(self, reason: str) -> None:
        _LOG.warning("class archive not used any more: %s", reason)
        try:
            self.entry.refuse_archive(reason)
        except OSError as error:
            _LOG.warning("class archive not removed: %s", error)

    def _keep_row_overhead(self) -> None:
        if self.entry.row_overhead() is not None:
            return
        with self.log.open("rb") as file:
            file.seek(self.log_begin)
            measured = self.entry.keep_row_overhead(file.read().decode(errors="replace"))
        if measured is not None:
            _LOG.info("start cache: kept %d bytes of overhead for a row in a memtable", measured)

    def _look_after_archive(self, pid: int) -> None:
        if self._has_archive():
            # An archive can be gone because it was the least recently used one; then Java has not refused it.
            if self.entry.archive.exists() and class_archive.is_used(pid, self.entry) is False:
                self._refuse("Java does not map it")
        elif self.record is not None:
            problem = class_archive.make(self.launch, self.files, self.entry, self.record)
            if problem is not None:
                _LOG.warning("class archive not made: %s", problem)
            elif self.entry.has_archive():
                _LOG.info("start cache: kept the class archive %s", self.entry.archive)


def prepare(launch: NodeLaunch, files: jvm.Files, log: Path, environ: Mapping[str, str]) -> Keeper | None:
    """Return the keeper of this start; None if the cache cannot be used."""
    try:
        kept = start_cache.entry(launch, files, environ)
        kept.mark_used()
        record = files.tmp / start_cache.CLASS_LIST if class_archive.is_worth_recording(launch, kept) else None
        options = tuple(start_cache.options(kept, launch, record))
        begin = log.stat().st_size if log.exists() else 0
    except OSError as error:
        _LOG.warning("start cache not used: %s", error)
        return None
    return Keeper(launch, files, kept, options, record, log, begin)
