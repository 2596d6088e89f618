"""What an operator should know of settings that Cassandra accepts."""

from __future__ import annotations

from scheduler.core.configuration.commit_log import slow_writes
from scheduler.core.ring.logins import warnings
from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.spec import ClusterSpec


def cautions(state: ClusterState, spec: ClusterSpec) -> tuple[str, ...]:
    """Return sentences about these settings in this cluster, whether they are the target's or only asked for."""
    return (*warnings(state, spec), *slow_writes(spec.cassandra.options))
