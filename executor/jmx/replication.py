"""The replication of the keyspaces, as far as the outage of a whole rack depends on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from executor.jmx.jolokia import STORAGE_SERVICE, Attribute, Jolokia, JolokiaError

AUTH = "system_auth"
# Three replicas by default, of the repair history and of traces: no data of users.
UNIMPORTANT = frozenset({"system_distributed", "system_traces"})
_KEY_SPACES = Attribute(STORAGE_SERVICE, "NonLocalStrategyKeyspaces")
_TEXT = re.compile(r"(\w+) \{(.*)\}")
_OPTION = re.compile(r"([^\s,=]+)=([^\s,=]+)")


@dataclass(frozen=True)
class Replication:
    """The replication as one data center has it.

    `most_replicas` is the largest number of replicas of a range. `disregards_racks` are the keyspaces that can have
    several replicas of a range in one rack, however many racks there are. `auth_replicas` is the number for logins and
    permissions, if known.
    """

    most_replicas: int
    disregards_racks: tuple[str, ...]
    auth_replicas: int | None = None


def survey(jolokia: Jolokia, data_center: str, timeout: float) -> Replication:
    """Read the replication of all keyspaces with data of users. Raises JolokiaError."""
    found = jolokia.read([_KEY_SPACES], timeout).get(_KEY_SPACES)
    if not isinstance(found, list):
        raise JolokiaError("Cassandra does not report its keyspaces")
    names = sorted(set(found) - UNIMPORTANT)
    texts = jolokia.execute_each(STORAGE_SERVICE, "getKeyspaceReplicationInfo", names, timeout)
    return summary(dict(zip(names, texts, strict=True)), data_center)


def summary(key_spaces: Mapping[str, str], data_center: str) -> Replication:
    """Summarise Cassandra's descriptions of keyspaces, such as `NetworkTopologyStrategy {dc1=3}`.

    Args:
        key_spaces: The description by keyspace.
        data_center: The data center whose replicas count.

    Raises:
        JolokiaError: A description has another form.
    """
    most, disregarding, auth = 1, [], None
    for name, text in key_spaces.items():
        found = _TEXT.fullmatch(text)
        if found is None:
            raise JolokiaError(f"the replication of keyspace {name} cannot be read: {text}")
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
            raise JolokiaError(f"the replication of keyspace {name} cannot be read: {text}") from error
    return Replication(most, tuple(disregarding), auth)


def _number(factor: str) -> int:
    """Return the replicas of a replication factor; transient replicas follow a slash, as in `3/1`."""
    return int(factor.partition("/")[0])
