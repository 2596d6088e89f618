"""What is wrong with the cluster although no plan says so, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from api.sentences import sentence
from scheduler.core.plans.warnings import warnings_by_subject
from scheduler.loop.snapshot import Snapshot

# Before those about certificates, and sentences already.
_FIRST = ("settings", "keys")


def cluster_warnings(found: Snapshot, of_certificates: Sequence[str]) -> list[str]:
    """Return the warnings about a cluster, with those about certificates that the caller has chosen in their place."""
    warnings = warnings_by_subject(found.state, found.at)
    first = [text for about in _FIRST for text in warnings[about]]
    others = [sentence(text) for about, texts in warnings.items() if about not in _FIRST for text in texts]
    return [*first, *of_certificates, *others]
