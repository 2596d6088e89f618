"""The replicas that a backup has of the ring's data if nodes are absent from it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from executor.backup.format.manifest import Coverage
from executor.jmx.jolokia import STORAGE_SERVICE, Jolokia
from executor.jobs.context import JobError
from executor.key_spaces import CASSANDRAS_KEY_SPACES
from executor.sentences import by_number

_SECONDS = 60.0
# Each cluster has its own; a restore never takes them from a backup.
_NEVER_RESTORED = CASSANDRAS_KEY_SPACES - {"system_auth"}


def measure(
    jolokia: Jolokia, key_spaces: Iterable[str], present: Collection[str], absent: Collection[str]
) -> dict[str, Coverage]:
    """Return the coverage by keyspace. Raises JolokiaError.

    Args:
        jolokia: A member's Cassandra.
        key_spaces: The keyspaces of the backup.
        present: The addresses of the nodes in the backup.
        absent: The addresses of the nodes that are absent from it.
    """
    found = {}
    for name in sorted(key_spaces):
        ranges = jolokia.execute(STORAGE_SERVICE, "getRangeToEndpointWithPortMap", [name], _SECONDS)
        found[name] = count(ranges, present, absent)
    return found


def count(ranges: Mapping[str, Any], present: Collection[str], absent: Collection[str]) -> Coverage:
    """Return the coverage for the replicas (`address:port`) of each range; other data centers' do not count."""
    fewer = none = 0
    for endpoints in ranges.values():
        hosts = {str(endpoint).rpartition(":")[0].strip("[]") for endpoint in endpoints}
        if hosts & set(absent):
            fewer += bool(hosts & set(present))
            none += not hosts & set(present)
    return Coverage(len(ranges), fewer, none)


def refuse_gaps(step: str, coverage: Mapping[str, Coverage], absent: Iterable[str]) -> None:
    """Raise JobError if a range has no replica in the backup: that would be no backup."""
    gaps = {name: found for name, found in coverage.items() if found.none and name not in _NEVER_RESTORED}
    if gaps:
        named = ", ".join(f"{name} ({found.none} of {found.ranges} ranges)" for name, found in sorted(gaps.items()))
        nodes = ", ".join(sorted(absent, key=by_number))
        text = f"without {nodes} the backup would have no replica of {named}; start them, or leave these keyspaces out"
        raise JobError(step, text, hopeless=True)


def sentence(coverage: Mapping[str, Coverage], absent: Iterable[str]) -> str:
    """Return a sentence about missing replicas; empty if no node is absent."""
    nodes = sorted(absent, key=by_number)
    if not nodes:
        return ""
    fewer = [
        f"{name} ({found.fewer} of {found.ranges} ranges)" for name, found in sorted(coverage.items()) if found.fewer
    ]
    replicas = f"fewer replicas of {', '.join(fewer)}" if fewer else "all replicas of what it holds"
    return f"{', '.join(nodes)} {'are' if len(nodes) > 1 else 'is'} not in it, so it has {replicas}"
