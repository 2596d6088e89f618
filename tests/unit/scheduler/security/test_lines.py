"""Files of secrets and names are split at newlines alone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler.security.client_names import RolesFileError, parse_roles
from scheduler.security.lines import entries, read_text
from scheduler.security.sealing import KeyFileError, parse_keys
from scheduler.security.superuser import parse_superuser, read_superuser
from scheduler.security.tokens import TokenFileError, parse_tokens
from scheduler.security.zookeeper import CredentialsFileError, parse_credentials

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
