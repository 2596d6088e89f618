"""What is wrong with the cluster although no plan says so, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from api.sentences import sentence
from scheduler.core.nodes.clocks import wrong_clocks
from scheduler.core.nodes.missing_keys import missing_key_warnings
from scheduler.core.plans.cautions import cautions
from scheduler.core.ring.partitions import partitions
from scheduler.core.ring.racks import foreign_racks
from scheduler.loop.snapshot import Snapshot


def cluster_warnings(found: Snapshot, of_certificates: Sequence[str]) -> list[str]:
    """Return the warnings about a cluster, with those about certificates that the caller has chosen in their place."""
    state = found.state
    return [
        *cautions(state, state.target.spec),
        *missing_key_warnings(state),
        *of_certificates,
        *map(sentence, wrong_clocks(state).values()),
        *map(sentence, partitions(state, found.at)),
        *map(sentence, foreign_racks(state)),
    ]
