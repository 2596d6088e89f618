"""The file with the operator's own superuser."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.security.superuser import SuperuserFileError, parse_superuser, read_superuser


def test_the_first_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "superuser"
    path.write_text("dba:a-long:password\r\nmore\n")
    assert read_superuser(str(path)) == ("dba", "a-long:password")
    assert read_superuser("") is None
    with pytest.raises(OSError, match="No such file"):
        read_superuser(str(tmp_path / "other"))


@pytest.mark.parametrize(
    "text", ["", "dba", "dba:short", ":a-long-password", "d b:a-long-password", "dba:a-long\tword"]
)
def test_another_line_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(SuperuserFileError, match="first line is not user:password") as raised:
        parse_superuser(text)
    assert "long" not in str(raised.value)


@pytest.mark.parametrize("name", ["cassandra", "mesos_service_1", "mesos_service_2"])
def test_names_with_another_meaning_are_refused(name: str) -> None:
    with pytest.raises(SuperuserFileError, match="must be another one than mesos_service_1"):
        parse_superuser(f"{name}:a-long-password")
