from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import InvalidRequest, OperationTimedOut, ReadFailure, Unavailable
from cassandra.cluster import NoHostAvailable

from executor.cql import row_count
from executor.cql.names import TableName
from executor.cql.row_count import split
from executor.restore import checking
from executor.restore.loading.loader import cause, sent_bytes
from executor.restore.loading.pipeline import AHEAD_BYTES
from executor.restore.loading.staging import Staging
from executor.restore.source.batches import BATCH_BYTES, Batch, Piece
from executor.restore.source.stored import StoredBackup

T = TableName("a", "t")
GIB = 1024**3


def piece(key: str, size: int = 10, stored: int = 10) -> Piece:
    return Piece(f"{key}-Data.db", size, "0" * 64, key, stored)


def of(*sizes: int) -> tuple[Batch, ...]:
    return tuple(Batch(index, "n", T, (piece(f"k{index}", size),)) for index, size in enumerate(sizes))


def test_the_largest_tables_are_named_first() -> None:
    sizes = {"a": 5, "b": 2 * 1024, "c": 7, "d": 1, "e": 2, "f": 3}
    found = [
        Batch(number, "n", TableName("k", name), (piece(name, size),))
        for number, (name, size) in enumerate([*sizes.items(), ("a", 5)])
    ]
    assert checking.largest(found) == ("k.b 2.0 KiB, k.a 10 bytes, k.c 7 bytes, k.f 3 bytes, k.e 2 bytes and 1 more")


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ({"1", "2"}, "node-0"),
        ({"3", "4"}, "other"),
        ({"1"}, None),
        ({"1", "2", "3"}, None),
        (set(), None),
    ],
)
def test_same_as(tokens: set[str], expected: str | None) -> None:
    had = {"node-0": frozenset({"1", "2"}), "other": frozenset({"3", "4"})}
    assert checking.same_as(StoredBackup(had, {}, (), {}, {}), frozenset(tokens)) == expected


@pytest.mark.parametrize(
    ("nodes", "size", "expected"), [(1, BATCH_BYTES, True), (1, BATCH_BYTES + 1, False), (2, 1, False)]
)
def test_versions_of_a_row_can_be_in_other_batches(nodes: int, size: int, expected: bool) -> None:
    """Rows are compared batch by batch: what is newer here than in one of them can be from another one."""
    tokens = {f"node-{number}": frozenset({str(number)}) for number in range(nodes)}
    assert StoredBackup(tokens, {}, (), {}, {T: size}).is_in_one_batch(T) is expected


MURMUR3 = "org.apache.cassandra.dht.Murmur3Partitioner"


@pytest.mark.parametrize(
    ("versions", "partitioner", "expected"),
    [
        ({"5.0.8"}, MURMUR3, []),
        ({"5.0.9", "4.1.3"}, MURMUR3, []),
        ({"5.0.8", "5.1-alpha1"}, MURMUR3, ["the backup is of Cassandra 5.1-alpha1, whose files 5.0.8 cannot read"]),
        ({"10.0.1"}, MURMUR3, ["the backup is of Cassandra 10.0.1, whose files 5.0.8 cannot read"]),
        ({"5.0.8"}, "Random", [f"the backup's tokens are of Random, and this cluster's of {MURMUR3}"]),
    ],
)
def test_misfits(versions: set[str], partitioner: str, expected: list[str]) -> None:
    backup = StoredBackup({}, {}, (), {}, {}, frozenset(versions), frozenset({partitioner}))
    assert checking.misfits(backup, "5.0.8", MURMUR3) == expected


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ({"a": 10, "b": 10}, None),
        ({"a": 10}, "1 objects differ from the backup's manifest: b (b-Data.db) is missing"),
        ({"a": 9, "b": 10}, "1 objects differ from the backup's manifest: a (a-Data.db) has 9 bytes instead of 10"),
    ],
)
def test_missing(sizes: dict[str, int], expected: str | None) -> None:
    assert checking.missing([piece("a"), piece("b"), piece("b"), piece("empty", 0, 0)], sizes) == expected


