"""The state of the ring that a repair needs, read from this node's Cassandra over Jolokia."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError
from executor.repair.plan import KeySpace, RingRange
from executor.repair.tokens import TokenSpace

_TIMEOUT = 60.0
_RANGE = re.compile(r"\[(-?\d+), (-?\d+)\]")
_TABLE = re.compile(r"[:,]scope=([^,]+)")
_PENDING = Attribute("org.apache.cassandra.metrics:type=Compaction,name=PendingTasks", "Value")
_NON_LOCAL = "NonLocalStrategyKeyspaces"
_TOKENS = "TokenToEndpointWithPortMap"
# Tokens of a joining node are in the ring's list from the beginning; only these lists show the end of the join.
_CHANGING = ("JoiningNodesWithPort", "LeavingNodesWithPort", "MovingNodesWithPort")
_STATE = (_TOKENS, "SchemaVersion", "LiveNodesWithPort", "HostIdToEndpointWithPort", "LocalHostId", *_CHANGING)


@dataclass(frozen=True)
class RingState:
    """The ring as this node sees it now; addresses are `address:port` (storage).

    `fingerprint` changes if tokens move between nodes or the schema changes: then the ranges must be planned again.
    """

    fingerprint: str
    own: str
    live: frozenset[str]
    pending_compactions: int


@dataclass(frozen=True)
class Skipped:
    """A keyspace that needs no repair, with the reason."""

    key_space: str
    tables: tuple[str, ...]
    why: str


class Survey:
    """A client of one node. All methods raise JolokiaError."""

    def __init__(self, jolokia: Jolokia) -> None:
        self._jolokia = jolokia

    def state(self) -> RingState:
        """Return the ring's state, with one request."""
        wanted = [*(Attribute(STORAGE_SERVICE, name) for name in _STATE), _PENDING]
        values = self._read(wanted)
        tokens = values[_TOKENS]
        changing = [sorted(map(str, values[name])) for name in _CHANGING]
        own = values["HostIdToEndpointWithPort"].get(values["LocalHostId"])
        if own is None:
            raise JolokiaError(f"Cassandra does not report the address of its own host id {values['LocalHostId']}")
        identity = json.dumps([sorted(tokens.items()), changing, values["SchemaVersion"]])
        return RingState(
            fingerprint=sha256(identity.encode()).hexdigest(),
            own=own,
            live=frozenset(values["LiveNodesWithPort"]),
            pending_compactions=int(values["Value"]),
        )

    def partitioner(self) -> str:
        """Return the partitioner's class."""
        return str(self._read([Attribute(STORAGE_SERVICE, "PartitionerName")])["PartitionerName"])

    def key_spaces(self) -> list[str]:
        """Return all keyspaces whose replication is not local."""
        return sorted(self._read([Attribute(STORAGE_SERVICE, _NON_LOCAL)])[_NON_LOCAL])

    def key_space(
        self, name: str, tables: Sequence[str], space: TokenSpace, own: str, primary: bool
    ) -> KeySpace | Skipped:
        """Return a keyspace with some of its tables and this node's ranges.

        Args:
            name: The keyspace.
            tables: The tables to repair.
            space: The partitioner's tokens.
            own: This node's `address:port`.
            primary: Only the ranges of which this node is the first replica, else all that it has.
        """
        answer = self._jolokia.execute(STORAGE_SERVICE, "getRangeToEndpointWithPortMap", [name], _TIMEOUT)
        if not answer or not isinstance(answer, dict):
            # There would seem to be nothing to repair.
            raise JolokiaError(f"Cassandra does not report the ranges of {name}")
        held = 0
        ranges = []
        for text, replicas in answer.items():
            if own not in replicas:
                continue
            for interval in space.unwrap(*_range(text)):
                held += interval.width
                if len(replicas) > 1 and (replicas[0] == own or not primary):
                    ranges.append(RingRange(interval, tuple(sorted(replicas))))
        if not ranges:
            return Skipped(name, tuple(tables), _why_nothing(answer, own, primary))
        sizes = self._sizes(name)
        return KeySpace(name, tuple((table, sizes.get(table, 0)) for table in tables), tuple(ranges), held)

    def _sizes(self, key_space: str) -> dict[str, int]:
        pattern = f"org.apache.cassandra.metrics:type=Table,keyspace={key_space},scope=*,name=LiveDiskSpaceUsed"
        attribute = Attribute(pattern, "Count")
        # Before the first table has a metric, and after the last one is gone, nothing matches: there is no value.
        found = self._jolokia.read([attribute], _TIMEOUT).get(attribute, {})
        return {match[1]: int(value["Count"]) for name, value in found.items() if (match := _TABLE.search(name))}

    def _read(self, wanted: Sequence[Attribute]) -> Mapping[str, Any]:
        values = {item.name: value for item, value in self._jolokia.read(wanted, _TIMEOUT).items()}
        if missing := [item.name for item in wanted if item.name not in values]:
            raise JolokiaError(f"Cassandra does not report {', '.join(missing)}")
        return values


def _range(text: str) -> tuple[int, int]:
    match = _RANGE.fullmatch(text)
    if match is None:
        raise JolokiaError(f"{text} is not a range of tokens")
    return int(match[1]), int(match[2])


def _why_nothing(ranges: Mapping[str, Sequence[str]], own: str, primary: bool) -> str:
    if all(len(replicas) < 2 for replicas in ranges.values()):
        return "one replica, nothing to compare it with"
    if primary and any(own in replicas for replicas in ranges.values()):
        return "this node is the first replica of no range"
    return "this node has none of its ranges"


def host(endpoint: str) -> str:
    """Return the address of `address:port`, without the brackets of IPv6."""
    return endpoint.rpartition(":")[0].strip("[]")
