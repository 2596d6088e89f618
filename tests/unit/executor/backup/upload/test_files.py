"""Which files a snapshot consists of, and what is remembered of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from executor.backup.upload.files import Identity, snapshot_directories, snapshot_files, tags
from executor.backup.upload.hashes import HashCache
from tests.unit.executor.backup.volume import TAG, directory, put, sstable, table_id


def test_components_of_all_data_directories_by_exact_names(tmp_path: Path) -> None:
    """T27; and user is not users, backup-op-1 not backup-op-10."""
    one, two = tmp_path / "one", tmp_path / "two"
    put(one, "shop", "user", sstable(1, b"1", Statistics=b""))
    put(two, "shop", "user", sstable(2, b"22"))
    put(two, "shop", "users", {"da-3gqp_0n2s_01qcs2d0z9xe-bti-Data.db": b"333"})
    put(one, "shop", "user", sstable(4, b"4"), tag=f"{TAG}0")
    found = {(str(f.table), f.directory, f.sstable, f.name, f.size) for f in snapshot_files([one, two], TAG)}
    assert found == {
        ("shop.user", 0, "nb-1-big", "nb-1-big-Data.db", 1),
        ("shop.user", 0, "nb-1-big", "nb-1-big-Statistics.db", 0),
        ("shop.user", 1, "nb-2-big", "nb-2-big-Data.db", 2),
        ("shop.users", 1, "da-3gqp_0n2s_01qcs2d0z9xe-bti", "da-3gqp_0n2s_01qcs2d0z9xe-bti-Data.db", 3),
    }
    assert tags([one, two]) == {TAG, f"{TAG}0"}


def test_what_is_no_component(tmp_path: Path) -> None:
    found = put(tmp_path, "shop", "user", {"manifest.json": b"{}", "schema.cql": b"", "nb-1-big": b"", ".hidden": b""})
    (found / ".user_by_name").mkdir()
    (found / ".user_by_name" / "nb-1-big-Data.db").write_bytes(b"index")
    (found / "nb-9-big-Data.db").symlink_to(found / "manifest.json")
    (directory(tmp_path, "shop", "user") / "nb-5-big-Data.db").write_bytes(b"live, not of the snapshot")
    (tmp_path / "shop" / "no-table" / "snapshots" / TAG).mkdir(parents=True)
    (tmp_path / "a-file").write_bytes(b"")
    assert list(snapshot_files([tmp_path], TAG)) == []
    assert [table for table, _, _ in snapshot_directories([tmp_path], TAG)] == [table_id("shop", "user")]


def test_a_data_directory_that_is_not_there(tmp_path: Path) -> None:
    assert list(snapshot_files([tmp_path / "none"], TAG)) == []


def test_components_that_secondary_indexes_of_the_new_kind_have(tmp_path: Path) -> None:
    put(tmp_path, "shop", "user", {"nb-1-big-SAI+aa+by_name+Meta.db": b"m"})
    assert [file.name for file in snapshot_files([tmp_path], TAG)] == ["nb-1-big-SAI+aa+by_name+Meta.db"]


# Hashes.

ONE, TWO = Identity(1, 2, 3, 4), Identity(1, 2, 3, 5)


def test_hashes_are_remembered(tmp_path: Path) -> None:
    path = tmp_path / "hashes"
    with HashCache(path) as hashes:
        assert hashes.get(ONE) is None
        hashes.put(ONE, "a" * 64)
    with HashCache(path) as hashes:
        assert hashes.get(ONE) == "a" * 64
        assert hashes.get(TWO) is None


def test_hashes_of_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "hashes"
    with HashCache(path) as hashes:
        hashes.put(ONE, "a" * 64)
        hashes.put(TWO, "b" * 64)
        hashes.keep([TWO, Identity(9, 9, 9, 9)])
        hashes.put(Identity(7, 7, 7, 7), "c" * 64)
    with HashCache(path) as hashes:
        assert hashes.get(ONE) is None
        assert hashes.get(TWO) == "b" * 64
        assert hashes.get(Identity(7, 7, 7, 7)) == "c" * 64
    assert len(path.read_text().split("\n")) < 6


@pytest.mark.parametrize("kept", range(0, 75, 5))
def test_a_file_that_was_cut_off_anywhere(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "hashes"
    with HashCache(path) as hashes:
        hashes.put(ONE, "a" * 64)
    os.truncate(path, min(kept, path.stat().st_size - 1))
    with HashCache(path) as hashes:
        assert hashes.get(ONE) is None
        hashes.put(TWO, "b" * 64)
    with HashCache(path) as hashes:
        assert hashes.get(ONE) is None
        assert hashes.get(TWO) == "b" * 64


def test_a_file_of_junk(tmp_path: Path) -> None:
    path = tmp_path / "hashes"
    path.write_bytes(b"\xff\x00 junk\n1 2 3 x " + b"a" * 64 + b"\n")
    with HashCache(path) as hashes:
        hashes.put(ONE, "a" * 64)
        assert hashes.get(ONE) == "a" * 64
