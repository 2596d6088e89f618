"""Which backups a rule of retention keeps."""

from __future__ import annotations

import pytest

from executor.backup.catalog import Entry
from executor.backup.format.manifest import ClusterManifest, Started
from executor.backup.removal import find_outdated
from executor.retention import ABANDONED_SECONDS

DAY = 86_400.0
NOW = 100 * DAY


def _complete(name: str, days: float, cluster: str = "c") -> Entry:
    at = NOW - days * DAY
    whole = ClusterManifest(name, "op", cluster, "n", at - 1, at, "k", "s", {}, (), (), 0, 0, 0)
    return Entry(name, Started(name, "op", cluster, "n", at - 1), whole, at)


def _unfinished(name: str, age: float, cluster: str = "c") -> Entry:
    return Entry(name, Started(name, "op", cluster, "n", 0.0), None, NOW - age)


ENTRIES = [
    _complete("four", 4),
    _complete("none", 0),
    _complete("two", 2),
    _complete("theirs", 50, "c2"),
    _unfinished("running", ABANDONED_SECONDS - 1),
    _unfinished("given-up", ABANDONED_SECONDS + 1),
    _unfinished("their-given-up", ABANDONED_SECONDS + 1, "c2"),
    Entry("unreadable", None, None, 0.0, "damaged"),
    Entry("left over", None, None, 0.0),
]


@pytest.mark.parametrize(
    ("keep_last", "keep_days", "removed"),
    [
        (2, None, {"four"}),
        (9, None, set()),
        (1, None, {"four", "two"}),
        (0, None, {"four", "two", "none"}),
        (None, 1, {"four", "two"}),
        (None, 2, {"four"}),
        (None, 0, {"four", "two"}),
        (1, 3, {"four"}),
        (2, 1, {"four"}),
        (3, 0, set()),
    ],
)
def test_of_two_rules_one_is_enough_to_be_kept(
    keep_last: int | None, keep_days: float | None, removed: set[str]
) -> None:
    found = find_outdated(ENTRIES, "c", NOW, keep_last, keep_days)
    assert {entry.name for entry in found} == removed | {"given-up"}
