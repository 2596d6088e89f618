from __future__ import annotations

import mmap
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from executor.cassandra import class_archive, start_cache, start_keeper
from executor.cassandra.install import find_files
from executor.cassandra.jvm import Files
from executor.cassandra.start_cache import Entry
from executor.protocol import NodeLaunch
from tests.unit.executor.sandbox import make_launch, make_sandbox, surroundings

LINE = "INFO  [main] 2026-11-28 10:00:00,000 SkipListMemtable.java:220 - Estimated SkipListMemtable row overhead: {}\n"


def _files(directory: Path, launch: NodeLaunch) -> Files:
    directory.mkdir()
    return find_files(launch, surroundings(make_sandbox(directory)))


def _key(launch: NodeLaunch, files: Files) -> str:
    return start_cache.entry(launch, files, {}).directory.name


def test_another_sandbox_and_another_address_are_the_same_kind_of_start(tmp_path: Path) -> None:
    launch = make_launch("-Dcassandra.ring_delay_ms=2000")
    other = replace(make_launch("-Dcassandra.ring_delay_ms=1"), node="node-7", rack="r9", replace_address="10.0.0.1")
    other = replace(other, heap_mb=launch.heap_mb + 1000)
    first, second = _files(tmp_path / "a", launch), _files(tmp_path / "b", other)
    (second.sandbox / "cassandra/lib/cassandra-mesos-agent.jar").touch()  # ours is not part of the archive
    assert _key(launch, first) == _key(other, second)


def _newer_java(files: Files) -> None:
    (files.java.parents[1] / "release").write_text('JAVA_VERSION="17.0.99"\n')


def _newer_jar(files: Files) -> None:
    files.jars[0].write_text("another one")


def _other_options(files: Files) -> None:
    (files.bundle_conf / "jvm17.options").write_text("-XX:ObjectAlignmentInBytes=16\n")


@pytest.mark.parametrize(
    ("change", "spoil"),
    [
        ({"heap_mb": 64 * 1024}, None),
        ({"heap_mb": 31 * 1024}, None),
        ({"gc": "SERIAL"}, None),
        ({"jvm_options": ("-XX:-UseCompressedOops",)}, None),
        ({"jvm_options": ("-Dcassandra.memtable_row_overhead_computation_step=10",)}, None),
        ({"options": {"memtable_allocation_type": "offheap_objects"}}, None),
        ({}, _newer_java),
        ({}, _newer_jar),
        ({}, _other_options),
    ],
)
def test_what_makes_it_another_kind_of_start(
    tmp_path: Path, change: dict[str, object], spoil: Callable[[Files], None] | None
) -> None:
    launch = make_launch()
    files = _files(tmp_path / "a", launch)
    before = _key(launch, files)
    if spoil is not None:
        spoil(files)
    assert _key(replace(launch, **change), files) != before  # type: ignore[arg-type]


def test_kept_on_the_volume_or_where_the_machine_says(tmp_path: Path) -> None:
    launch = make_launch()
    files = _files(tmp_path / "a", launch)
    for environ, parent in (({}, files.volume / "start"), ({"CASSANDRA_START_CACHE": "/var/c"}, Path("/var/c"))):
        assert start_cache.entry(launch, files, environ).directory.parent == parent


@pytest.mark.parametrize(
    ("log", "kept"),
    [
        (LINE.format(180), 180),
        (LINE.format(188) + "INFO - restarted\n" + LINE.format(181), 181),
        (LINE.format(3), None),
        (LINE.format(99999), None),
        ("INFO - nothing was measured\n", None),
    ],
)
def test_only_what_can_be_right_is_kept(tmp_path: Path, log: str, kept: int | None) -> None:
    entry = Entry(tmp_path / "entry", 2)
    assert entry.keep_row_overhead(log) == kept
    assert entry.row_overhead() == kept
    expected = [] if kept is None else [f"-Dcassandra.memtable.row_overhead_size={kept}"]
    assert start_cache.options(entry, make_launch(), None) == expected


@pytest.mark.parametrize("text", ["", "abc", "0", "-1", "100000"])
def test_a_damaged_number_is_no_number(tmp_path: Path, text: str) -> None:
    (tmp_path / start_cache.ROW_OVERHEAD).write_text(text)
    assert Entry(tmp_path, 2).row_overhead() is None


def test_the_archive_once_it_is_there_and_the_list_of_classes_before(tmp_path: Path) -> None:
    entry, record = Entry(tmp_path, 2), Path("/s/classes.lst")
    assert start_cache.options(entry, make_launch(), record) == ["-XX:DumpLoadedClassList=/s/classes.lst"]
    assert start_cache.options(entry, make_launch("-Xshare:off"), record) == []
    entry.archive.write_bytes(b"classes")
    assert start_cache.options(entry, make_launch(), record) == [f"-XX:SharedArchiveFile={entry.archive}"]
    assert start_cache.options(entry, make_launch("-XX:SharedArchiveFile=/own"), record) == []
    entry.refuse_archive("it does not fit")
    assert not entry.archive.exists()
    entry.archive.write_bytes(b"made by another one at the same time")
    assert not entry.has_archive()


NOW, BEFORE, LONG_AGO = ("a" * 24, "b" * 24, "c" * 24)


