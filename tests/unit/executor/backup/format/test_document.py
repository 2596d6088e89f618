"""What is written is read again, and nothing else is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.backup.format import document, manifest
from executor.backup.format.manifest import (
    ClusterManifest,
    Component,
    KeySpace,
    Member,
    NodeManifest,
    NodeSummary,
    RingMember,
    Schema,
    SSTable,
    Started,
    Table,
    TableFiles,
    TableSummary,
)
from executor.json_codec import DocumentError

MEMBER = Member("h", "127.0.0.1", "dc1", "r1", ("-1", "2"), "5.0.8", "Murmur3", "v1", ("/d1", "/d2"), 12.5)
RING = (RingMember("h", "127.0.0.1", "dc1", "r1", ("-1", "2")),)
ID, SHA = "5a1c395e-b41f-11ee-aaaa-0123456789ab", "e3" * 32
KEY = f"data/c/node-0/{ID}/{SHA}"
NODE = NodeManifest(
    "b", "op", "c", "node-0", MEMBER,
    (TableFiles("ks", "t", ID, (SSTable("nb-1-big", 1, (Component("nb-1-big-A.db", 0, SHA, KEY, 0, "none"),)),)),),
)  # fmt: skip
SCHEMA = Schema("v1", (KeySpace("ks", False, ("CREATE …;",)),), (Table("ks", "t", ID, None),), RING)
CLUSTER = ClusterManifest(
    "b", "op", "c", "name", 1.0, 2.0, "backups/b/schema.json", SHA,
    {"node-0": NodeSummary("backups/b/nodes/node-0.json", SHA, MEMBER, 1, 0)}, (TableSummary("ks", "t", ID, 7, 1, 0),),
    RING, 1, 0, 0,
)  # fmt: skip
STARTED = Started("b", "op", "c", "name", 1.0)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        pytest.param(STARTED, manifest.read_started, id="started"),
        pytest.param(NODE, manifest.read_node, id="node"),
        pytest.param(SCHEMA, manifest.read_schema, id="schema"),
        pytest.param(CLUSTER, manifest.read_cluster, id="cluster"),
    ],
)
def test_round_trip(value: Any, read: Callable[[bytes, str], Any]) -> None:
    data = document.write(value)
    assert read(data, "it") == value
    assert json.loads(data)["version"] == 1


def test_what_lacks_nothing_is_read_by_executors_of_the_version_before() -> None:
    """They refuse unknown fields: those that are new are written where there is anything to say alone."""
    assert not {"left_out", "absent", "coverage"} & json.loads(document.write(CLUSTER)).keys()
    lacking = replace(
        CLUSTER,
        left_out={"ks.late": "why"},
        absent={"node-2": manifest.Absent("10.0.0.3", "why"), "node-3": manifest.Absent(None, "why")},
        coverage={"ks": manifest.Coverage(16, 5, 0)},
    )
    assert manifest.read_cluster(document.write(lacking), "it") == lacking
    assert {"left_out", "absent", "coverage"} <= json.loads(document.write(lacking)).keys()


@given(st.text(), st.floats(min_value=0, max_value=253_402_300_799))
def test_any_text_and_time(text: str, moment: float) -> None:
    started = Started("b", "op", "c", text, moment)
    assert manifest.read_started(document.write(started), "it") == started


def test_sizes_are_of_all_components() -> None:
    parts = tuple(Component(f"nb-1-big-{n}", n, "x", "k", n, "none") for n in (1, 2, 4))
    table = TableFiles("ks", "t", "id", (SSTable("nb-1-big", 0, parts), SSTable("nb-2-big", 0, parts[:1])))
    assert table.bytes == 8
    assert len(table.components) == 4


def _changed(**changes: Any) -> bytes:
    return json.dumps({**json.loads(document.write(STARTED)), **changes}).encode()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(b"{", "is no JSON", id="json"),
        pytest.param(b"\xff", "is no JSON", id="utf-8"),
        pytest.param(b"[]", "is no JSON object", id="object"),
        pytest.param(b"[" * 100_000, "is nested too deep", id="deep"),
        pytest.param(b'{"version":' + b"[" * 900 + b"]" * 900 + b"}", "has version", id="deep-version"),
        pytest.param(b"[" + b"[]," * 1_500_001 + b"[]]", "more than 1500000 values", id="many"),
        pytest.param(b" " * (64 * 1024**2 + 1), "reads at most 67108864", id="large"),
        pytest.param(_changed(cluster_name="\udce9"), "half of a surrogate pair", id="surrogate"),
        pytest.param(_changed(started_at=float("nan")), "NaN is no number", id="nan"),
        pytest.param(_changed(started_at=1).replace(b'"started_at": 1', b'"started_at": 1e400'), "too large", id="inf"),
        pytest.param(b'{"version": 1' + b"0" * 5000 + b"}", "is no JSON", id="digits"),
        pytest.param(_changed(started_at=10**400), "too large", id="integer"),
        pytest.param(_changed(started_at=1e300), "before the year 10000", id="moment"),
        pytest.param(_changed(**{"x" * 100_000: 1}), "^it: unknown field x{282}$", id="field"),
        pytest.param(_changed(version=2), "has version 2", id="newer"),
        pytest.param(_changed(version=None), "has version None", id="no-version"),
        pytest.param(_changed(more=1), "it: unknown field more", id="unknown"),
        pytest.param(b'{"version": 1}', "it: missing field backup_name", id="missing"),
        pytest.param(_changed(operation=1), "it: operation is 1, not a text", id="type"),
        pytest.param(_changed(started_at=True), "it: started_at is True, not a number", id="bool"),
        pytest.param(_changed(started_at="1"), "it: started_at is '1', not a number", id="float"),
    ],
)
def test_what_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        manifest.read_started(data, "it")


def test_what_is_wrong_inside_is_named_with_its_place() -> None:
    content = json.loads(document.write(NODE))
    content["tables"][0]["sstables"][0]["components"][0]["size"] = "0"
    with pytest.raises(
        DocumentError, match=re.escape("it: tables[0].sstables[0].components[0].size is '0', not a whole number")
    ):
        manifest.read_node(json.dumps(content).encode(), "it")
