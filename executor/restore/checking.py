"""The checks of a restore that are pure: versions, objects, space."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from executor.restore.loading.pipeline import AHEAD_BYTES
from executor.restore.source.batches import Batch, Piece
from executor.restore.source.stored import StoredBackup
from executor.sentences import list_first

# Their keys are long, and of an error the scheduler keeps the end.
_OBJECTS_NAMED = 3


def same_as(backup: StoredBackup, tokens: frozenset[str]) -> str | None:
    """Return the backup's node that had exactly these tokens, under any name; None if there is none."""
    return next((name for name, had in sorted(backup.tokens.items()) if had == tokens), None)


def misfits(backup: StoredBackup, version: str, partitioner: str) -> list[str]:
    """Return the reasons why this Cassandra cannot read the backup's files, a sentence each; empty if it can.

    Args:
        backup: The backup.
        version: This Cassandra's version, such as `5.0.8`.
        partitioner: Its partitioner's class.
    """
    found = []
    if newer := sorted(given for given in backup.versions if _release(given) > _release(version)):
        found.append(f"the backup is of Cassandra {newer[-1]}, whose files {version} cannot read")
    if others := sorted(backup.partitioners - {partitioner}):
        found.append(f"the backup's tokens are of {others[0]}, and this cluster's of {partitioner}")
    return found


def _release(version: str) -> tuple[int, ...]:
    """Return major and minor number: releases that differ in the third number read each other's files."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def missing(pieces: Iterable[Piece], sizes: Mapping[str, int]) -> str | None:
    """Return a sentence about objects that are missing or have another size than in the manifest; None without any."""
    problems: dict[str, str] = {}
    for piece in pieces:
        found = sizes.get(piece.key)
        if piece.size == 0 and found is None:
            continue
        if found is None:
            problems[piece.key] = f"{piece.key} ({piece.name}) is missing"
        elif found != piece.stored_size:
            problems[piece.key] = f"{piece.key} ({piece.name}) has {found} bytes instead of {piece.stored_size}"
    if not problems:
        return None
    named = list(problems.values())[:_OBJECTS_NAMED]
    more = f", and {len(problems) - len(named)} more" if len(problems) > len(named) else ""
    return f"{len(problems)} objects differ from the backup's manifest: {'; '.join(named)}{more}"


def staging_bytes(found: Sequence[Batch]) -> int:
    """Return the most bytes that are staged at once: those fetched ahead, and the batch that is being loaded."""
    total = sum(batch.size for batch in found)
    return min(total, max((batch.size for batch in found), default=0) + AHEAD_BYTES)


def free_bytes(directory: Path) -> int:
    """Return the bytes that an ordinary user can still write there."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def lacks_space(
    imported: Sequence[Batch], streamed: Sequence[Batch], arriving: int, free: int, keeps: bool = False
) -> str | None:
    """Return the reason why the volume is too small, with numbers; None if it is large enough.

    Args:
        imported: The batches that this node takes over in place.
        streamed: The batches that this node fetches and sends to the owners of their rows.
        arriving: The bytes that all nodes' streams leave on this node; see `replicas.arriving_bytes`.
        free: Free bytes.
        keeps: All loaded files stay until they are compared, and take space once they are compacted or streamed.
    """
    data, staged = sum(batch.size for batch in imported) + arriving, staging_bytes(streamed)
    needed, what = data, "for its data"
    if arriving or staged:
        needed, what = data + staged, f"for {amount(data)} of data and {amount(staged)} of files on their way"
    kept = sum(batch.size for batch in (*imported, *streamed)) if keeps else 0
    if kept:
        needed, what = needed + kept, f'{what}, and {amount(kept)} that "compare": "full" keeps until the end'
    if needed <= free:
        return None
    return f"the volume has {amount(free)} free, and the restore needs {amount(needed)} {what}"


def largest(found: Iterable[Batch]) -> str:
    """Return the tables with the most bytes, with their amounts."""
    sizes: dict[str, int] = {}
    for batch in found:
        sizes[str(batch.target)] = sizes.get(str(batch.target), 0) + batch.size
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    return list_first(f"{name} {amount(size)}" for name, size in ordered)


def amount(size: int) -> str:
    """Return bytes as a text, such as `1.5 GiB`."""
    number, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{number:.1f} {unit}"
