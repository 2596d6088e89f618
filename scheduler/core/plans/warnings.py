"""What is wrong with the cluster although no plan says so, by what it is about. Certificates are told elsewhere."""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.core.nodes.clocks import wrong_clocks
from scheduler.core.nodes.missing_keys import missing_key_warnings
from scheduler.core.plans.cautions import cautions
from scheduler.core.ring.partitions import partitions
from scheduler.core.ring.racks import foreign_racks
from scheduler.core.state.cluster import ClusterState


def warnings_by_subject(state: ClusterState, now: float) -> Mapping[str, tuple[str, ...]]:
    """Return the texts of all warnings at `now`, in seconds since the epoch; a subject without any has none."""
    return {
        "settings": cautions(state, state.target.spec),
        "keys": missing_key_warnings(state),
        "clocks": tuple(wrong_clocks(state).values()),
        "partitions": partitions(state, now),
        "racks": foreign_racks(state),
    }
