from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from executor.cassandra.exit_cause import MAXIMUM, FirstErrors, cause, describe_exit, last_errors, shortage

LOG = """\
INFO  [main] 2026-01-01 A.java:1 - fine
ERROR [main] 2026-01-01 B.java:2 - cannot start
org.apache.cassandra.exceptions.ConfigurationException: bad key
\tat org.apache.cassandra.X.y(X.java:3)
Caused by: java.io.IOException: disk
\t... 3 more
INFO  [main] 2026-01-01 A.java:1 - stopping
"""


def test_the_last_errors_come_without_frames() -> None:
    assert last_errors(LOG).splitlines() == [
        "ERROR [main] 2026-01-01 B.java:2 - cannot start",
        "org.apache.cassandra.exceptions.ConfigurationException: bad key",
        "Caused by: java.io.IOException: disk",
    ]


def test_only_the_last_three_errors_count() -> None:
    text = "".join(f"ERROR [t] n{number}\n" for number in range(5))
    assert last_errors(text).splitlines() == ["ERROR [t] n2", "ERROR [t] n3", "ERROR [t] n4"]


def test_the_output_speaks_when_the_log_does_not(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("Unrecognized VM option 'X'\nError: Could not create the Java Virtual Machine.\n")
    assert cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash").startswith("Unrecognized VM option 'X'")
    (tmp_path / "log").write_text("INFO  [main] fine\n")
    assert cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash").startswith("Unrecognized VM option 'X'")
    (tmp_path / "log").write_text(LOG)
    assert cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash").startswith("ERROR [main]")


def test_a_cause_is_bounded_and_keeps_its_end(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("ERROR [main] " + "x" * 200_000 + "the end\n")
    (tmp_path / "out").write_text("y" * 10_000 + "the end")
    found = cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash")
    assert len(found) == MAXIMUM
    assert found.endswith("the end")


ISOLATION = """\
ERROR [flush] 2026-01-01 S.java:1 - Stopping gossiper
ERROR [flush] 2026-01-01 S.java:2 - Stopping native transport
ERROR [flush] 2026-01-01 J.java:3 - Exception in thread
org.apache.cassandra.io.FSWriteError: Read-only file system
\tat org.apache.cassandra.X.y(X.java:3)
"""
CONSEQUENCES = "".join(f"ERROR [hints] 2026-01-01 H.java:{number} - cannot flush\n" for number in range(50))


def test_the_errors_with_which_it_began_are_followed_and_stay(tmp_path: Path) -> None:
    """The cause is logged a moment after the gossip has stopped; dozens of others, or a new file, come later."""
    log, errors = tmp_path / "log", FirstErrors()
    assert errors.read(log) == ""
    log.write_text(ISOLATION.partition("ERROR [flush] 2026-01-01 J")[0])
    assert errors.read(log).endswith("Stopping native transport")
    for text in (ISOLATION, ISOLATION + CONSEQUENCES, ISOLATION + CONSEQUENCES * 2):
        log.write_text(text)
        assert "FSWriteError: Read-only file system" in errors.read(log)
        assert errors.read(log).startswith("ERROR [flush] 2026-01-01 S.java:1 - Stopping gossiper\n")
        assert len(errors.read(log)) <= MAXIMUM
    said = errors.read(log)
    log.write_text("INFO  [main] a new file\n")
    assert errors.read(log) == said
    assert "Read-only" not in last_errors(ISOLATION + CONSEQUENCES)


def test_long_errors_of_before_leave_room_for_the_cause(tmp_path: Path) -> None:
    log, errors = tmp_path / "log", FirstErrors()
    log.write_text("ERROR [main] " + "x" * 5000 + "\n")
    assert len(errors.read(log)) == MAXIMUM // 2
    log.write_text(log.read_text() + ISOLATION)
    assert errors.read(log).endswith("FSWriteError: Read-only file system")


CRASH = """\
#
# A fatal error has been detected by the Java Runtime Environment:
#
#  SIGBUS (0x7) at pc=0x00007fae2d400fe0, pid=16690, tid=16942
#
# Problematic frame:
# v  ~StubRoutines::updateBytesCRC32
#
# No core dump will be written. Core dumps have been disabled.
#
---------------  S U M M A R Y ------------
"""


def test_a_crash_of_the_jvm_speaks_for_itself_and_not_its_warnings(tmp_path: Path) -> None:
    (tmp_path / "crash").write_text(CRASH)
    (tmp_path / "out").write_text("WARNING: A terminally deprecated method has been called\n")
    assert cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash").splitlines() == [
        "A fatal error has been detected by the Java Runtime Environment:",
        "SIGBUS (0x7) at pc=0x00007fae2d400fe0, pid=16690, tid=16942",
        "Problematic frame:",
        "v  ~StubRoutines::updateBytesCRC32",
    ]
    (tmp_path / "log").write_text(LOG)
    found = cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash")
    assert found.startswith("ERROR [main]")
    assert "SIGBUS" in found


class TestSignalsFromOutside:
    """Only what happened just before can be their cause."""

    @staticmethod
    def said(tmp_path: Path, entries: str, code: int, quiet: float = 0.0) -> str:
        log = tmp_path / "log"
        log.write_text(entries)
        os.utime(log, (time.time() - quiet, time.time() - quiet))
        (tmp_path / "out").write_text("WARN  [main] 2026-11-29 20:00:00,000 A.java:1 - swap is on\n")
        return cause(log, tmp_path / "out", tmp_path / "crash", code)

    # The first entry is cut; the zone of the process is not that of this test.
    OLD = (
        "17:00,455 Gossiper.java:9 - node-0 is down\n"
        "ERROR [GossipStage:1] 2026-11-29 23:34:19,455 Gossiper.java:9 - node-0 is down\n\tat a.B(C.java:1)\n"
        "INFO  [main] 2026-11-29 23:37:10,000 A.java:1 - fine\n"
    )
    MEMORY = (
        "ERROR [Read [1]-2] 2026-11-29 23:37:18,000 J.java:3 - OutOfMemoryError\njava.lang.OutOfMemoryError: heap\n"
    )

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            (-9, "its executor did not send SIGKILL: the kernel sends it if memory runs out"),
            (-15, "its executor did not send SIGTERM"),
            (143, "its executor did not send SIGTERM"),
        ],
    )
    def test_old_errors_are_left_out(self, tmp_path: Path, code: int, words: str) -> None:
        assert self.said(tmp_path, self.OLD, code) == f"no error was logged in its last minute; {words}"

    def test_an_error_right_before_stays_alone(self, tmp_path: Path) -> None:
        found = self.said(tmp_path, self.OLD + self.MEMORY, -9)
        assert found == self.MEMORY.rstrip("\n")
        assert self.said(tmp_path, self.OLD + self.MEMORY + "ERROR [mai", -9).startswith(found)

    def test_an_error_that_nothing_followed_gets_old(self, tmp_path: Path) -> None:
        assert "OutOfMemoryError" in self.said(tmp_path, self.MEMORY, -9, quiet=50)
        assert "no error was logged" in self.said(tmp_path, self.MEMORY, -9, quiet=70)

    @pytest.mark.parametrize("code", [None, 1, 3, 100, -6, -11])
    def test_other_ends_have_their_last_errors(self, tmp_path: Path, code: int | None) -> None:
        (tmp_path / "log").write_text(self.OLD)
        found = cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash", code)
        assert found.endswith("Gossiper.java:9 - node-0 is down")

    def test_a_crash_report_stays(self, tmp_path: Path) -> None:
        (tmp_path / "crash").write_text(CRASH)
        assert "SIGBUS" in self.said(tmp_path, self.OLD, -9)

    def test_no_log(self, tmp_path: Path) -> None:
        found = cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash", -9)
        assert found.startswith("no error was logged in its last minute")


def test_a_full_disk_is_told_without_numbers_that_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shortage(tmp_path / "missing") == ""
    room = 64 << 20

    def size(_: Path) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 51200, room // 4096, room // 4096, 0, 0, 0, 0, 255))

    monkeypatch.setattr(os, "statvfs", size)
    assert shortage(tmp_path) == ""
    room -= 4096
    assert shortage(tmp_path) == "the disk of its volume is full: less than 64 MB of 200 MB are free"


def test_nothing_said(tmp_path: Path) -> None:
    assert cause(tmp_path / "log", tmp_path / "out", tmp_path / "crash") == ""


@pytest.mark.parametrize(
    ("code", "text"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal SIGKILL"), (-200, "signal 200")]
)
def test_exit(code: int, text: str) -> None:
    assert describe_exit(code) == text
