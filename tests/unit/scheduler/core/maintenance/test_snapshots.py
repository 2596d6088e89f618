"""How the snapshots of a backup are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from scheduler.core.maintenance.snapshots import MEANWHILE, Compared, compare_schemas

BOTH = {"shop": "r1", "shop.users": "i1.c1"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param(BOTH, BOTH, Compared(BOTH), id="alike"),
        pytest.param(BOTH, {**BOTH, "shop.new": "i2"}, Compared(BOTH, {"shop.new": MEANWHILE}), id="created"),
        pytest.param({**BOTH, "shop.old": "i2"}, BOTH, Compared(BOTH, {"shop.old": MEANWHILE}), id="dropped"),
        pytest.param(
            BOTH,
            {},
            Compared({}, {"shop": MEANWHILE, "shop.users": MEANWHILE}),
            id="a whole key space",
        ),
        pytest.param(
            BOTH,
            {"shop": "r1", "shop.users": "i1.c2"},
            Compared({"shop": "r1"}, {}, {"shop.users": {"i1.c1": ("node-0",), "i1.c2": ("node-1",)}}),
            id="altered",
        ),
        pytest.param(None, BOTH, None, id="an executor of the version before"),
    ],
)
def test_schemas_of_snapshots(
    one: Mapping[str, str] | None, other: Mapping[str, str], expected: Compared | None
) -> None:
    found: dict[str, Mapping[str, Any]] = {
        "node-0": {} if one is None else {"schema": one},
        "node-1": {"schema": other},
    }
    assert compare_schemas(found) == expected


def test_schemas_of_executors_that_compute_digests_in_other_ways() -> None:
    old, new = {"schema": BOTH}, {"schema": BOTH, "schema_rules": 2}
    assert compare_schemas({"node-0": old, "node-1": new}) is None
    assert compare_schemas({"node-0": new, "node-1": new}) == Compared(BOTH, rules=2)


def test_no_snapshot_at_all() -> None:
    assert compare_schemas({}) is None
