from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from executor.cql.names import TableName
from executor.restore.loading.pipeline import Pipeline
from executor.restore.source.batches import Batch, DamagedBackupError, Piece, is_wanted, plan, sstable

T, U = TableName("a", "t"), TableName("a", "u")
NEW = TableName("b", "t2")
COMPONENTS = ("Data.db", "Index.db", "Statistics.db", "TOC.txt")


def pieces(*names: str, size: int = 10) -> list[Piece]:
    return [Piece(name, size, "0" * 64, f"data/{name}", size) for name in names]


def whole(*sstables: str, size: int = 10) -> list[Piece]:
    return pieces(*(f"{name}-{part}" for name in sstables for part in COMPONENTS), size=size)


@pytest.mark.parametrize(
    ("name", "expected", "wanted"),
    [
        ("nb-1-big-Data.db", "nb-1-big", True),
        ("nb-10-big-CompressionInfo.db", "nb-10-big", True),
        ("nb-3gik_0d7o_1ir7k2e2ys1hvtb2rv-big-Digest.crc32", "nb-3gik_0d7o_1ir7k2e2ys1hvtb2rv-big", True),
        ("da-3-bti-Partitions.db", "da-3-bti", True),
        ("nb-1-big-SAI+aa+users_sai+Meta.db", "nb-1-big", False),
        (".users_name/nb-1-big-Data.db", ".users_name/nb-1-big", False),
        ("manifest.json", "manifest.json", False),
        ("schema.cql", "schema.cql", False),
    ],
)
def test_names_of_files(name: str, expected: str, wanted: bool) -> None:
    assert sstable(name) == expected
    assert is_wanted(name) is wanted


def test_batches_in_order_under_new_names() -> None:
    stored = {"node-1": {U: whole("nb-1-big"), T: whole("nb-2-big")}, "node-0": {T: whole("nb-1-big", "nb-2-big")}}
    found = plan(stored, {T: NEW, U: U})
    assert [(b.number, b.source, b.target, b.sstables, b.size) for b in found] == [
        (0, "node-0", NEW, 2, 80),
        (1, "node-1", NEW, 1, 40),
        (2, "node-1", U, 1, 40),
    ]
    assert found[0].directory(Path("/s")) == Path("/s/0/b/t2")


def test_a_large_table_comes_in_portions_of_whole_sstables() -> None:
    stored = {"n": {T: [*whole("nb-1-big", "nb-2-big", "nb-3-big"), *whole("nb-4-big", size=1000)]}}
    found = plan(stored, {T: T}, 85)
    assert [[sstable(p.name) for p in b.pieces[::4]] for b in found] == [
        ["nb-1-big", "nb-2-big"],
        ["nb-3-big"],
        ["nb-4-big"],
    ]
    assert plan({"n": {T: []}}, {T: T}) == ()


@pytest.mark.parametrize("left_out", ["Data.db", "Index.db", "Statistics.db"])
def test_cassandra_would_silently_skip_an_sstable_that_lacks_a_component(left_out: str) -> None:
    some = [piece for piece in whole("nb-1-big", "nb-2-big") if piece.name != f"nb-2-big-{left_out}"]
    with pytest.raises(DamagedBackupError, match=f"SSTable nb-2-big has no {left_out}"):
        plan({"n": {T: some}}, {T: T})


def test_the_newer_format_has_another_index() -> None:
    names = [f"da-1-bti-{part}" for part in ("Data.db", "Partitions.db", "Rows.db", "Statistics.db")]
    assert plan({"n": {T: pieces(*names)}}, {T: T})[0].sstables == 1


def test_two_files_of_one_name_are_not_taken_for_one() -> None:
    other = Piece("nb-1-big-Data.db", 10, "1" * 64, "other", 10)
    with pytest.raises(DamagedBackupError, match=r"two different files nb-1-big-Data\.db"):
        plan({"n": {T: [*whole("nb-1-big"), other]}}, {T: T})


# The pipeline.


class Stopped(Exception):
    pass


class Run:
    """A pipeline whose fetches write their file's name, and what it did."""

    def __init__(self, staging: Path, ahead: int = 1 << 30) -> None:
        self.fetched: list[str] = []
        self.loaded: list[tuple[int, dict[str, str]]] = []
        self.stopped = 0
        self.most = 0
        self.staging = staging
        self.pipeline = Pipeline(staging, 4, self.fetch, self.check, self.stop, ahead)
        self.wanted_stop = threading.Event()

    def fetch(self, piece: Piece, path: Path) -> None:
        path.write_text(piece.name)
        self.fetched.append(f"{path.parents[2].name}/{piece.name}")

    def check(self) -> None:
        if self.wanted_stop.is_set():
            raise Stopped

    def stop(self) -> None:
        self.stopped += 1

    def load(self, batch: Batch, directory: Path) -> None:
        self.most = max(self.most, len(list(self.staging.iterdir())))
        self.loaded.append((batch.number, {path.name: path.read_text() for path in directory.iterdir()}))


