"""Locations and keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from executor.backup.format import layout
from executor.backup.format.layout import LayoutError
from executor.s3.location import Location, LocationError, parse

ID = "5bc52802-de25-35ed-aeab-188eecebb090"
SHA = "ab" * 32


@pytest.mark.parametrize(
    ("content", "expected", "shown"),
    [
        pytest.param({"external_location": "s3://b"}, Location("b"), "s3://b", id="bucket"),
        pytest.param({"external_location": "s3://b/p/q/"}, Location("b", "p/q/"), "s3://b/p/q", id="prefix"),
        pytest.param(
            {"external_location": "s3://b/p", "endpoint": "http://h:1", "path_style": True, "region": "eu-1"},
            Location("b", "p/", "http://h:1", "eu-1", True),
            "http://h:1/b/p",
            id="endpoint",
        ),
        pytest.param(
            {"external_location": "https://h:9000/b", "tls_ca": "PEM"},
            Location("b", "", "https://h:9000", None, True, "PEM"),
            "https://h:9000/b",
            id="https",
        ),
        pytest.param(
            {"external_location": "http://h/b/p"}, Location("b", "p/", "http://h", None, True), "http://h/b/p"
        ),
    ],
)
def test_locations(content: dict[str, Any], expected: Location, shown: str) -> None:
    assert parse(content) == expected
    assert str(expected) == shown


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"external_location": ""},
        {"external_location": "ftp://h/b"},
        {"external_location": "s3://"},
        {"external_location": "http://h"},
        {"external_location": "http://user:secret@h/b"},
        {"external_location": "s3://b//p"},
        {"external_location": "s3://b/../p"},
        {"external_location": "s3://b/p?x"},
        {"external_location": "http://h/b", "endpoint": "http://other"},
        {"external_location": "s3://b", "region": 3},
    ],
)
def test_what_is_no_location(content: dict[str, Any]) -> None:
    with pytest.raises(LocationError):
        parse(content)


def test_a_location_does_not_show_its_certificates() -> None:
    assert "PEM" not in repr(Location("b", authority="PEM"))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (layout.started_key("b1"), "backups/b1/started.json"),
        (layout.schema_key("b1"), "backups/b1/schema.json"),
        (layout.node_key("b1", "node-0"), "backups/b1/nodes/node-0.json"),
        (layout.manifest_key("b1"), "backups/b1/manifest.json"),
        (layout.data_prefix("c", "node-1") + layout.data_name(ID, SHA, "none"), f"data/c/node-1/{ID}/{SHA}"),
        (layout.data_prefix("c", "node-1") + layout.data_name(ID, SHA, "zstd"), f"data/c/node-1/{ID}/{SHA}.zst"),
        (layout.sweep_key("op"), "sweeps/op.json"),
    ],
)
def test_keys(key: str, expected: str) -> None:
    assert key == expected


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        *((key("b"), True) for key in (layout.started_key, layout.schema_key, layout.roles_key, layout.moments_key)),
        *((key("b"), True) for key in (layout.signature_key, layout.manifest_key)),
        (layout.node_key("b", "node-10"), True),
        (layout.manifest_key("b2"), False),
        ("backups/b/other.json", False),
        ("backups/b/nodes/started.json", False),
        ("backups/b/nodes/node-1.json/x", False),
        ("backups/b/backups/b/started.json", False),
        (f"backups/b/data/c/node-1/{ID}/{SHA}", False),
    ],
)
def test_what_is_a_document_of_a_backup(key: str, is_one: bool) -> None:
    assert layout.is_document("b", key) is is_one


@pytest.mark.parametrize(
    ("key", "is_one"),
    [
        *((f"data/c/node-1/{layout.data_name(ID, SHA, how, sealed)}", True) for how in ("none", "zstd")
          for sealed in (False, True)),
        (f"data/c2/node-1/{ID}/{SHA}", False),
        (f"data/c/node-1/{ID}/{SHA}/x", False),
        (f"data/c/data/{ID}/node-1/{ID}/{SHA}", False),
        ("data/c/backups/b/started.json", False),
        ("data/c/node-1/x", False),
    ],
)  # fmt: skip
def test_what_is_the_content_of_a_file(key: str, is_one: bool) -> None:
    assert layout.is_content("c", key) is is_one


def test_no_prefix_is_the_beginning_of_another() -> None:
    for prefix, other in [
        (layout.data_prefix("c", "node-1"), layout.data_prefix("c", "node-10")),
        (layout.cluster_prefix("c"), layout.cluster_prefix("c2")),
        (layout.backup_prefix("day"), layout.backup_prefix("day-2")),
    ]:
        assert not other.startswith(prefix)


@pytest.mark.parametrize("make", [layout.backup_prefix, layout.cluster_prefix, layout.sweep_key])
@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "-a", ".a", "a b", "ä", "a\n", "x" * 129])
def test_names_that_cannot_be_in_a_key(make: Callable[[str], str], name: str) -> None:
    with pytest.raises(LayoutError):
        make(name)


@pytest.mark.parametrize(
    ("table", "sha"), [("x", SHA), (ID.upper(), SHA), (ID, "x"), (ID, SHA.upper()), (ID, SHA + "0")]
)
def test_contents_that_cannot_be_in_a_key(table: str, sha: str) -> None:
    with pytest.raises(LayoutError):
        layout.data_name(table, sha, "none")
