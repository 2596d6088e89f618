"""Tokens of executors (JWTs, HS256), as an agent with --authenticate_http_executors issues and checks them."""

import base64
import hashlib
import hmac
import json
import secrets
from pathlib import Path

ENVIRONMENT = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"
REFUSED = '"Basic" authenticator returned:\n401 Unauthorized.\n\n"Bearer" authenticator returned:\n401 Unauthorized.'
_REALM = 'realm="mesos-agent-executor"'
_HEAD = {"alg": "HS256", "typ": "JWT"}


def read_key(path: Path) -> bytes:
    """Return the key of a file, made at the first start: tokens outlive the agent. Raises OSError."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".tmp")
        scratch.touch(mode=0o600)
        scratch.write_bytes(secrets.token_bytes(32))
        scratch.replace(path)
    return path.read_bytes()


def make_token(key: bytes, framework_id: str, executor_id: str, container_id: str) -> str:
    """Return the token of one run of an executor."""
    claims = {"cid": container_id, "eid": executor_id, "fid": framework_id}
    body = f"{_encode(json.dumps(_HEAD, separators=(',', ':')).encode())}."
    body += _encode(json.dumps(claims, separators=(",", ":")).encode())
    return f"{body}.{_sign(key, body)}"


def refusal(key: bytes, authorization: str | None) -> str | None:
    """Return the WWW-Authenticate header of a 401, None for a valid token; without any token it names no error."""
    asked = f"Basic {_REALM},Bearer {_REALM}"
    if authorization is None:
        return asked
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer":
        return f'{asked}, error="invalid_token", error_description="Scheme \'{scheme}\' unsupported"'
    body, dot, signature = token.rpartition(".")
    if body.count(".") != 1 or not dot:
        words = "Invalid JWT: Expected 3 components"
    elif not hmac.compare_digest(signature.encode(), _sign(key, body).encode()):
        words = "Invalid JWT: Token signature does not match"
    else:
        return None
    return f'{asked}, error="invalid_token", error_description="{words}"'


def claims_problem(authorization: str, framework_id: str, executor_id: str, container_id: str) -> str | None:
    """Return why a valid token is not that of this run of an executor, None if it is."""
    claims = json.loads(_decode(authorization.split(".")[1]))
    who = f"Authenticated principal '{json.dumps({'claims': claims}, separators=(',', ':'))}' does not contain"
    if claims.get("fid") != framework_id:
        return f"{who} an 'fid' claim with the framework ID {framework_id}, which is set in the call"
    if claims.get("eid") != executor_id:
        return f"{who} an 'eid' claim with the executor ID {executor_id}, which is set in the call"
    if claims.get("cid") != container_id:
        return f"{who} a 'cid' claim with the correct active ContainerID"
    return None


def _sign(key: bytes, body: str) -> str:
    return _encode(hmac.new(key, body.encode(), hashlib.sha256).digest())


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
