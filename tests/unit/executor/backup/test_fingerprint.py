"""Fingerprints of a schema that must fit into a job's result."""

from __future__ import annotations

import json

from executor.backup import fingerprint
from executor.jobs.runner import RESULT_BYTES


def _schema(tables: int) -> dict[str, str]:
    names = ("orders", "shop", *(f"orders.table_{number}" for number in range(tables)), "shop.users")
    return {name: f"c{index:08x}.i{index:08x}.x{index:08x}" for index, name in enumerate(names)}


def test_a_small_schema_has_a_fingerprint_for_each_table() -> None:
    assert fingerprint.short(_schema(200)) == _schema(200)


def test_a_long_schema_has_one_for_its_largest_keyspace_and_fits_into_a_result() -> None:
    found = _schema(2000)
    short = fingerprint.short(found)
    assert sorted(short) == ["orders", "shop", "shop.users"]
    assert short["shop.users"] == found["shop.users"]
    assert len(json.dumps(short)) < fingerprint.MOST_BYTES < RESULT_BYTES


def test_a_change_in_the_largest_keyspace_shows_there_alone() -> None:
    found = _schema(2000)
    before = fingerprint.short(found)
    after = fingerprint.short_like(before, {**found, "orders.table_7": "c0", "shop.new": "c1"})
    assert fingerprint.changes(before, after) == (["orders"], ["shop.new"], [])
    assert fingerprint.change(before["orders"], after["orders"]) == "its tables"


def test_a_schema_that_outgrows_a_result_meanwhile_is_compared_as_before() -> None:
    found = _schema(200)
    assert fingerprint.short_like(fingerprint.short(found), _schema(2000)) == _schema(2000)
