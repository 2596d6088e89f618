"""The files with which the scheduler connects to ZooKeeper: every problem at once, and no password in any text."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.security.tls import Tls
from scheduler.security.zookeeper import OPEN, Access, Credentials, CredentialsFileError, parse_credentials
from scheduler.settings import InvalidSettings, Settings, parse
from tests.certificates import Authority

ELSEWHERE = {
    "EXECUTOR_LOCATION": "https://files.example/executor.tar.gz",
    "EXECUTOR_CASSANDRA_LOCATION": "https://files.example/cassandra.tar.gz",
}
PASSWORD = "correct-horse"


def settings(**environ: str) -> Settings:
    return parse({**ELSEWHERE, **environ})


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as caught:
        settings(**environ)
    return caught.value.problems


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    path.write_text(f"alice:{PASSWORD}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alice:correct-horse", (Credentials("alice", "correct-horse"),)),
        ("  alice:with:colons:in it  \n", (Credentials("alice", "with:colons:in it"),)),
        (
            "# rotated\n\nalice:the-new-one\nalice:the-old-one\n",
            (Credentials("alice", "the-new-one"), Credentials("alice", "the-old-one")),
        ),
    ],
)
def test_credentials(text: str, found: tuple[Credentials, ...]) -> None:
    assert parse_credentials(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "correct-horse",
        ":correct-horse",
        "alice:",
        "alice:short",
        "a b:correct-horse",
        "alice,bob:correct-horse",
        "alice:correct-hörse",
        "alice:correct\x00horse",
        "alice:correct\thorse",
        "äli:correct-horse",
        "alice:correct-horse\nbob",
    ],
)
def test_a_line_that_is_no_credentials_is_named_without_its_text(text: str) -> None:
    with pytest.raises(CredentialsFileError) as raised:
        parse_credentials(text)
    number = len(text.splitlines())
    assert str(raised.value).startswith(f"line {number} is not user:password, with a password of at least 8 ")
    assert "horse" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "\n", "# alice:correct-horse"])
def test_a_file_without_credentials(text: str) -> None:
    with pytest.raises(CredentialsFileError, match="it holds no user:password"):
        parse_credentials(text)


def test_without_settings_the_znodes_are_open_and_no_warning_is_logged() -> None:
    assert settings().zookeeper_access() == OPEN
    assert settings().warnings == ()


def test_credentials_close_the_znodes_to_readers_unless_the_setting_says_otherwise(credentials: Path) -> None:
    owner = (Credentials("alice", PASSWORD),)
    closed = settings(ZOOKEEPER_CREDENTIALS_FILE=str(credentials))
    assert closed.zookeeper_access() == Access(owner)
    readable = settings(ZOOKEEPER_CREDENTIALS_FILE=str(credentials), ZOOKEEPER_READERS="world")
    assert readable.zookeeper_access() == Access(owner, world_reads=True)
    assert problems(ZOOKEEPER_READERS="all") == ("ZOOKEEPER_READERS must be one of none, world, not 'all'.",)
    assert PASSWORD not in repr(closed) + repr(closed.zookeeper_access())


def test_a_password_without_tls_and_a_file_for_all_are_warnings(credentials: Path) -> None:
    plain = (
        "ZOOKEEPER_CREDENTIALS_FILE is set without ZOOKEEPER_CA_FILE: the password travels to ZooKeeper in plain text."
    )
    for mode, wide in ((0o600, False), (0o640, False), (0o400, False), (0o644, True), (0o660, True), (0o604, True)):
        credentials.chmod(mode)
        found = settings(ZOOKEEPER_CREDENTIALS_FILE=str(credentials)).warnings
        assert plain in found
        assert [warning for warning in found if f"has the mode {mode:04o}" in warning] == list(found[1:])
        assert len(found) == 1 + wide, oct(mode)


def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("client")
    ca = str(authority.ca)
    assert settings(ZOOKEEPER_CA_FILE=ca).zookeeper_access() == Access(tls=Tls(ca))
    both = settings(
        ZOOKEEPER_CA_FILE=ca,
        ZOOKEEPER_CERTIFICATE_FILE=str(issued.certificate),
        ZOOKEEPER_KEY_FILE=str(issued.key),
    )
    assert both.zookeeper_access() == Access(tls=Tls(ca, str(issued.certificate), str(issued.key)))
    assert both.warnings == ()
    issued.key.chmod(0o644)
    (warning,) = settings(**both.given).warnings
    assert warning.startswith(f"ZOOKEEPER_KEY_FILE {issued.key} has the mode 0644")


def test_every_problem_of_the_files_is_reported_at_once(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    (tmp_path / "short").write_text("alice:short")
    assert problems(
        ZOOKEEPER_CREDENTIALS_FILE=str(tmp_path / "short"),
        ZOOKEEPER_READERS="nobody",
        ZOOKEEPER_CERTIFICATE_FILE=missing,
    ) == (
        "ZOOKEEPER_READERS must be one of none, world, not 'nobody'.",
        f"ZOOKEEPER_CREDENTIALS_FILE {tmp_path}/short cannot be used: line 1 is not user:password, with a password of "
        "at least 8 printable characters.",
        "ZOOKEEPER_KEY_FILE must be set beside ZOOKEEPER_CERTIFICATE_FILE.",
        "ZOOKEEPER_CA_FILE must be set beside ZOOKEEPER_CERTIFICATE_FILE: it turns TLS on.",
        f"ZOOKEEPER_CERTIFICATE_FILE {missing} cannot be read: No such file or directory.",
    )
    assert problems(ZOOKEEPER_CREDENTIALS_FILE=missing) == (
        f"ZOOKEEPER_CREDENTIALS_FILE {missing} cannot be read: No such file or directory.",
    )
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert problems(ZOOKEEPER_CREDENTIALS_FILE=str(tmp_path / "binary")) == (
        f"ZOOKEEPER_CREDENTIALS_FILE {tmp_path}/binary is not a text file.",
    )


def test_files_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.issue("one"), authority.issue("other")
    ca = str(authority.ca)
    (found,) = problems(ZOOKEEPER_CA_FILE=str(one.key))
    assert found.startswith(f"ZOOKEEPER_CA_FILE {one.key} cannot be used: ")
    (found,) = problems(ZOOKEEPER_CA_FILE=str(tmp_path))
    assert found == f"ZOOKEEPER_CA_FILE {tmp_path} cannot be read: Is a directory."
    (found,) = problems(
        ZOOKEEPER_CA_FILE=ca, ZOOKEEPER_CERTIFICATE_FILE=str(one.certificate), ZOOKEEPER_KEY_FILE=str(other.key)
    )
    assert found.startswith(f"ZOOKEEPER_CERTIFICATE_FILE {one.certificate} cannot be used with ZOOKEEPER_KEY_FILE ")
    assert "key values mismatch" in found


def test_an_encrypted_key_is_refused_and_no_password_is_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("client", password=b"secret")
    (found,) = problems(
        ZOOKEEPER_CA_FILE=str(authority.ca),
        ZOOKEEPER_CERTIFICATE_FILE=str(issued.certificate),
        ZOOKEEPER_KEY_FILE=str(issued.key),
    )
    assert "cannot be used with ZOOKEEPER_KEY_FILE" in found


def test_the_originals_settings_for_it_name_the_new_one() -> None:
    (found,) = problems(ZOOKEEPER_SERVERS_PASSWORD="hunter2-hunter2")
    assert found == (
        "ZOOKEEPER_SERVERS_PASSWORD must be empty: write user:password into the file of ZOOKEEPER_CREDENTIALS_FILE."
    )
