"""The small parts: counting, crews of threads, bodies, compression."""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from executor.backup.upload import compression
from executor.backup.upload.compression import DamagedError, Decompressor
from executor.backup.upload.progress import Meter
from executor.s3.body import Piecewise, Slice
from executor.s3.crew import Crew, StoppedError

# Counting.


def test_progress() -> None:
    now = [100.0]
    meter = Meter(4, 1000, lambda: now[0])
    first = meter.progress("at it", {"throttle": 7.0})
    assert (first.percent, first.rate, first.seconds_left, first.tuning) == (0.0, None, None, {"throttle": 7.0})
    now[0] += 10
    meter.add_handled(400, files=1)
    meter.add_moved(100)
    after = meter.progress("at it", {})
    assert after.done == {"bytes": 400, "files": 1, "sent_bytes": 100}
    assert after.total == {"bytes": 1000, "files": 4}
    assert (after.percent, after.rate, after.seconds_left) == (40.0, 10.0, 15.0)


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    now = [0.0]
    meter = Meter(1, 10_000, lambda: now[0])
    for _ in range(100):
        now[0] += 1
        meter.add_moved(100)
        meter.progress("", {})
    for _ in range(40):
        now[0] += 1
        meter.add_moved(1)
        last = meter.progress("", {})
    assert last.rate == 1.0


def test_nothing_to_do_is_done() -> None:
    assert Meter(0, 0).progress("", {}).percent == 100.0


# Crews.


def test_parts_come_before_files_and_all_are_run() -> None:
    crew, done = Crew(), list[str]()

    def file(name: str) -> None:
        done.append(name)
        for part in range(2):
            crew.add(partial(done.append, f"{name}-{part}"))

    crew.run(1, [lambda: file("a"), lambda: file("b")], lambda: None)
    assert [name[0] for name in done] == ["a", "a", "a", "b", "b", "b"]


def test_all_threads_work_and_are_gone_afterwards() -> None:
    before = set(threading.enumerate())
    meeting = threading.Barrier(4, timeout=10)

    def meet() -> None:
        meeting.wait()

    Crew().run(4, [meet] * 4, lambda: None)
    assert set(threading.enumerate()) == before


def test_the_first_failure_ends_the_others() -> None:
    crew = Crew()
    started = threading.Event()

    def fail() -> None:
        started.wait(10)
        raise ValueError("the first")

    def wait() -> None:
        started.set()
        crew.wait(3600)

    with pytest.raises(ValueError, match="the first"):
        crew.run(2, [fail, wait], lambda: None)


def test_a_tick_that_raises_ends_all() -> None:
    crew = Crew()
    ended = threading.Event()

    def work() -> None:
        try:
            crew.wait(3600)
        except StoppedError:
            ended.set()
            raise

    def tick() -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        crew.run(1, [work], tick)
    assert ended.wait(5)
    with pytest.raises(StoppedError):
        crew.check()
    assert crew.sleep(60)


def test_who_makes_parts_faster_than_they_are_run_helps() -> None:
    crew, done = Crew(), list[int]()
    waiting = list[int]()

    def produce() -> None:
        for number in range(10):
            crew.add(partial(done.append, number))
            crew.help(2)
            waiting.append(number + 1 - len(done))

    crew.run(1, [produce], lambda: None)
    assert max(waiting) == 2
    assert done == list(range(10))


def test_threads_give_way_to_cassandra_s() -> None:
    found = list[int]()
    Crew().run(
        1, [lambda: found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))], lambda: None
    )  # fmt: skip
    assert found[0] == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)


# Bodies.


@given(st.integers(0, 700_000), st.integers(0, 1000))
def test_a_slice_is_read_whole_and_again(length: int, offset: int) -> None:
    content = b"0123456789abcdef" * 50_000
    paced = list[int]()
    descriptor = os.memfd_create("slice")
    try:
        os.write(descriptor, content)
        for body in (
            Slice(descriptor, offset, length, paced.append),
            Piecewise(content[offset : offset + length], paced.append),
        ):
            for _ in range(2):
                body.seek(0)
                read = b""
                while piece := body.read(16):
                    read += piece
                assert read == content[offset : offset + length]
                assert body.tell() == len(body) == length
    finally:
        os.close(descriptor)
    assert sum(paced) == 4 * length


@pytest.mark.parametrize(("whence", "offset", "expected"), [(os.SEEK_SET, 2, b"2345"), (os.SEEK_END, -1, b"5")])
def test_a_body_is_sought(whence: int, offset: int, expected: bytes) -> None:
    body = Piecewise(b"012345", lambda size: None)
    body.seek(offset, whence)
    assert body.read() == expected


# Compression.


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", False),
        (b" " * 4095, False),
        (b" " * 4096, True),
        (os.urandom(200_000), False),
        (b" " * 200_000 + os.urandom(1_000_000), True),
    ],
)
def test_what_is_worth_it(tmp_path: Path, content: bytes, expected: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    assert compression.is_worth_it(str(path), len(content)) is expected


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 5 * 1024 * 1024 + 1])
def test_compressed_parts_are_one_frame_that_is_read_piece_by_piece(tmp_path: Path, size: int) -> None:
    content = b"".join(os.urandom(600) + b" " * 424 for _ in range(size // 1024 + 1))[:size]
    path = tmp_path / "file"
    path.write_bytes(content)
    parts = list(compression.compress(str(path), 1_000_000, lambda: None))
    assert all(len(part) >= 1_000_000 for part in parts[:-1])
    stored = b"".join(parts)
    assert zstd.decompress(stored) == content
    decompressor = Decompressor()
    plain = b"".join(
        piece for start in range(0, len(stored), 7777) for piece in decompressor(stored[start : start + 7777])
    )
    assert plain == content


@pytest.mark.parametrize(("logarithm", "is_read"), [(19, True), (23, True), (24, False), (27, False), (30, False)])
def test_no_frame_takes_much_memory(logarithm: int, is_read: bool) -> None:
    compressor = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: logarithm})
    stored = compressor.compress(b"x", zstd.ZstdCompressor.FLUSH_BLOCK) + compressor.flush()
    if is_read:
        assert b"".join(Decompressor()(stored)) == b"x"
        return
    with pytest.raises(DamagedError, match="requires too much memory"):
        list(Decompressor()(stored))


def test_a_megabyte_at_a_time() -> None:
    stored = zstd.compress(b" " * 50_000_000)
    assert max(len(piece) for piece in Decompressor()(stored)) <= 1024 * 1024


@pytest.mark.parametrize("stored", [b"no zstd", zstd.compress(b"x" * 1000)[:-3] + b"abc" + b"more"])
def test_what_is_no_frame(stored: bytes) -> None:
    decompressor = Decompressor()
    with pytest.raises(DamagedError):
        b"".join(piece for _ in range(2) for piece in decompressor(stored))
