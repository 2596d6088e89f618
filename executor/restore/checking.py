"""Whether a restore can succeed: everything that can be known before anything is changed."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from executor.restore.loading.pipeline import AHEAD_BYTES
from executor.restore.source.batches import Batch, Piece
from executor.restore.source.stored import StoredBackup

_NAMED = 5


def same_as(backup: StoredBackup, tokens: frozenset[str]) -> str | None:
    """The backup's node that had exactly these tokens; names do not matter."""
    return next((name for name, had in sorted(backup.tokens.items()) if had == tokens), None)


def misfits(backup: StoredBackup, version: str, partitioner: str) -> list[str]:
    """Why this Cassandra cannot read the backup's files: a sentence each, empty if it can."""
    found = []
    if newer := sorted(given for given in backup.versions if _release(given) > _release(version)):
        found.append(f"the backup is of Cassandra {newer[-1]}, whose files {version} cannot read")
    if others := sorted(backup.partitioners - {partitioner}):
        found.append(f"the backup's tokens are of {others[0]}, and those of this cluster of {partitioner}")
    return found


def _release(version: str) -> tuple[int, ...]:
    """Major and minor number: releases that differ in the third one read each other's files."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def missing(pieces: Iterable[Piece], sizes: Mapping[str, int]) -> str | None:
    """Which objects are not there or of another size than the manifest says; None if all are as they are to be."""
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
    named = list(problems.values())[:_NAMED]
    more = f", and {len(problems) - len(named)} more" if len(problems) > len(named) else ""
    return f"{len(problems)} objects are not as the backup lists them: {'; '.join(named)}{more}"


def staging_bytes(found: Sequence[Batch]) -> int:
    """The most that lies staged at once: what is fetched ahead, and the batch that is being loaded."""
    total = sum(batch.size for batch in found)
    return min(total, max((batch.size for batch in found), default=0) + AHEAD_BYTES)


def free_bytes(directory: Path) -> int:
    """What an ordinary user may still write there."""
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize


def lacks_space(
    imported: Sequence[Batch] | None, streamed: Sequence[Batch], free: int, keeps: bool = False
) -> str | None:
    """Why the volume is too small, with numbers; None if it is not.

    `imported`: what this node takes over, if it has a counterpart; its files are staged and stay. Else `streamed` is
    its even share of the whole, about as much as comes to rest here, and staging comes on top of it. `keeps`: all files
    that it loads stay until they are compared, and take room once they are compacted, or streamed away.
    """
    if imported is not None:
        needed, what = sum(batch.size for batch in imported), "for its data"
        kept = needed if keeps else 0
    else:
        share = sum(batch.size for batch in streamed)
        staged = staging_bytes(streamed)
        needed, what = share + staged, f"for {amount(share)} of data and {amount(staged)} of files on their way"
        kept = share if keeps else 0
    if kept:
        needed, what = needed + kept, f'{what}, and {amount(kept)} that "compare": "full" keeps until the end'
    if needed <= free:
        return None
    return f"the volume has {amount(free)} free, and the restore needs {amount(needed)} {what}"


def largest(found: Iterable[Batch]) -> str:
    """The tables that take most of it, with their amounts."""
    sizes: dict[str, int] = {}
    for batch in found:
        sizes[str(batch.target)] = sizes.get(str(batch.target), 0) + batch.size
    ordered = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
    more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
    return ", ".join(f"{name} {amount(size)}" for name, size in ordered[:_NAMED]) + more


def amount(size: int) -> str:
    """Bytes for people."""
    number, unit = float(size), "bytes"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 1024:
            break
        number, unit = number / 1024, larger
    return f"{size} bytes" if unit == "bytes" else f"{number:.1f} {unit}"
