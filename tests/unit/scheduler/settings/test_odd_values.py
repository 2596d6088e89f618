"""Values that are valid by their kind and that nothing could use later: each is refused before a start."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest

from scheduler.settings import InvalidSettings, parse
from scheduler.settings.__main__ import main as check
from service.__main__ import main as start

BASE = {"ARTIFACTS_URL": "https://files.example/", "SERVICE_USER": "cassandra"}
KEY = base64.urlsafe_b64encode(bytes(32)).decode()
MISSING = "API_TOKEN_FILE must be set"


def problems(**given: str) -> list[str]:
    """Return the problems of these settings; none if they are accepted."""
    try:
        parse({**BASE, **given})
    except InvalidSettings as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("days", "sentence"),
    [
        # A rotation would follow the one before at once, without end.
        ("-1", "SECURITY_PASSWORD_DAYS must be at least 0, not '-1'."),
        ("-0.5", "SECURITY_PASSWORD_DAYS must be at least 0, not '-0.5'."),
        ("0", ""),
        ("1", ""),
    ],
)
def test_days_of_passwords(days: str, sentence: str) -> None:
    assert problems(SECURITY_PASSWORD_DAYS=days) == ([sentence] if sentence else [])


@pytest.mark.parametrize("path", ["/..", "/.", "/a/../b", "/a/./b"])
def test_a_path_of_masters_that_no_client_of_zookeeper_takes(path: str) -> None:
    rule = "must not have . or .. as a part of its path"
    assert problems(MESOS_PATH=path) == [f"MESOS_PATH {rule}, not {path!r}."]
    assert problems(MESOS_MASTER=f"zk://h:2181{path}") == [f"MESOS_MASTER {rule}, not {f'zk://h:2181{path}'!r}."]


def test_a_path_of_masters_without_a_name() -> None:
    """The folder of all of ZooKeeper has znodes, but no masters."""
    assert problems(MESOS_PATH="//") == ["MESOS_PATH must begin with / and name a znode, not '//'."]
    rule = "MESOS_MASTER must be zk://host:port,host:port/path"
    assert problems(MESOS_MASTER="zk://h:2181//") == [f"{rule}, not 'zk://h:2181//'."]


@pytest.mark.parametrize("path", ["/mesos", "/mesos/", "/a/b", "/a//b", "/a b", "/..a"])
def test_a_path_of_masters(path: str) -> None:
    assert problems(MESOS_PATH=path, MESOS_MASTER=f"zk://h:2181{path}") == []


@pytest.mark.parametrize("url", ["http://h/a?x=y", "http://h/?x", "http://h/#f", "http://h/a#"])
def test_an_address_below_which_no_file_can_be_named(url: str) -> None:
    rule = "ARTIFACTS_URL must be an http:// or https:// URL without ? and #: names of files follow it"
    assert problems(ARTIFACTS_URL=url, EXECUTOR_LOCATION="/e", EXECUTOR_CASSANDRA_LOCATION="/c") == [
        f"{rule}, not {url!r}."
    ]


def test_another_version_is_one_problem(tmp_path: Path) -> None:
    (tmp_path / "executor.tar.gz").write_bytes(b"")
    given = {"ARTIFACTS_URL": "", "ARTIFACTS_DIR": str(tmp_path), "CASSANDRA_VERSION": "4.1.0"}
    assert problems(**given) == ["CASSANDRA_VERSION must be one of 5.0.8, not '4.1.0'."]


def test_a_directory_of_bundles_that_cannot_be_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = problems(ARTIFACTS_URL="", ARTIFACTS_DIR="/" + "a" * 300)
    assert [problem.partition(" must hold ")[0] for problem in found] == [f"ARTIFACTS_DIR /{'a' * 300}"] * 2
    assert all(": File name too long" in problem for problem in found)

    def refuse(path: Path, **_: object) -> os.stat_result:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    found = problems(ARTIFACTS_URL="", ARTIFACTS_DIR=str(tmp_path))
    assert len(found) == 2
    assert all(": Permission denied" in problem for problem in found)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o660])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("API_TOKEN_FILE", f"ann:admin:{'x' * 40}"),
        ("SERVICE_SECRET_FILE", "secret"),
        ("SECRETS_KEY_FILE", KEY),
        ("BACKUP_ENCRYPTION_KEY_FILE", KEY),
        ("SECURITY_SUPERUSER_FILE", "operator:a-long-password"),
    ],
)
def test_files_of_secrets_that_others_can_use(tmp_path: Path, name: str, text: str, mode: int) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    file.chmod(mode)
    found = [
        said for said in parse({**BASE, name: str(file)}).warnings if said.startswith(f"{name} {file} has the mode")
    ]
    assert [f"the mode {mode:04o}," in said for said in found] == ([True] if mode in (0o644, 0o660) else [])


@pytest.mark.parametrize("bundle", ["JRE", "PYTHON"])
def test_a_digest_of_no_archive_is_noticed(bundle: str) -> None:
    given = {**BASE, f"EXECUTOR_{bundle}_SHA256": "a" * 64}
    said = (
        f"EXECUTOR_{bundle}_SHA256 has no effect without EXECUTOR_{bundle}_LOCATION: it is the digest of that archive."
    )
    assert said in parse(given).warnings
    assert said not in parse({**given, f"EXECUTOR_{bundle}_LOCATION": "/x.tgz"}).warnings


def test_who_may_command_is_asked_together_with_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("API_TOKEN_FILE", "API_CLIENT_CA_FILE", "API_TRUST_ROUTER"):
        monkeypatch.delenv(name, raising=False)
    for name, text in {**BASE, "NODES": "none"}.items():
        monkeypatch.setenv(name, text)
    assert check(["--check"]) == 1
    assert start([]) == 2
    said = capsys.readouterr().err
    assert said.count("NODES must be a whole number") == 2
    assert said.count(MISSING) == 2
    # One that is set, and has a problem of its own, is not missing.
    monkeypatch.setenv("API_TOKEN_FILE", "/nowhere/tokens")
    assert check(["--check"]) == 1
    said = capsys.readouterr().err
    assert "API_TOKEN_FILE /nowhere/tokens cannot be read" in said
    assert MISSING not in said
    # An uninstall serves no API.
    monkeypatch.delenv("API_TOKEN_FILE")
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert start(["uninstall"]) == 2
    assert MISSING not in capsys.readouterr().err
