"""The list of a bucket's backups takes little memory, whatever its documents hold."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from executor.backup.catalog import Catalog, Entry, light
from executor.backup.format import document, layout
from executor.backup.format.manifest import ClusterManifest
from executor.s3.errors import TooLargeError
from executor.s3.store import Stored

SMALL, LARGE = 1_000, 1_200_000


@dataclass
class Bucket:
    """A location with complete backups: the size of the manifest of each, and as which size it is listed."""

    backups: dict[str, int]
    listed: dict[str, int] = field(default_factory=dict)
    location: str = "s3://b"

    def directories(self, prefix: str, most: int) -> list[str]:
        return list(self.backups)

    def objects(self, prefix: str) -> Iterator[Stored]:
        name = prefix.split("/")[1]
        yield Stored(layout.manifest_key(name), self.listed.get(name, self.backups[name]), 5.0)
        yield Stored(f"{prefix}schema.json", 2 * LARGE, 7.0)

    def get(self, key: str, most: int) -> bytes | None:
        name = key.split("/")[1]
        if key != layout.manifest_key(name):
            return None
        found = ClusterManifest(
            name, "o", "c", "n", 1.0, 2.0, layout.schema_key(name), "a" * 64, {}, (), (), 0, 0, 0,
            left_out={"shop.users": "x" * self.backups[name]},
        )  # fmt: skip
        content = document.write(found)
        if len(content) > most:
            raise TooLargeError(f"{key} has more than {most} bytes")
        return content


def catalog(bucket: Any) -> Catalog:
    return Catalog(bucket)


def test_no_manifest_is_kept() -> None:
    found = list(catalog(Bucket({f"b{number}": SMALL for number in range(20)})).entries(_reference))
    assert len(found) == 20
    assert [reference() for reference in found] == [None] * 20


def _reference(entry: Entry) -> Any:
    assert entry.manifest is not None
    return weakref.ref(entry.manifest)


def test_a_large_manifest_is_read_and_used_alone() -> None:
    own = catalog(Bucket({"small": SMALL, "large": LARGE}))
    assert dict(own.entries(lambda entry: (entry.name, own._large.locked()))) in (
        {"small": False, "large": True},
        {"small": True, "large": True},  # at the same time
    )
    assert dict(catalog(Bucket({"small": SMALL})).entries(lambda entry: (entry.name, entry.changed_at))) == {
        "small": 7.0
    }


def test_a_manifest_that_is_listed_as_a_small_one_is_not_read_as_a_large_one() -> None:
    (found,) = catalog(Bucket({"b": LARGE}, {"b": SMALL})).entries(light)
    assert found.problem == "backups/b/manifest.json has more than 1048576 bytes"


def test_a_light_entry_has_what_a_rule_of_retention_needs() -> None:
    (found,) = catalog(Bucket({"b": SMALL})).entries(light)
    assert found.manifest is not None
    assert (found.manifest.cluster, found.manifest.finished_at, found.manifest.left_out) == ("c", 2.0, {})


@pytest.mark.parametrize("name", ["b", "c"])
def test_one_entry_is_whole(name: str) -> None:
    found = catalog(Bucket({"b": SMALL, "c": LARGE})).entry(name)
    assert found is not None
    assert found.manifest is not None
    assert found.manifest.left_out
