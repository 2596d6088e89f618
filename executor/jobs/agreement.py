"""Schema agreement of all nodes, as this node's Cassandra sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from executor.jmx.jolokia import Attribute, Jolokia, JolokiaError
from executor.jobs.context import JobError

_SECONDS = 60.0
_POLL_SECONDS = 0.5
_JMX_SECONDS = 30.0
_VERSIONS = Attribute("org.apache.cassandra.db:type=StorageProxy", "SchemaVersions")
_UNREACHABLE = "UNREACHABLE"


def wait_for_agreement(jolokia: Jolokia, wait: Callable[[float], None]) -> None:
    """Wait until all reachable nodes have one schema. Raises JobError after a minute, with the nodes that differ."""
    for _ in range(int(_SECONDS / _POLL_SECONDS)):
        versions = schema_versions(jolokia)
        reachable = {version: hosts for version, hosts in versions.items() if version != _UNREACHABLE}
        if len(reachable) == 1:
            return
        wait(_POLL_SECONDS)
    listed = "; ".join(f"{version}: {', '.join(hosts)}" for version, hosts in sorted(reachable.items()))
    text = f"the nodes still differ after {_SECONDS:.0f} s: {listed}; restart those with an old version"
    raise JobError("schema agreement", text)


def schema_versions(jolokia: Jolokia) -> Mapping[str, list[str]]:
    """Return the nodes by schema version; unreachable ones are under UNREACHABLE. Raises JobError."""
    try:
        found = jolokia.read([_VERSIONS], _JMX_SECONDS).get(_VERSIONS)
    except JolokiaError as error:
        raise JobError("schema agreement", str(error)) from error
    if not isinstance(found, dict):
        raise JobError("schema agreement", "Cassandra does not report the schema versions of its nodes")
    return found
