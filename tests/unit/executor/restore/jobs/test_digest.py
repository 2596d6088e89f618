"""What a node keeps of its comparison: as much as a record in ZooKeeper can hold, whatever Cassandra says."""

from __future__ import annotations

import json
from typing import Any

from executor.restore.jobs.digest import add


def test_the_findings_of_a_table_are_added() -> None:
    own: dict[str, Any] = {"rows": 3}
    add(own, {"rows": 2, "missing": 1, "older": 0, "hidden": {"a": 2}, "unread": {"too many tombstones": 1}})
    add(own, {"rows": 1, "hidden": {"a": 1, "b": 1}, "unread": {"too many tombstones": 4}})
    assert own == {"rows": 6, "missing": 1, "hidden": {"a": 3, "b": 1}, "unread": {"too many tombstones": 5}}


def test_many_reasons_leave_room_for_the_other_tables() -> None:
    own: dict[str, Any] = {"rows": 0}
    for number in range(500):
        add(own, {"unread": {f"10.0.0.1:7000: {number} {'x' * 1000}": 1}, "hidden": {f"c{number}{'y' * 1000}": 2}})
    assert (sum(own["unread"].values()), sum(own["hidden"].values())) == (500, 1000)
    assert own["unread"]["other reasons"] == 490
    assert own["hidden"]["other columns"] == 980
    assert len(json.dumps(own)) < 5000
