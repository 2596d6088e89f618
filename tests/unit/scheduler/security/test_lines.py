"""Files of secrets and names are split at newlines alone."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler.security import lines
from scheduler.security.client_names import RolesFileError, parse_roles
from scheduler.security.lines import entries, read_pem, read_text
from scheduler.security.sealing import KeyFileError, parse_keys
from scheduler.security.superuser import parse_superuser, read_superuser
from scheduler.security.tokens import TokenFileError, parse_tokens
from scheduler.security.zookeeper import CredentialsFileError, parse_credentials
from scheduler.settings import InvalidSettings, parse

# All that `str.splitlines` splits at, but for the newline.
OTHERS = "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_KEY = base64.urlsafe_b64encode(bytes(32)).decode()


@pytest.mark.parametrize("sign", OTHERS)
@pytest.mark.parametrize(
    ("line", "parse", "refusal"),
    [
        ("ops:read:{sign}an-admin-token-of-20", parse_tokens, TokenFileError),
        ("ops:read:0123456789abcdef{sign}a:admin:0123456789abcdef", parse_tokens, TokenFileError),
        ("client{sign}other:admin", parse_roles, RolesFileError),
        (f"{_KEY}{{sign}}{_KEY}", parse_keys, KeyFileError),
        ("owner:0123456789{sign}other:0123456789", parse_credentials, CredentialsFileError),
        ("owner:0123456789{sign}", parse_superuser, ValueError),
    ],
)
def test_no_part_of_a_line_is_a_line(
    line: str, parse: Callable[[str], object], refusal: type[Exception], sign: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_bytes(line.format(sign=sign).encode())
    if sign == "\r" and parse is parse_superuser:
        assert read_superuser(str(file)) == ("owner", "0123456789")
        return
    with pytest.raises(refusal):
        parse(read_text(file))


def test_entries() -> None:
    text = "\r\n# words\r\n\tone \r\n  two\n\n  # more\nthree"
    assert list(entries(text)) == [(3, "one"), (4, "two"), (7, "three")]


def test_a_file_without_an_end_is_refused(tmp_path: Path) -> None:
    """A setting can name a device by mistake. It would take all memory, at the start and at each request."""
    with pytest.raises(OSError, match="File too large"):
        read_text(Path("/dev/zero"))
    with pytest.raises(OSError, match="File too large"):
        read_pem(Path("/dev/zero"))
    large = tmp_path / "file"
    large.write_bytes(b"#" * (4 * 1024**2))
    assert len(read_text(large)) == 4 * 1024**2
    large.write_bytes(b"#" * (4 * 1024**2 + 1))
    with pytest.raises(OSError, match="File too large"):
        read_text(large)


@pytest.mark.parametrize(
    "name",
    [
        "API_TOKEN_FILE", "API_CLIENT_ROLES_FILE", "SERVICE_SECRET_FILE", "SERVICE_ACCOUNT_FILE", "SECRETS_KEY_FILE",
        "BACKUP_ENCRYPTION_KEY_FILE", "ZOOKEEPER_CREDENTIALS_FILE", "SECURITY_SUPERUSER_FILE", "CASSANDRA_YAML_FILE",
    ],
)  # fmt: skip
def test_a_setting_that_names_a_device(name: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        parse({"ARTIFACTS_URL": "https://files.example/", "SERVICE_USER": "cassandra", name: "/dev/zero"})
    assert f"{name} /dev/zero cannot be read: File too large." in refused.value.problems


def test_the_lines_of_a_certificate_end_at_newlines(tmp_path: Path) -> None:
    """An editor of Windows must not make another authority of it."""
    (tmp_path / "file").write_bytes(b"a\r\nb\rc\n")
    assert read_pem(tmp_path / "file") == "a\nb\nc\n"


def test_a_pipe_that_nobody_writes_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PIPE_SECONDS", 0.01)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="it is a pipe, and nothing was written to it for 0 s"):
        read_text(pipe)


def test_a_pipe_with_content_is_a_file() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"a secret\n")
    os.close(writer)
    try:
        assert read_text(Path(f"/dev/fd/{reader}")) == "a secret\n"
    finally:
        os.close(reader)
