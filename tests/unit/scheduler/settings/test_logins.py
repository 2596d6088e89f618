"""The settings of authentication and authorization, and what excludes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.settings import InvalidSettings, parse
from tests.unit.scheduler.settings.test_zookeeper_files import ELSEWHERE
from tests.unit.sealing_keys import new_key

AUTHENTICATION, AUTHORIZATION = "SECURITY_AUTHENTICATION", "SECURITY_AUTHORIZATION"
KEY = {"SECRETS_KEY": new_key()}


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, ("off", "off")),
        ({AUTHENTICATION: "on"}, ("on", "off")),
        ({AUTHENTICATION: "true", AUTHORIZATION: "on"}, ("on", "on")),
        ({AUTHENTICATION: "false"}, ("off", "off")),
        ({AUTHENTICATION: "on", "CASSANDRA_AUTHENTICATOR": "PasswordAuthenticator"}, ("on", "off")),
    ],
)
def test_switches(environ: dict[str, str], found: tuple[str, str]) -> None:
    spec = parse({**ELSEWHERE, **KEY, **environ}).cluster_spec().cassandra
    assert (spec.authentication, spec.authorization) == found


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({AUTHENTICATION: "maybe", **KEY}, "SECURITY_AUTHENTICATION must be off or on, not 'maybe'."),
        ({AUTHENTICATION: "on"}, "SECRETS_KEY_FILE must be set for SECURITY_AUTHENTICATION=on"),
        ({AUTHORIZATION: "on", **KEY}, "SECURITY_AUTHORIZATION must be off while SECURITY_AUTHENTICATION is off"),
        (
            {AUTHENTICATION: "on", "CASSANDRA_AUTHENTICATOR": "com.example.Own", **KEY},
            "SECURITY_AUTHENTICATION must be off for authenticator 'Own'",
        ),
        ({"SECURITY_SUPERUSER_FILE": "/nowhere"}, "SECURITY_SUPERUSER_FILE /nowhere cannot be read"),
    ],
)
def test_contradictions(environ: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidSettings) as raised:
        parse({**ELSEWHERE, **environ})
    assert says in "\n".join(raised.value.problems)


def test_a_superuser_file_is_checked_without_its_password(tmp_path: Path) -> None:
    path = tmp_path / "superuser"
    path.write_text("cassandra:a-long-password\n")
    with pytest.raises(InvalidSettings) as raised:
        parse({**ELSEWHERE, "SECURITY_SUPERUSER_FILE": str(path)})
    (problem,) = raised.value.problems
    assert "the user must be another one than" in problem
    assert "a-long-password" not in problem