def test_those_not_used_for_longest_are_removed_and_nothing_else(tmp_path: Path) -> None:
    others = ("apt", "d" * 23, "D" * 24, "e" * 25)
    for age, name in enumerate((NOW, BEFORE, LONG_AGO, *others)):
        (tmp_path / name).mkdir()
        (tmp_path / name / start_cache.ARCHIVE).touch()
        os.utime(tmp_path / name, (1e9 - age, 1e9 - age))
    Entry(tmp_path / BEFORE, 2).mark_used()
    assert {path.name for path in tmp_path.iterdir()} == {NOW, BEFORE, *others}


def _writable(entry: Entry) -> None:
    entry.directory.mkdir()
    entry.directory.chmod(0o770)


def _linked(entry: Entry) -> None:
    (entry.directory.parent / "elsewhere").mkdir()
    entry.directory.symlink_to("elsewhere")


def _open_to_all(entry: Entry) -> None:
    entry.directory.parent.chmod(0o777)


@pytest.mark.parametrize("spoil", [_writable, _linked, _open_to_all])
def test_a_shared_entry_that_others_can_write_is_not_used(
    tmp_path: Path, spoil: Callable[[Entry], None], caplog: pytest.LogCaptureFixture
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    launch, environ = make_launch(), {start_cache.VARIABLE: str(shared)}
    files = _files(tmp_path / "a", launch)
    files.logs.mkdir()
    assert start_keeper.prepare(launch, files, files.logs / "system.log", environ) is not None
    entry = start_cache.entry(launch, files, environ)
    shutil.rmtree(entry.directory)
    spoil(entry)
    assert start_keeper.prepare(launch, files, files.logs / "system.log", environ) is None
    assert "start cache not used: " in caplog.text


def _keeper(tmp_path: Path) -> start_keeper.Keeper:
    """Of a start with an archive."""
    launch = make_launch()
    files = _files(tmp_path / "a", launch)
    files.logs.mkdir()
    entry = start_cache.entry(launch, files, {})
    entry.write(start_cache.ARCHIVE, "classes")
    found = start_keeper.prepare(launch, files, files.logs / "system.log", {})
    assert found is not None
    assert f"-XX:SharedArchiveFile={entry.archive}" in found.options
    return found


def test_an_archive_that_java_does_not_map_is_not_tried_again(tmp_path: Path) -> None:
    keeper = _keeper(tmp_path)
    keeper.log.write_text(LINE.format(180))
    keeper.keep(os.getpid())
    assert keeper.entry.row_overhead() == 180
    assert keeper.entry.is_unusable()


def test_an_archive_that_is_mapped_stays(tmp_path: Path) -> None:
    keeper = _keeper(tmp_path)
    keeper.log.write_text(LINE.format(180))
    with keeper.entry.archive.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ):
        keeper.keep(os.getpid())
    assert keeper.entry.has_archive()
    keeper.keep(2**30)  # what cannot be seen is no reason
    assert keeper.entry.has_archive()


def test_an_archive_that_was_removed_meanwhile_may_be_made_again(tmp_path: Path) -> None:
    keeper = _keeper(tmp_path)
    keeper.log.write_text(LINE.format(180))
    keeper.entry.archive.unlink()
    keeper.keep(os.getpid())
    assert not keeper.entry.is_unusable()


@pytest.mark.parametrize(
    ("code", "usable"), [(-signal.SIGSEGV, False), (-signal.SIGABRT, False), (-signal.SIGKILL, True), (3, True)]
)
def test_a_java_that_crashes_before_it_serves_starts_without_the_archive(
    tmp_path: Path, code: int, usable: bool
) -> None:
    keeper = _keeper(tmp_path)
    keeper.note_crash(code)
    assert keeper.entry.has_archive() is usable


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path) -> None:
    launch = make_launch()
    files = _files(tmp_path / "a", launch)
    (files.volume / "start").write_text("in the way")
    assert start_keeper.prepare(launch, files, files.logs / "system.log", {}) is None


@pytest.mark.parametrize(
    ("change", "there", "absent"),
    [
        ({"gc": "SERIAL"}, {"-XX:+UseSerialGC"}, {"-XX:-UseCompressedOops", "-XX:+AlwaysPreTouch"}),
        ({"heap_mb": 65536}, {"-XX:+UseG1GC", "-XX:-UseCompressedOops", "-Xmx128M"}, {"-Xmx65536M"}),
        ({"jvm_options": ("-XX:ObjectAlignmentInBytes=16", "-Xlog:gc:file=/x")}, {"-XX:ObjectAlignmentInBytes=16"},
         {"-Xlog:gc:file=/x"}),
    ],
)  # fmt: skip
def test_the_java_that_makes_the_archive(
    tmp_path: Path, change: dict[str, object], there: set[str], absent: set[str]
) -> None:
    launch = replace(make_launch(), **change)  # type: ignore[arg-type]
    files = _files(tmp_path / "a", launch)
    words = class_archive.command(launch, files, Path("/c.lst"), Path("/c.jsa"))
    assert there <= set(words)
    assert not absent & set(words)
    assert not [word for word in words if word.startswith(("-javaagent", "-XX:+AllowArchiving"))]


def test_a_java_that_fails_to_make_it_leaves_nothing_and_is_told(tmp_path: Path) -> None:
    launch = make_launch()
    files = _files(tmp_path / "a", launch)
    files.java.write_text("#!/bin/sh\necho no classes >&2\nexit 4\n")
    entry = start_cache.entry(launch, files, {})
    assert class_archive.make(launch, files, entry, Path("/c.lst")) == "Java ended with 4: no classes"
    assert [path.name for path in entry.directory.iterdir()] == ["lock"]
