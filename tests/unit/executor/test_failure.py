from __future__ import annotations

from pathlib import Path

import pytest

from executor.failure import MAXIMUM, cause, describe_exit, last_errors

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
    assert cause(tmp_path / "log", tmp_path / "out").startswith("Unrecognized VM option 'X'")
    (tmp_path / "log").write_text("INFO  [main] fine\n")
    assert cause(tmp_path / "log", tmp_path / "out").startswith("Unrecognized VM option 'X'")
    (tmp_path / "log").write_text(LOG)
    assert cause(tmp_path / "log", tmp_path / "out").startswith("ERROR [main]")


def test_a_cause_is_bounded_and_keeps_its_end(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("ERROR [main] " + "x" * 200_000 + "the end\n")
    (tmp_path / "out").write_text("y" * 10_000 + "the end")
    found = cause(tmp_path / "log", tmp_path / "out")
    assert len(found) == MAXIMUM
    assert found.endswith("the end")


def test_nothing_said(tmp_path: Path) -> None:
    assert cause(tmp_path / "log", tmp_path / "out") == ""


@pytest.mark.parametrize(
    ("code", "text"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "signal SIGKILL"), (-200, "signal 200")]
)
def test_exit(code: int, text: str) -> None:
    assert describe_exit(code) == text
