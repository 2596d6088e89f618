"""The files with which the scheduler connects to Mesos: TLS, secret and service account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from scheduler.security.tls import Tls
from scheduler.settings import InvalidSettings, Settings, parse
from service.startup import framework
from tests.certificates import Authority

ELSEWHERE = {"EXECUTOR_LOCATION": "/e.tar.gz", "EXECUTOR_CASSANDRA_LOCATION": "/c.tar.gz"}
UID = "cassandra-account"
KEY = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)


def settings(**environ: str) -> Settings:
    return parse({**ELSEWHERE, **environ})


def problems(**environ: str) -> tuple[str, ...]:
    with pytest.raises(InvalidSettings) as caught:
        settings(**environ)
    return caught.value.problems


@pytest.fixture
def account(tmp_path: Path) -> Path:
    path = tmp_path / "account.json"
    secret = {
        "scheme": "RS256",
        "uid": UID,
        "private_key": KEY.decode(),
        "login_endpoint": "https://leader.mesos/login",
    }
    path.write_text(json.dumps(secret))
    path.chmod(0o600)
    return path


def test_without_settings_calls_are_plain() -> None:
    found = settings()
    assert (found.mesos_tls(), found.warnings) == (None, ())
    assert framework(found).account is None


def test_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own = authority.issue("scheduler")
    ca, certificate, key = map(str, (authority.ca, own.certificate, own.key))
    found = settings(MESOS_CA_FILE=ca, MESOS_CERTIFICATE_FILE=certificate, MESOS_KEY_FILE=key)
    assert found.mesos_tls() == framework(found).tls == Tls(ca, certificate, key)
    assert found.warnings == ()
    assert problems(MESOS_CA_FILE=str(tmp_path / "none")) == (
        f"MESOS_CA_FILE {tmp_path}/none cannot be read: No such file or directory.",
    )
    assert problems(MESOS_CA_FILE=ca, MESOS_KEY_FILE=key) == (
        "MESOS_CERTIFICATE_FILE must be set beside MESOS_KEY_FILE.",
    )
    assert problems(MESOS_CERTIFICATE_FILE=certificate, MESOS_KEY_FILE=key) == (
        "MESOS_CA_FILE must be set beside MESOS_CERTIFICATE_FILE: it turns TLS on.",
    )
    other = authority.issue("other")
    (problem,) = problems(MESOS_CA_FILE=ca, MESOS_CERTIFICATE_FILE=certificate, MESOS_KEY_FILE=str(other.key))
    assert problem.startswith(f"MESOS_CERTIFICATE_FILE {certificate} cannot be used with MESOS_KEY_FILE {other.key}: ")


def test_a_service_account(account: Path, tmp_path: Path) -> None:
    tls = {"MESOS_CA_FILE": str(Authority(tmp_path).ca)}
    found = settings(SERVICE_ACCOUNT_FILE=str(account), SERVICE_PRINCIPAL=UID, **tls)
    assert found.warnings == ()
    read = framework(found).account
    assert read is not None
    assert (read.uid, read.endpoint) == (UID, "https://leader.mesos/login")
    account.chmod(0o644)
    words = " ".join(settings(SERVICE_ACCOUNT_FILE=str(account), SERVICE_PRINCIPAL=UID).warnings)
    assert "SERVICE_ACCOUNT_FILE is set without MESOS_CA_FILE: credentials travel to the master in plain text." in words
    assert "has the mode 0644" in words


@pytest.mark.parametrize(
    ("content", "more", "sentence"),
    [
        (None, {}, f"SERVICE_PRINCIPAL must be '{UID}', the uid in SERVICE_ACCOUNT_FILE, not cassandra-principal."),
        (None, {"SERVICE_PRINCIPAL": UID, "SERVICE_SECRET_FILE": "/dev/null"}, "SERVICE_SECRET_FILE must not be set"),
        (b"{}", {}, "cannot be used: it is not JSON with uid, private_key and login_endpoint."),
        (b"\xff", {}, "is not a text file."),
        (
            b"",
            {"SERVICE_ACCOUNT_FILE": "/none"},
            "SERVICE_ACCOUNT_FILE /none cannot be read: No such file",
        ),
    ],
)
def test_what_is_wrong_with_an_account(
    account: Path, content: bytes | None, more: dict[str, Any], sentence: str
) -> None:
    if content is not None:
        account.write_bytes(content)
    (problem,) = problems(**{"SERVICE_ACCOUNT_FILE": str(account), **more})
    assert sentence in problem
    assert "PRIVATE" not in problem


def test_a_secret_without_tls_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("word")
    (tmp_path / "secret").chmod(0o600)
    (warning,) = settings(SERVICE_SECRET_FILE=str(tmp_path / "secret")).warnings
    assert (
        warning == "SERVICE_SECRET_FILE is set without MESOS_CA_FILE: credentials travel to the master in plain text."
    )
