"""How the key spaces are replicated, as far as it matters for a whole rack that is away."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError

AUTH = "system_auth"
# Three replicas by default, of repairs' history and of traces: no data of anybody's.
UNIMPORTANT = frozenset({"system_distributed", "system_traces"})
_KEY_SPACES = Attribute(STORAGE_SERVICE, "NonLocalStrategyKeyspaces")
_TEXT = re.compile(r"(\w+) \{(.*)\}")
_OPTION = re.compile(r"([^\s,=]+)=([^\s,=]+)")


@dataclass(frozen=True)
class Replication:
    """`most_replicas` of a range in this data center; `disregards_racks`: the key spaces that may have several of a
    range in one rack, however many racks there are; `auth_replicas`: of logins and permissions, if that is known."""

    most_replicas: int
    disregards_racks: tuple[str, ...]
    auth_replicas: int | None = None


def survey(jolokia: Jolokia, data_center: str, timeout: float) -> Replication:
    """Of all key spaces that hold anybody's data. Raises JolokiaError."""
    found = jolokia.read([_KEY_SPACES], timeout).get(_KEY_SPACES)
    if not isinstance(found, list):
        raise JolokiaError("Cassandra does not tell its key spaces")
    names = sorted(set(found) - UNIMPORTANT)
    texts = jolokia.execute_each(STORAGE_SERVICE, "getKeyspaceReplicationInfo", names, timeout)
    return summary(dict(zip(names, texts, strict=True)), data_center)


def summary(key_spaces: Mapping[str, str], data_center: str) -> Replication:
    """Of what Cassandra says of each: `NetworkTopologyStrategy {dc1=3}`. Raises JolokiaError for another form."""
    most, disregarding, auth = 1, [], None
    for name, text in key_spaces.items():
        found = _TEXT.fullmatch(text)
        if found is None:
            raise JolokiaError(f"the replication of {name} is not understood: {text}")
        strategy, options = found[1], dict(_OPTION.findall(found[2]))
        try:
            replicas: int | None = None
            if strategy == "NetworkTopologyStrategy":
                replicas = _number(options.get(data_center, "0"))
                most = max(most, replicas)
            elif strategy == "SimpleStrategy":
                replicas = _number(options["replication_factor"])
            if strategy != "NetworkTopologyStrategy" and replicas != 1:
                disregarding.append(name)
            if name == AUTH:
                auth = replicas
        except (KeyError, ValueError) as error:
            raise JolokiaError(f"the replication of {name} is not understood: {text}") from error
    return Replication(most, tuple(disregarding), auth)


def _number(factor: str) -> int:
    """Of a replication factor, whose part behind a slash are transient replicas."""
    return int(factor.partition("/")[0])
