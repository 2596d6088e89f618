"""The loading of staged SSTables into a running Cassandra: it takes the files over, or streams them to their owners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from executor.jmx import java_agent
from executor.jmx.jolokia import EXCEPTION, STORAGE_SERVICE, Attribute, Jolokia, JolokiaError, NotReachableError
from executor.jobs.blocking import call_watched

_LOG = logging.getLogger(__name__)
IMPORTER = "SSTableImport"
_IMPORTER = java_agent.mbean(IMPORTER)
_STREAMS = Attribute("org.apache.cassandra.net:type=StreamManager", "CurrentStreams")
_CALL_SECONDS = 30.0
# A table's data can take hours to stream; a lost connection ends the wait long before.
_LOAD_SECONDS = 7 * 24 * 3600.0


class LoadError(Exception):
    """Cassandra refused the files; the text has its words."""


@dataclass(frozen=True)
class Loader:
    """The loading functions of one node's Cassandra. `check` is called often, and can raise to end the wait."""

    jolokia: Jolokia
    check: Callable[[], None]
    _ready: threading.Event = field(default_factory=threading.Event, init=False, compare=False)

    def can_import(self) -> bool:
        """Return whether this node can take files over, after loading our agent.

        It cannot with a third party's bundle, or if agents are forbidden. Raises LoadError.
        """
        if self._ready.is_set():
            return True
        try:
            java_agent.attach(self.jolokia, IMPORTER)
            self._ready.set()
        except NotReachableError as error:
            raise LoadError(f"Cassandra does not answer: {cause(str(error))}") from error
        except JolokiaError as error:
            _LOG.warning("agent not loaded by Cassandra, files are streamed instead: %s", error)
            return False
        return True

    def take_over(self, key_space: str, table: str, directory: Path) -> bool:
        """Move a directory's SSTables into a table, and build its indexes. The files can have any names.

        Args:
            key_space: The table's keyspace.
            table: The table.
            directory: The directory of the files.

        Returns:
            False, with all files in their place, if Cassandra refuses: mostly because this node does not own all of
            their tokens.

        Raises:
            LoadError: Cassandra fails, or does not answer.
        """
        if not self.can_import():
            return False
        refused = self._finish(
            lambda: self.jolokia.execute(_IMPORTER, "load", [key_space, table, str(directory)], _LOAD_SECONDS),
            f"import into {key_space}.{table}",
            self.check,
        )
        return not refused

    def stream(self, directory: Path, tell: Callable[[int], None]) -> None:
        """Send the SSTables of `…/<keyspace>/<table>` to the owners of their ranges, this node included.

        `tell` receives the bytes sent so far. Raises LoadError if an owner does not get everything.
        """
        path = str(directory)
        mbean, operation = self._bulk_load()

        def watch() -> None:
            self.check()
            tell(self._sent(path))

        self._finish(
            lambda: self.jolokia.execute(mbean, operation, [path], _LOAD_SECONDS),
            f"streaming {directory.parent.name}.{directory.name}",
            watch,
        )

    def _bulk_load(self) -> tuple[str, str]:
        """Return the MBean and operation that stream: ours, which supports tables with SAI, else Cassandra's."""
        try:
            return java_agent.attach(self.jolokia, "BulkLoad"), "stream"
        except NotReachableError as error:
            raise LoadError(f"Cassandra does not answer: {cause(str(error))}") from error
        except JolokiaError as error:
            _LOG.warning("agent not loaded by Cassandra, tables with SAI cannot be streamed: %s", error)
            return STORAGE_SERVICE, "bulkLoad(java.lang.String)"

    def _finish(self, run: Callable[[], Any], what: str, watch: Callable[[], None]) -> Any:
        try:
            return call_watched(run, watch)
        except JolokiaError as error:
            raise LoadError(f"{what}: {cause(str(error))}") from error

    def _sent(self, directory: str) -> int:
        try:
            streams = self.jolokia.read([_STREAMS], _CALL_SECONDS).get(_STREAMS)
        except JolokiaError:
            # The loading call itself reports the error.
            return 0
        return sent_bytes(streams if isinstance(streams, list) else [], directory)


def sent_bytes(streams: Iterable[Mapping[str, Any]], directory: str) -> int:
    """Return the bytes sent of a directory's files, from StreamManager's CurrentStreams."""
    total = 0
    for stream in streams:
        for session in stream.get("sessions") or ():
            for file in session.get("sendingFiles") or ():
                if Path(str(file.get("fileName", ""))).parent == Path(directory):
                    total += int(file.get("currentBytes", 0))
    return total


def cause(text: str) -> str:
    """Return the first lines of Cassandra's words, without names of exceptions and without a stack trace."""
    while wrapping := EXCEPTION.match(text):
        text = text[wrapping.end() :]
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("\t")]
    return " ".join(lines)[:600] or "no reason given"
