"""Samples: rows of a backup's files, kept on the volume until they are compared with the cluster's answers."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from executor import whole_file
from executor.cql.ddl import COLUMNS, Element
from executor.cql.names import TableName
from executor.cql.tokenizer import words
from executor.restore.loading.staging import OperationDirectory, file_in, prepare
from executor.restore.source.batches import Batch

_PLAN, _RESULT = "plan.json", "result.json"


@dataclass(frozen=True)
class Kept:
    """The kept part of a batch: a file of rows, a directory with all of its SSTables, or the reason why there is none.

    `drops` are the moments at which the backup's table lost columns, as `column=microseconds`; `taken_at` is the moment
    of the backup's last snapshot in microseconds.
    """

    number: int
    table: str
    path: str = ""
    why: str = ""
    drops: tuple[str, ...] = ()
    taken_at: int = 0


@dataclass(frozen=True)
class Samples(OperationDirectory):
    """The samples of one restore on one node. Files are written whole or not at all, so that any attempt can resume."""

    name = "restore-samples"

    def plan(self) -> Mapping[str, Any] | None:
        """Return the notes from before the load; None if there are none."""
        return self._read(_PLAN)

    def begin(self, plan: Mapping[str, Any]) -> None:
        """Note what is to be loaded, and remove the samples of another plan."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self._write(_PLAN, plan)

    def path(self, number: int) -> Path:
        """Return the path of a batch's rows: a file or a directory."""
        return self.directory / str(number)

    def keep_files(self, batch: Batch, staged: Path) -> Path:
        """Keep all of a batch's files as hard links, which take no space while the files exist elsewhere."""
        shutil.rmtree(self.path(batch.number), ignore_errors=True)
        names = batch.target
        kept = prepare(self.directory, self.path(batch.number) / names.key_space / names.table)
        for piece in batch.pieces:
            os.link(file_in(staged, piece.name), file_in(kept, piece.name))
        return kept

    def note(self, kept: Kept) -> None:
        """Note what is kept of a batch, once it is written."""
        self._write(f"{kept.number}.json", asdict(kept))

    def has(self, number: int) -> bool:
        """Return whether a batch is noted."""
        return (self.directory / f"{number}.json").exists()

    def all(self) -> Iterator[Kept]:
        """Yield the notes of all batches, in order."""
        for number in sorted(int(path.stem) for path in self.directory.glob("*.json") if path.stem.isdigit()):
            found = self._read(f"{number}.json")
            if found is not None:
                yield Kept(**{**found, "drops": tuple(found["drops"])})

    def result(self) -> Mapping[str, Any] | None:
        """Return the result of the comparison for a repeated attempt; None before its end."""
        return self._read(_RESULT)

    def finish(self, result: Mapping[str, Any]) -> None:
        """Save the result of the comparison and remove the rows."""
        self._write(_RESULT, result)
        for path in self.directory.iterdir():
            if path.name == _RESULT:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def give_up(self) -> None:
        """Remove large files after a cancellation that can be final; the next attempt reports it."""
        for kept in self.all():
            if kept.path and Path(kept.path).is_dir():
                self.note(replace(kept, path="", why="its files were removed when the job was cancelled"))
                shutil.rmtree(self.path(kept.number), ignore_errors=True)

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads((self.directory / name).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return found

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        whole_file.write(self.directory / name, json.dumps(content).encode())


def list_drops(schema: Iterable[Element], table: TableName) -> Sequence[str]:
    """Return the last time at which a table lost each column, by its backup, as `column=microseconds`."""
    times: dict[str, int] = {}
    for element in schema:
        if element.kind != COLUMNS or (element.key_space, element.table) != (table.key_space, table.table):
            continue
        # ALTER TABLE keyspace . table DROP column USING TIMESTAMP microseconds
        found = words(element.text)
        if len(found) > 9 and found[5].says("DROP") and found[8].says("TIMESTAMP"):
            times[str(found[6].name)] = int(found[9].text)
    return [f"{name}={time}" for name, time in sorted(times.items())]
