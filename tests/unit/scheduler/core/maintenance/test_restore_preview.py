"""The dry run of a restore, from what the nodes say."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.core.maintenance.restore_preview import preview

NODES = ("node-0", "node-1")
PROBLEM = {"kind": "schema", "where": "view k.v", "why": "views are switched off", "help": ""}


def answer(index: int, **changes: Any) -> dict[str, Any]:
    """What a node of the same ring as the backup's says, whose share is the node of its own number."""
    return {
        "problems": [],
        "untried": "",
        "creates": [{"kind": "table", "name": "k.new"}, {"kind": "index", "name": "k.by_v"}],
        "builds": [{"kind": "index", "name": "k.by_v"}],
        "targets": {"k.old": "k.new", "k.t": "k.t", "k.none": "k.none"},
        "rows": {"k.new": 5, "k.t": None, "k.none": 0},
        "left_out": ["k.other"],
        "same_as": f"node-{index}",
        "free_bytes": 1000 + index,
        "sources": {f"node-{index}": 100 * (index + 1)},
        "tables": {"k.new": {"bytes": 60, "sstables": 2}, "k.t": {"bytes": 40, "sstables": 1}},
        "living": {"k.t": index == 1, "k.none": False},
        **changes,
    }


def of(answers: dict[str, Any], throttle: int = 10, at_once: int = 0, refusals: tuple[str, ...] = ()) -> Any:
    return preview(answers, NODES, throttle, at_once, refusals)


BOTH = {"node-0": answer(0), "node-1": answer(1)}


def test_what_will_happen() -> None:
    found = of(BOTH)
    assert (found["possible"], found["problems"], found["mode"], found["bytes"]) == (True, [], "import", 300)
    assert found["tables"] == [
        {
            "from": "k.old", "to": "k.new", "what": "create", "has_data": False, "how": "imported as files",
            "bytes": 120, "sstables": 4, "rows": 5,
        },
        {
            "from": "k.t", "to": "k.t", "what": "load into existing", "has_data": True, "how": "imported as files",
            "bytes": 80, "sstables": 2, "rows": None,
        },
        {
            "from": "k.none", "to": "k.none", "what": "load into existing", "has_data": False,
            "how": "nothing to load", "bytes": 0, "sstables": 0, "rows": 0,
        },
    ]  # fmt: skip
    assert found["creates"] == {"table": ["k.new"], "index": ["k.by_v"]}
    assert found["builds"] == {"index": ["k.by_v"]}
    assert found["left_out"] == ["k.other"]
    assert found["nodes"]["node-1"] == {"loads": ["node-1"], "bytes": 200, "free_bytes": 1001, "same_as": "node-1"}
    assert found["tables_more"] == 0


@pytest.mark.parametrize(
    ("throttle", "at_once", "seconds"),
    [
        pytest.param(10, 0, 20, id="the node with the most"),
        pytest.param(10, 1, 30, id="one after the other"),
        pytest.param(7, 2, 29, id="rounded up"),
        pytest.param(0, 0, None, id="no throttle"),
    ],
)
def test_how_long_the_throttle_makes_it(throttle: int, at_once: int, seconds: int | None) -> None:
    assert of(BOTH, throttle, at_once)["seconds_at_throttle"] == seconds


def test_a_throttle_counts_the_bytes_of_objects() -> None:
    answers = {"node-0": answer(0, stored={"node-0": 50}), "node-1": answer(1, stored={"node-1": 60})}
    found = of(answers)
    assert (found["bytes"], found["seconds_at_throttle"]) == (300, 6)


def test_keyspaces_with_another_replication_are_streamed() -> None:
    found = of({"node-0": answer(0, streamed=["k"]), "node-1": answer(1)})
    assert (found["mode"], [table["how"] for table in found["tables"]]) == (
        "import",
        ["streamed", "streamed", "nothing to load"],
    )


def test_what_stays_as_it_is_and_what_is_not_created() -> None:
    changed = [{"kind": "index", "name": "k.i"}, {"kind": "view", "name": "k.v"}]
    found = of({"node-0": answer(0, changed=changed, views_left_out=["view k.w: why"]), "node-1": answer(1)})
    assert found["changed"] == {"index": ["k.i"], "view": ["k.v"]}
    assert (found["views_left_out"], found["possible"]) == (["view k.w: why"], True)
    assert (of(BOTH)["changed"], of(BOTH)["views_left_out"]) == ({}, [])


def test_other_tokens_are_streamed() -> None:
    found = of({"node-0": answer(0), "node-1": answer(1, same_as=None)})
    assert (found["mode"], found["tables"][0]["how"]) == ("stream", "streamed")


def test_each_problem_is_told_once_with_the_nodes_that_told_of_it() -> None:
    space = {"kind": "space", "where": "node-1", "why": "too small", "help": "make room"}
    # Two steps of one check can report the same.
    found = of({"node-0": answer(0, problems=[PROBLEM, PROBLEM]), "node-1": answer(1, problems=[PROBLEM, space])})
    assert found["possible"] is False
    assert found["problems"] == [{**PROBLEM, "nodes": ["node-0", "node-1"]}, {**space, "nodes": ["node-1"]}]
    assert len(found["tables"]) == 3


def test_a_node_that_says_nothing_is_a_problem() -> None:
    found = of({"node-0": answer(0), "node-1": "node-1 does not run"})
    (problem,) = found["problems"]
    assert (problem["where"], problem["why"], found["possible"]) == ("node-1", "node-1 does not run", False)
    assert found["nodes"]["node-1"]["free_bytes"] is None


def test_nodes_that_could_not_look() -> None:
    found = of({"node-0": {"problems": [PROBLEM]}, "node-1": "silent"}, refusals=("No key.",))
    assert [problem["why"] for problem in found["problems"]] == ["silent", "No key.", PROBLEM["why"]]
    assert (found["mode"], found["tables"], found["bytes"]) == (None, [], 0)


@pytest.mark.parametrize(("words", "expected"), [((True, None), True), ((None, False), None), ((False, False), False)])
def test_whether_a_table_has_data(words: tuple[bool | None, bool | None], expected: bool | None) -> None:
    found = of({f"node-{index}": answer(index, living={"k.t": word}) for index, word in enumerate(words)})
    assert found["tables"][1]["has_data"] is expected


def test_what_was_not_tried_is_told() -> None:
    found = of({"node-0": answer(0, untried="not tried"), "node-1": answer(1)})
    assert (found["untried"], found["possible"]) == (["not tried"], True)
