"""The data that backups are measured with look to a backup like Cassandra's."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bench import backup_data
from executor.backup.upload import compression
from executor.backup.upload.files import SnapshotFile, snapshot_files

_BYTES, _FILES = 6_000_000, 80


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[SnapshotFile]:
    data = tmp_path_factory.mktemp("data")
    backup_data.make(data, _BYTES, _FILES)
    return list(snapshot_files([data], backup_data.TAG))


def test_a_backup_sees_every_file(made: list[SnapshotFile]) -> None:
    assert len(made) == _FILES
    assert sum(file.size for file in made) == pytest.approx(_BYTES, rel=0.1)
    assert len({file.sstable for file in made}) == _FILES // 8
    assert len({file.table for file in made}) > 2


def test_they_are_hard_links(made: list[SnapshotFile]) -> None:
    for file in made:
        live = Path(file.path).parents[2] / file.name
        assert live.samefile(file.path)


def test_no_two_files_are_alike_but_the_lists_of_components(made: list[SnapshotFile]) -> None:
    contents = [hashlib.sha256(Path(file.path).read_bytes()).digest() for file in made if "TOC" not in file.name]
    assert len(set(contents)) == len(contents)


@pytest.mark.parametrize(("component", "smaller"), [("Data.db", False), ("Filter.db", False), ("Index.db", True)])
def test_only_indexes_get_smaller(made: list[SnapshotFile], component: str, smaller: bool) -> None:
    files = [file for file in made if file.name.endswith(f"-{component}") and file.size > 8192]
    assert files
    assert {compression.is_worth_it(file.path, file.size) for file in files} == {smaller}


def test_warming_reads_everything(made: list[SnapshotFile]) -> None:
    assert backup_data.warm([Path(file.path) for file in made]) == sum(file.size for file in made)
