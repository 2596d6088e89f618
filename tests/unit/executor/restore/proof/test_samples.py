"""What is kept of a batch until the cluster has answered for it: whole or not at all, for any attempt to go on with."""

from __future__ import annotations

from pathlib import Path

import pytest

from executor.cql.ddl import elements
from executor.cql.names import TableName
from executor.restore.proof.samples import Kept, Samples, list_drops
from executor.restore.source.batches import Batch, Piece

TABLE = TableName("shop", "users")
PLAN = {"fingerprint": "a", "held": ["shop.users"]}


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    found = Samples(tmp_path, "operation-1")
    found.begin(PLAN)
    return found


def test_what_was_noted_is_found_by_the_next_attempt(samples: Samples, tmp_path: Path) -> None:
    kept = [Kept(number, "shop.users", str(samples.path(number)), "", ("b=7",), 12) for number in (10, 2)]
    for one in kept:
        samples.note(one)
    again = Samples(tmp_path, "operation-1")
    assert again.plan() == PLAN
    assert list(again.all()) == [kept[1], kept[0]]
    assert (again.has(2), again.has(3)) == (True, False)


def test_another_plan_begins_anew(samples: Samples) -> None:
    samples.note(Kept(0, "shop.users", why="the agent is too old"))
    samples.begin({"fingerprint": "b", "held": []})
    assert list(samples.all()) == []


def test_a_note_that_is_not_whole_counts_for_nothing(samples: Samples) -> None:
    (samples.directory / "3.json.partial").write_text('{"number": 3')
    (samples.directory / "4.json").write_text("{")
    assert list(samples.all()) == []


def test_all_files_of_a_batch_are_kept_without_a_copy(samples: Samples, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "nb-1-big-Data.db").write_bytes(b"data")
    batch = Batch(3, "node-0", TABLE, (Piece("nb-1-big-Data.db", 4, "0" * 64, "key", 4),))
    for _ in range(2):  # an attempt that is made again
        kept = samples.keep_files(batch, staged)
    assert kept.parts[-2:] == ("shop", "users")
    assert (kept / "nb-1-big-Data.db").samefile(staged / "nb-1-big-Data.db")


def test_what_may_be_large_is_given_up_with_the_job_and_told(samples: Samples) -> None:
    samples.path(0).write_bytes(b"rows")
    few, all_ = Kept(0, "shop.users", str(samples.path(0))), Kept(1, "shop.users", str(samples.path(1) / "shop/users"))
    (samples.path(1) / "shop/users").mkdir(parents=True)
    samples.note(few)
    samples.note(all_)
    samples.give_up()
    assert samples.path(0).exists()
    assert not samples.path(1).exists()
    assert [kept.why for kept in samples.all()] == [
        "",
        "its files were removed when the job was cancelled",
    ]
    assert samples.plan() == PLAN


def test_once_compared_the_result_alone_stays(samples: Samples) -> None:
    samples.path(0).write_bytes(b"rows")
    samples.note(Kept(0, "shop.users", str(samples.path(0))))
    samples.path(1).mkdir()
    samples.finish({"samples": {}})
    assert [path.name for path in samples.directory.iterdir()] == ["result.json"]
    assert samples.result() == {"samples": {}}


def test_what_other_restores_left_is_swept(samples: Samples, tmp_path: Path) -> None:
    Samples(tmp_path, "operation-2").sweep()
    assert not samples.directory.exists()
    samples.sweep()


def test_when_columns_were_dropped() -> None:
    schema = elements(
        [
            'CREATE TABLE shop.users (id int PRIMARY KEY, "B" text)',
            'ALTER TABLE shop.users DROP "B" USING TIMESTAMP 5',
            'ALTER TABLE shop.users ADD "B" text',
            'ALTER TABLE shop.users DROP "B" USING TIMESTAMP 9',
            "ALTER TABLE shop.users DROP c USING TIMESTAMP 7",
            "ALTER TABLE shop.other DROP c USING TIMESTAMP 8",
        ]
    )
    assert list_drops(schema, TABLE) == ["B=9", "c=7"]
    assert list_drops(schema, TableName("shop", "nothing")) == []
