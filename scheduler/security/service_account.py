"""A service account of DC/OS: its secret, and the token with which it logs in (a JSON Web Token, RS256)."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

ALGORITHM = "RS256"
LOGIN_SECONDS = 300
LEAST_BITS = 2048
_ENDPOINT = re.compile(r"https?://[^\s/@]+(/\S*)?")


class AccountFileError(ValueError):
    """A service account's secret that cannot be used; the text names the field and never its value."""


@dataclass(frozen=True)
class ServiceAccount:
    """An account with its key; `endpoint` is the address of the login."""

    uid: str
    endpoint: str
    key: RSAPrivateKey = field(repr=False)


def parse_account(text: str) -> ServiceAccount:
    """Return the account of a secret as DC/OS stores it: JSON with uid, private_key and login_endpoint.

    Raises:
        AccountFileError: A field is missing or cannot be used.
    """
    try:
        document = json.loads(text)
        uid, key, endpoint = (document[name] for name in ("uid", "private_key", "login_endpoint"))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise AccountFileError("it is not JSON with uid, private_key and login_endpoint") from error
    if not all(isinstance(value, str) and value for value in (uid, key, endpoint)):
        raise AccountFileError("uid, private_key and login_endpoint must be texts")
    if document.get("scheme", ALGORITHM) != ALGORITHM:
        raise AccountFileError(f"scheme must be {ALGORITHM}")
    if not _ENDPOINT.fullmatch(endpoint):
        raise AccountFileError("login_endpoint must be an https:// or http:// URL without a login")
    return ServiceAccount(uid, endpoint, _parse_key(key))


def _parse_key(text: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AccountFileError("private_key is not a PEM private key without a password") from error
    if not isinstance(key, RSAPrivateKey) or key.key_size < LEAST_BITS:
        raise AccountFileError(f"private_key must be an RSA key of at least {LEAST_BITS} bits")
    return key


def make_login_token(account: ServiceAccount, now: float) -> str:
    """Return a token for one login within LOGIN_SECONDS; `now` is in seconds since the epoch."""
    claims = {"uid": account.uid, "exp": int(now) + LOGIN_SECONDS}
    signed = f"{_encode_json({'alg': ALGORITHM, 'typ': 'JWT'})}.{_encode_json(claims)}"
    return f"{signed}.{_encode(account.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def expiry_of(token: str) -> float | None:
    """Return when a token ends, in seconds since the epoch; None if it does not tell. Nothing is verified."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"]
        return ends if math.isfinite(ends := float(found)) else None
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return None


def _encode_json(value: object) -> str:
    return _encode(json.dumps(value, separators=(",", ":")).encode())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
