"""How many replicas a backup has of what the ring holds, when nodes are absent from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from executor.backup.format.manifest import Coverage
from executor.jmx.jolokia import STORAGE_SERVICE, Jolokia
from executor.jobs.context import JobError
from executor.protocol import CASSANDRAS_KEY_SPACES

_SECONDS = 60.0
# Each cluster has its own, and no restore takes them from a backup.
_NEVER_RESTORED = CASSANDRAS_KEY_SPACES - {"system_auth"}


def look(
    jolokia: Jolokia, key_spaces: Iterable[str], present: Collection[str], absent: Collection[str]
) -> dict[str, Coverage]:
    """By key space; `present` and `absent` are nodes' addresses. Raises JolokiaError."""
    found = {}
    for name in sorted(key_spaces):
        ranges = jolokia.execute(STORAGE_SERVICE, "getRangeToEndpointWithPortMap", [name], _SECONDS)
        found[name] = count(ranges, present, absent)
    return found


def count(ranges: Mapping[str, Any], present: Collection[str], absent: Collection[str]) -> Coverage:
    """From the replicas (`address:port`) of each range. Replicas that are no nodes of ours count neither way."""
    fewer = none = 0
    for endpoints in ranges.values():
        hosts = {str(endpoint).rpartition(":")[0].strip("[]") for endpoint in endpoints}
        if hosts & set(absent):
            fewer += bool(hosts & set(present))
            none += not hosts & set(present)
    return Coverage(len(ranges), fewer, none)


def refuse_gaps(step: str, coverage: Mapping[str, Coverage], absent: Iterable[str]) -> None:
    """Raise JobError if there are ranges without any replica in the backup: that is none."""
    gaps = {name: found for name, found in coverage.items() if found.none and name not in _NEVER_RESTORED}
    if gaps:
        named = ", ".join(f"{name} ({found.none} of {found.ranges} ranges)" for name, found in sorted(gaps.items()))
        nodes = ", ".join(sorted(absent))
        text = (
            f"without {nodes} the backup would hold no replica of {named}; bring it back, or leave these key spaces out"
        )
        raise JobError(step, text, hopeless=True)


def told(coverage: Mapping[str, Coverage], absent: Iterable[str]) -> str:
    """A sentence about what is missing; empty if nothing is."""
    nodes = sorted(absent)
    if not nodes:
        return ""
    fewer = [
        f"{name} ({found.fewer} of {found.ranges} ranges)" for name, found in sorted(coverage.items()) if found.fewer
    ]
    replicas = f"fewer replicas of {', '.join(fewer)}" if fewer else "all replicas of what it holds"
    return f"{', '.join(nodes)} {'are' if len(nodes) > 1 else 'is'} not in it, so it has {replicas}"
