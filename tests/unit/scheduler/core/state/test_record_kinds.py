"""The kinds of records and the fields of the state agree: one declaration for each."""

from __future__ import annotations

from dataclasses import fields

import pytest

from scheduler.core.state.cluster import Records
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.record_kinds import (
    COLLECTIONS,
    KINDS_OF_RECORDS,
    FrameworkId,
    collection_of,
    kind_at,
    path_of,
)

SINGLE_FIELDS = {
    "framework_id", "cluster_id", "previous", "overrides", "released", "uninstall", "authority", "logins",
}  # fmt: skip


def test_each_collection_is_a_field_of_the_records() -> None:
    assert {kind.attribute for kind in COLLECTIONS} | SINGLE_FIELDS == {item.name for item in fields(Records)}


def test_each_type_has_one_kind() -> None:
    assert len({kind.type for kind in KINDS_OF_RECORDS}) == len(KINDS_OF_RECORDS)


def test_a_record_lies_where_its_kind_belongs() -> None:
    assert path_of(NodeRecord(7)) == "nodes/node-7"
    assert kind_at("nodes/node-7") is collection_of(NodeRecord(7))


def test_what_there_is_one_of_is_in_no_collection() -> None:
    with pytest.raises(TypeError, match="there is only one FrameworkId"):
        collection_of(FrameworkId("f"))