def test_many_that_are_missing_are_counted_and_some_are_named() -> None:
    words = checking.missing([piece(f"k{index}") for index in range(100)], {})
    assert words is not None
    assert words.startswith("100 objects")
    assert words.endswith(", and 97 more")


@pytest.mark.parametrize(
    ("imported", "streamed", "arriving", "free", "expected"),
    [
        pytest.param(of(GIB), (), 0, GIB, None, id="files that stay where they are staged"),
        pytest.param(
            of(GIB), (), 0, GIB - 1, "has 1024.0 MiB free, and the restore needs 1.0 GiB for its data", id="no room",
        ),
        pytest.param((), of(GIB), GIB, 2 * GIB, None, id="what is staged and what comes to rest"),
        pytest.param(
            (), of(GIB, GIB), 2 * GIB, 3 * GIB,
            "has 3.0 GiB free, and the restore needs 4.0 GiB for 2.0 GiB of data and 2.0 GiB of files on their way",
            id="no room for both",
        ),
        pytest.param(
            (), (), 2 * GIB, GIB,
            "has 1.0 GiB free, and the restore needs 2.0 GiB for 2.0 GiB of data and 0 bytes of files on their way",
            id="no room for what other nodes stream",
        ),
        pytest.param(
            of(GIB), of(GIB), 3 * GIB, 5 * GIB - 1,
            "has 5.0 GiB free, and the restore needs 5.0 GiB for 4.0 GiB of data and 1.0 GiB of files on their way",
            id="some keyspaces are taken over, and others streamed",
        ),
        pytest.param((), (), 0, 0, None, id="nothing to do"),
    ],
)  # fmt: skip
def test_space(
    imported: tuple[Batch, ...], streamed: tuple[Batch, ...], arriving: int, free: int, expected: str | None
) -> None:
    found = checking.lacks_space(imported, streamed, arriving, free)
    assert found == (None if expected is None else f"the volume {expected}")


@pytest.mark.parametrize(
    ("imported", "streamed", "free", "expected"),
    [
        pytest.param(of(3 * GIB), (), 6 * GIB, None, id="files taken over, twice"),
        pytest.param(
            of(3 * GIB),
            (),
            6 * GIB - 1,
            "6.0 GiB for its data, and 3.0 GiB",
            id="files taken over, not twice",
        ),
        pytest.param((), of(GIB), 3 * GIB, None, id="streamed: data, on their way, and kept"),
        pytest.param(
            (),
            of(GIB),
            3 * GIB - 1,
            "3.0 GiB for 1.0 GiB of data and 1.0 GiB of files on their way, and 1.0 GiB",
            id="streamed, too little",
        ),
    ],
)
def test_space_for_a_full_comparison(
    imported: tuple[Batch, ...], streamed: tuple[Batch, ...], free: int, expected: str | None
) -> None:
    arriving = sum(batch.size for batch in streamed)
    found = checking.lacks_space(imported, streamed, arriving, free, keeps=True)
    kept = f' needs {expected} that "compare": "full" keeps until the end'
    assert found is None if expected is None else str(found).endswith(kept)


def test_staging_is_bounded_however_much_there_is() -> None:
    assert checking.staging_bytes(of(*[GIB] * 100)) == GIB + AHEAD_BYTES
    assert checking.staging_bytes(of(GIB)) == GIB


@pytest.mark.parametrize(
    ("size", "expected"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 * GIB, "5.0 GiB"), (2**60, "1048576.0 TiB")],
)
def test_amount(size: int, expected: str) -> None:
    assert checking.amount(size) == expected


def test_staging_of_others_is_swept(tmp_path: Path) -> None:
    mine, other = Staging(tmp_path, "r-1"), Staging(tmp_path, "r-10")
    mine.sweep()
    for staging in (mine, other):
        (staging.directory / "0").mkdir(parents=True)
    mine.sweep()
    assert mine.directory.exists()
    assert not other.directory.exists()
    mine.remove()
    mine.remove()
    assert not mine.directory.exists()