def batches(count: int, size: int = 10) -> tuple[Batch, ...]:
    return plan({f"node-{index:02}": {T: whole("nb-1-big", size=size)} for index in range(count)}, {T: T})


def test_every_batch_is_loaded_whole_and_in_order(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.pipeline.run(batches(100), run.load)
    names = {f"nb-1-big-{part}" for part in COMPONENTS}
    assert run.loaded == [(number, {name: name for name in names}) for number in range(100)]
    assert list(tmp_path.iterdir()) == []
    assert run.stopped == 0


@pytest.mark.parametrize(
    ("ahead", "most"), [pytest.param(0, 1, id="nothing ahead"), pytest.param(80, 3, id="two ahead")]
)
def test_staging_stays_small(tmp_path: Path, ahead: int, most: int) -> None:
    run = Run(tmp_path, ahead)
    run.pipeline.run(batches(10), run.load)
    assert len(run.loaded) == 10
    assert run.most == most


def test_what_another_attempt_left_is_not_loaded(tmp_path: Path) -> None:
    found = batches(1)
    directory = found[0].directory(tmp_path)
    directory.mkdir(parents=True)
    (directory / "nb-9-big-Data.db").write_text("old")
    run = Run(tmp_path)
    run.pipeline.run(found, run.load)
    assert "nb-9-big-Data.db" not in run.loaded[0][1]


def test_a_fetch_that_fails_ends_it_and_leaves_the_complete_files(tmp_path: Path) -> None:
    run = Run(tmp_path)

    def fetch(piece: Piece, path: Path) -> None:
        if path.parents[2].name == "1" and piece.name.endswith("TOC.txt"):
            raise OSError("gone")
        run.fetch(piece, path)

    failing = Pipeline(tmp_path, 1, fetch, run.check, run.stop, 0)
    with pytest.raises(OSError, match="gone"):
        failing.run(batches(3), run.load)
    assert [number for number, _ in run.loaded] == [0]
    assert run.stopped == 1
    assert (batches(3)[1].directory(tmp_path) / "nb-1-big-Data.db").exists()


@pytest.mark.parametrize("where", ["fetch", "load"])
def test_it_ends_soon_when_told_to(tmp_path: Path, where: str) -> None:
    run = Run(tmp_path)
    released = threading.Event()

    def fetch(piece: Piece, path: Path) -> None:
        if where == "fetch":
            run.wanted_stop.set()
            assert released.wait(10)
        run.fetch(piece, path)

    def load(batch: Batch, directory: Path) -> None:
        run.load(batch, directory)
        run.wanted_stop.set()

    endings: dict[str, Callable[[], None]] = {"fetch": released.set, "load": run.stop}
    pipeline = Pipeline(tmp_path, 2, fetch, run.check, endings[where])
    with pytest.raises(Stopped):
        pipeline.run(batches(3), load)
    assert len(run.loaded) == (0 if where == "fetch" else 1)
    assert released.is_set() is (where == "fetch")


def test_small_batches_of_different_tables_are_loaded_side_by_side(tmp_path: Path) -> None:
    """Two threads meet while each of them loads; batches of one table never do."""
    run = Run(tmp_path)
    tables = [TableName("a", name) for name in ("t", "u")]
    stored = {f"node-{index}": {table: whole("nb-1-big") for table in tables} for index in range(4)}
    met = threading.Barrier(2, timeout=10)
    loading: list[TableName] = []
    lock = threading.Lock()

    def load(batch: Batch, directory: Path) -> None:
        with lock:
            assert batch.target not in loading
            loading.append(batch.target)
        met.wait()
        run.load(batch, directory)
        with lock:
            loading.remove(batch.target)

    Pipeline(tmp_path, 2, run.fetch, run.check, run.stop, loads=3).run(plan(stored, {t: t for t in tables}), load)
    assert sorted(number for number, _ in run.loaded) == list(range(8))
    assert list(tmp_path.iterdir()) == []


def test_a_load_that_fails_ends_the_others_and_is_told(tmp_path: Path) -> None:
    run = Run(tmp_path)
    tables = [TableName("a", f"t{index}") for index in range(6)]

    def load(batch: Batch, directory: Path) -> None:
        if batch.number == 1:
            raise OSError("refused")
        run.load(batch, directory)

    failing = Pipeline(tmp_path, 2, run.fetch, run.check, run.stop, loads=2)
    with pytest.raises(OSError, match="refused"):
        failing.run(plan({"n": {table: whole("nb-1-big") for table in tables}}, {t: t for t in tables}), load)
    assert run.stopped == 1
