"""T5: every node gets its own share, and nothing of the backup is left to nobody or given twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.maintenance.job_parameters import IMPORT, STREAM, Loading, choose_loading, gather, share


def checks(**same_as: str | None) -> Mapping[str, Mapping[str, Any]]:
    return {name.replace("_", "-"): {"same_as": found, "bytes": 1} for name, found in same_as.items()}


@pytest.mark.parametrize(
    ("found", "backup", "nodes", "expected"),
    [
        pytest.param(
            checks(node_0="node-0", node_1="node-1"), ["node-0", "node-1"], ["node-0", "node-1"],
            Loading(IMPORT, {"node-0": ("node-0",), "node-1": ("node-1",)}),
            id="the same nodes",
        ),
        pytest.param(
            checks(node_0="b", node_1="a"), ["a", "b"], ["node-0", "node-1"],
            Loading(IMPORT, {"node-0": ("b",), "node-1": ("a",)}),
            id="other names, same tokens (T28)",
        ),
        pytest.param(
            checks(node_0=None, node_1=None), ["node-0", "node-1"], ["node-0", "node-1"],
            Loading(STREAM, {"node-0": ("node-0",), "node-1": ("node-1",)}),
            id="other tokens",
        ),
        pytest.param(
            checks(node_0="node-0"), ["node-0", "node-1", "node-2"], ["node-0"],
            Loading(STREAM, {"node-0": ("node-0", "node-1", "node-2")}),
            id="fewer nodes",
        ),
        pytest.param(
            checks(node_0=None, node_1=None, node_2=None), ["node-0"], ["node-0", "node-1", "node-2"],
            Loading(STREAM, {"node-0": ("node-0",), "node-1": (), "node-2": ()}),
            id="more nodes",
        ),
        pytest.param(
            checks(node_0="node-1", node_1="node-1"), ["node-0", "node-1"], ["node-0", "node-1"],
            Loading(STREAM, {"node-0": ("node-0",), "node-1": ("node-1",)}),
            id="two claim the same one",
        ),
        pytest.param(
            checks(node_0=None, node_1="a"), ["a", "b"], ["node-0", "node-1"],
            Loading(STREAM, {"node-0": ("b",), "node-1": ("a",)}),
            id="one still has its tokens and keeps its data",
        ),
        pytest.param(
            {}, ["node-0"], ["node-0"], Loading(STREAM, {"node-0": ("node-0",)}), id="nothing found: stream",
        ),
        pytest.param(
            checks(node_0="gone"), ["node-0"], ["node-0"], Loading(STREAM, {"node-0": ("node-0",)}),
            id="a name that the backup does not have",
        ),
    ],
)  # fmt: skip
def test_plan(found: Mapping[str, Mapping[str, Any]], backup: list[str], nodes: list[str], expected: Loading) -> None:
    assert choose_loading(found, backup, nodes) == expected


def test_shares_follow_numbers_not_letters() -> None:
    backup = [f"node-{index}" for index in range(11)]
    assert share(backup, ["node-0", "node-1"])["node-0"][:2] == ("node-0", "node-2")
    assert share(backup, ["node-10", "node-2"])["node-2"][0] == "node-0"


NAMES = st.integers(0, 30).map("node-{}".format)


@given(
    backup=st.lists(NAMES, unique=True, max_size=25),
    nodes=st.lists(NAMES, unique=True, min_size=1, max_size=10),
    data=st.data(),
)
def test_everything_is_loaded_once_and_spread(backup: list[str], nodes: list[str], data: st.DataObject) -> None:
    same = data.draw(st.fixed_dictionaries({node: st.sampled_from([None, *backup]) for node in nodes}))
    loading = choose_loading({node: {"same_as": name} for node, name in same.items()}, backup, nodes)
    assert list(loading.sources) == nodes
    assert sorted(name for given in loading.sources.values() for name in given) == sorted(backup)
    if loading.mode == IMPORT:
        assert {node: (name,) for node, name in same.items()} == loading.sources
    sizes = [len(given) for given in share(backup, nodes).values()]
    assert max(sizes) - min(sizes) <= 1
    assert choose_loading({node: {"same_as": name} for node, name in same.items()}, backup, nodes) == loading


def test_what_all_nodes_found_is_put_together_by_table() -> None:
    found = gather(
        [
            {"samples": {"a.t": {"rows": 2, "held": False, "missed": ["x"], "hidden": {"b": 1}}}},
            {"samples": {"a.t": {"rows": 3, "held": True, "missed": ["x", "y"], "hidden": {"b": 2, "c": 1}}}},
            {"samples": {"a.u": {"rows": 1}}},
            {},
        ]
    )
    assert found == {
        "a.t": {"rows": 5, "held": True, "missed": ["x", "y"], "hidden": {"b": 3, "c": 1}},
        "a.u": {"rows": 1},
    }
