"""Files are staged below the staging directory and nowhere else, whatever a manifest names."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from executor.backup.seal.cipher import Unsealer
from executor.cql.names import TableName
from executor.restore.loading.fetcher import Fetcher
from executor.restore.loading.pipeline import Pipeline
from executor.restore.loading.staging import OutsideError, file_in, prepare
from executor.restore.source.batches import Batch, Piece

CONTENT = b"an SSTable"


class Source:
    @contextmanager
    def stream(self, key: str, offset: int) -> Iterator[Iterator[bytes]]:
        yield iter([CONTENT[offset:]])

    def unsealer(self, key: str) -> Unsealer:
        raise AssertionError(key)


def batch(key_space: str, table: str, file: str) -> Batch:
    piece = Piece(file, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), "data/k", len(CONTENT))
    return Batch(0, "node-0", TableName(key_space, table), (piece,))


def stage(staging: Path, wanted: Batch) -> list[Path]:
    loaded = list[Path]()
    fetcher = Fetcher(Source(), lambda size: None, lambda size: None, threading.Event())
    pipeline = Pipeline(staging, 1, fetcher.fetch, lambda: None, fetcher.stopped.set)
    pipeline.run([wanted], lambda _, directory: loaded.extend(directory.iterdir()))
    return loaded


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A live SSTable beside the staging directory."""
    path = tmp_path / "volume" / "data" / "shop" / "users" / "nb-1-big-Data.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"live")
    return path


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    return tmp_path / "volume" / "maintenance" / "restore" / "op"


def test_a_plain_name_is_staged(staging: Path) -> None:
    [loaded] = stage(staging, batch("shop", "users", "nb-1-big-Data.db"))
    assert loaded == staging / "0" / "shop" / "users" / "nb-1-big-Data.db"


@pytest.mark.parametrize(
    ("key_space", "table", "file"),
    [
        pytest.param("shop", "../../../../../data/shop/users", "nb-1-big-Data.db", id="table"),
        pytest.param("../../../../data/shop", "users", "nb-1-big-Data.db", id="key-space"),
        pytest.param("shop", "{live}", "nb-1-big-Data.db", id="absolute-table"),
        pytest.param("shop", "users", "{live}/nb-1-big-Data.db", id="absolute-file"),
        pytest.param("shop", "users", "../../../../../../data/shop/users/nb-1-big-Data.db", id="file"),
        pytest.param("shop", "users", "..", id="dots"),
        pytest.param("shop", "users", ".", id="dot"),
        pytest.param("shop", "users", "", id="empty"),
        pytest.param("shop", "users", "nb-1-big-Data.db\0", id="nul"),
        pytest.param("shop", "us\0ers", "nb-1-big-Data.db", id="nul-in-table"),
        pytest.param("shop", "users", "a/b", id="separator"),
        pytest.param("shop", "users", "n" * 300, id="long"),
        pytest.param("shop", "t" * 300, "nb-1-big-Data.db", id="long-table"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(
    staging: Path, live: Path, key_space: str, table: str, file: str
) -> None:  # fmt: skip
    directory = str(live.parent)
    wanted = batch(key_space, table.format(live=directory), file.format(live=directory))
    with pytest.raises(OSError, match=r"does not lie|no name|NUL|directory|too long"):
        stage(staging, wanted)
    assert live.read_bytes() == b"live"
    assert list(live.parent.iterdir()) == [live]


@pytest.mark.parametrize("link", ["0", "0/shop", "0/shop/users"])
def test_a_link_on_the_way_is_not_followed(staging: Path, live: Path, link: str) -> None:
    path = staging / link
    path.parent.mkdir(parents=True)
    path.symlink_to(live.parent)
    with pytest.raises(OutsideError, match="does not follow links"):
        stage(staging, batch("shop", "users", "nb-1-big-Data.db"))
    assert live.read_bytes() == b"live"


@pytest.mark.parametrize("name", ["nb-1-big-Data.db", "nb-1-big-Data.db.unfinished"])
def test_a_link_in_place_of_a_file_is_replaced(staging: Path, live: Path, name: str) -> None:
    directory = prepare(staging, staging / "0" / "shop" / "users")
    (directory / name).symlink_to(live)
    [loaded] = stage(staging, batch("shop", "users", "nb-1-big-Data.db"))
    assert not loaded.is_symlink()
    assert live.read_bytes() == b"live"


def test_a_directory_in_place_of_a_file_is_refused(staging: Path) -> None:
    directory = prepare(staging, staging / "0" / "shop" / "users")
    (directory / "nb-1-big-Data.db").mkdir()
    with pytest.raises(OutsideError, match="is a directory"):
        file_in(directory, "nb-1-big-Data.db")
