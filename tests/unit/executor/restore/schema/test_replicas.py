"""The bytes that streams leave on each node: replicas in the backup, and here."""

from __future__ import annotations

import pytest

from executor.cql.names import TableName
from executor.restore.schema.replicas import Spread, arriving_bytes, copies, widened
from executor.restore.schema.selection import Selection

T, U = TableName("k", "t"), TableName("k", "u")


def simple(number: int) -> dict[str, str]:
    return {"class": "SimpleStrategy", "replication_factor": str(number)}


SIZES = {T: 600, U: 300}


@pytest.mark.parametrize(
    ("had", "number", "here", "nodes", "expected"),
    [
        pytest.param(3, 1, None, 3, 200, id="the same"),
        pytest.param(3, 3, None, 3, 200, id="the same, with several replicas"),
        pytest.param(3, 1, simple(3), 3, 600, id="more replicas"),
        pytest.param(1, 3, None, 3, 600, id="one node had all replicas that three nodes have"),
        pytest.param(2, 3, None, 3, 300, id="a node more, and a replica"),
        pytest.param(3, 3, None, 6, 100, id="more nodes"),
        pytest.param(3, 3, simple(1), 3, 200, id="fewer replicas: less only after compactions"),
        pytest.param(3, 3, None, 1, 600, id="fewer nodes"),
        pytest.param(3, 1, {"class": "NetworkTopologyStrategy", "a": "2", "b": "1"}, 3, 600, id="data centers"),
    ],
)
def test_what_arrives(had: int, number: int, here: dict[str, str] | None, nodes: int, expected: int) -> None:
    now = Spread({} if here is None else {"k": here}, nodes)
    found = arriving_bytes(Spread({"k": simple(number)}, had), now, Selection({T: T}), SIZES)
    assert found == {"k": expected}


def test_tables_that_go_to_other_keyspaces_count_there() -> None:
    targets = Selection({T: TableName("other", "t"), U: U})
    before, here = {"k": simple(1)}, {"other": simple(2)}
    assert arriving_bytes(Spread(before, 1), Spread(here, 2), targets, SIZES) == {"other": 600, "k": 150}
    assert widened(before, {**here, **before}, targets) == {"other"}


def test_transient_and_unknown_replicas() -> None:
    assert copies({"class": "NetworkTopologyStrategy", "dc1": "3/1"}, 5) == 3
    assert copies({}, 3) == 1