@pytest.mark.parametrize(
    ("whole", "number"), [((0, 10), 3), ((0, 10), 20), ((-(2**63), 2**63 - 1), 7), ((5, 6), 4), ((-1, 1), 1)]
)
def test_ranges_cover_everything_once(whole: tuple[int, int], number: int) -> None:
    found = list(split(whole, number))
    assert found[0][0] == whole[0]
    assert found[-1][1] == whole[1]
    assert all(one[1] == other[0] for one, other in pairwise(found))
    assert all(first < last for first, last in found)
    assert len(found) == min(number, whole[1] - whole[0])


STREAM_ERROR = """java.lang.RuntimeException : java.util.concurrent.ExecutionException: \
org.apache.cassandra.streaming.StreamException: Stream failed:
Session peer /127.0.0.3:7000 Failed because of an unknown exception
java.io.IOException: failed to connect to /127.0.0.3:7000 for streaming data
\torg.apache.cassandra.streaming.async.Netty.connect(Netty.java:85)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            STREAM_ERROR,
            r"Stream failed: Session peer /127.0.0.3:7000 Failed .* failed to connect to .* for streaming data",
        ),
        (
            "java.lang.RuntimeException : java.lang.IllegalArgumentException: Invalid directory /x",
            "Invalid directory /x",
        ),
        ("java.lang.IllegalArgumentException : there is no table shop.users", r"there is no table shop\.users"),
        ("", "no reason given"),
    ],
)
def test_cassandras_words(text: str, expected: str) -> None:
    assert re.fullmatch(expected, cause(text))


def test_bytes_sent_of_one_directory() -> None:
    def file(name: str, size: int) -> dict[str, object]:
        return {"fileName": name, "currentBytes": size, "totalBytes": 100}

    streams: list[dict[str, Any]] = [
        {"sessions": [{"sendingFiles": [file("/s/1/a/t/nb-1-big-Data.db", 40)]}, {"sendingFiles": None}]},
        {"sessions": [{"sendingFiles": [file("/s/1/a/t/nb-1-big-Data.db", 2), file("/s/10/a/t/x", 7)]}]},
        {},
    ]
    assert sent_bytes(streams, "/s/1/a/t") == 42


class _OneNode:
    """As much of a session as is asked for the nodes of the data center."""

    class cluster:  # noqa: N801
        class metadata:  # noqa: N801
            @staticmethod
            def all_hosts() -> list[SimpleNamespace]:
                return [SimpleNamespace(datacenter="dc1")]

    @staticmethod
    def execute(_statement: str) -> SimpleNamespace:
        return SimpleNamespace(one=lambda: SimpleNamespace(data_center="dc1"))


def _unavailable(needed: int) -> Unavailable:
    error = Unavailable("")
    error.required_replicas = needed
    return error


@pytest.mark.parametrize(
    ("error", "words", "passing"),
    [
        (
            ReadFailure("", error_code_map={"127.0.0.1": 1}),
            "it cannot be counted: one partition has more tombstones than tombstone_failure_threshold",
            False,
        ),
        (InvalidRequest("table t does not exist"), "it was dropped meanwhile", False),
        (
            OperationTimedOut(),
            "it cannot be counted: reading a small part of it takes longer than the time limit",
            False,
        ),
        (_unavailable(2), "a quorum is 2 replicas, and the data center has 1 node", False),
        (NoHostAvailable("", {"a": _unavailable(2)}), "a quorum is 2 replicas, and the data center has 1 node", False),
        (NoHostAvailable("", {"a": _unavailable(1)}), "it cannot be counted: ", True),
    ],
    ids=["tombstones", "dropped", "time", "nodes", "nodes of the only host", "passing"],
)
def test_why_a_table_cannot_be_counted(error: Exception, words: str, passing: bool) -> None:
    session: Any = _OneNode()
    assert row_count.why_not(session, error).startswith(words)
    assert row_count.is_passing(session, error) is passing
