"""The secret of a service account, and the token that logs it in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from scheduler.security.service_account import (
    LOGIN_SECONDS,
    AccountFileError,
    expiry_of,
    make_login_token,
    parse_account,
)
from tests.certificates import of_unknown_curve

KEY = rsa.generate_private_key(65537, 2048)
FORM = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(*FORM, hidden).decode()


SECRET = {
    "scheme": "RS256",
    "uid": "cassandra-account",
    "private_key": pem(KEY),
    "login_endpoint": "https://leader.mesos/acs/api/v1/auth/login",
}


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_the_login_token_is_signed_by_the_accounts_key() -> None:
    account = parse_account(json.dumps(SECRET))
    head, claims, signature = make_login_token(account, 1000.9).split(".")
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT"}
    assert json.loads(decoded(claims)) == {"uid": "cassandra-account", "exp": 1000 + LOGIN_SECONDS}
    KEY.public_key().verify(decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())


def test_the_key_is_not_shown() -> None:
    assert "RSAPrivateKey" not in repr(parse_account(json.dumps(SECRET)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"uid": None}, "must be texts"),
        ({"uid": ""}, "must be texts"),
        ({"scheme": "HS256"}, "scheme must be RS256"),
        ({"login_endpoint": "leader.mesos"}, "login_endpoint must be an https"),
        ({"login_endpoint": "https://user:word@leader.mesos/x"}, "login_endpoint must be an https"),
        ({"private_key": "geheim"}, "private_key is not a PEM private key without a password"),
        (
            {"private_key": of_unknown_curve(pem(ec.generate_private_key(ec.SECP256R1())))},
            "private_key is not a PEM private key",
        ),
        ({"private_key": pem(KEY, b"word")}, "private_key is not a PEM private key without a password"),
        ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "private_key must be an RSA key"),
        (
            {"private_key": pem(rsa.generate_private_key(65537, 1024))},
            "private_key must be an RSA key of at least 2048",
        ),
    ],
)
def test_each_problem_of_a_field_is_one_sentence_without_its_value(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(AccountFileError, match=words) as caught:
        parse_account(json.dumps(SECRET | changes))
    assert "PRIVATE" not in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "5", "{}", '{"uid": "x"}', "[" * 100_000, '{"uid": "x", "private_key": 1}'])
def test_what_is_no_secret_of_an_account(text: str) -> None:
    with pytest.raises(AccountFileError, match="it is not JSON with uid, private_key and login_endpoint"):
        parse_account(text)


@pytest.mark.parametrize(
    "token",
    ["", "a", "a.b.c", "a.e30.c"]
    + [f"a.{base64.b64encode(body).decode()}.c" for body in (b"[1]", b'{"exp": NaN}', b'{"exp": 1e400}')],
)
def test_a_token_that_does_not_tell_its_end(token: str) -> None:
    assert expiry_of(token) is None
