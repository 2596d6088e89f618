"""Files that are whole or not there."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from executor import whole_file


@pytest.mark.parametrize("before", [None, b"old"])
def test_the_content_and_the_mode_are_the_new_ones_and_nothing_else_is_left(
    tmp_path: Path, before: bytes | None
) -> None:
    path = tmp_path / "notes.json"
    if before is not None:
        path.write_bytes(before)
    (tmp_path / "notes.json.new").write_bytes(b"of a writer that was killed")
    whole_file.write(path, b"new", 0o600)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_keeps_what_it_opened(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    whole_file.write(path, b"old")
    with path.open("rb") as reader:
        whole_file.write(path, b"new")
        assert reader.read() == b"old"


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "notes.json"
    whole_file.write(path, b"old")
    (tmp_path / "notes.json.new").mkdir()
    with pytest.raises(OSError, match=r"notes\.json\.new"):
        whole_file.write(path, b"new")
    assert path.read_bytes() == b"old"
