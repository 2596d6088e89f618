"""HTTP basic authentication to a master, with the realms and messages of Mesos. Pure but for `read_credentials`."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

REFUSED = "401 Unauthorized."
_REALMS = {"api/v1/scheduler": "mesos-master-scheduler", "api/v1": "mesos-master-readwrite"}
_READ_ONLY = "mesos-master-readonly"
# Agents are not authenticated here, and these paths reveal nothing.
_OPEN = ("health", "version", "localmesos/agent", "localmesos/agent/call")


def read_credentials(path: Path) -> dict[str, str]:
    """Return the secrets by principal from a file in Mesos' format of credentials.

    Raises:
        ValueError: the file has another format.
    """
    try:
        found = json.loads(path.read_text())["credentials"]
        return {str(item["principal"]): str(item["secret"]) for item in found}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no credentials: {error}") from error


def realm_of(path: str) -> str | None:
    """Return the realm of a path below /master, None if reading needs no authentication."""
    return None if path in _OPEN else _REALMS.get(path, _READ_ONLY)


def principal_of(credentials: Mapping[str, str], authorization: str | None) -> str | None:
    """Return the principal of an Authorization header, None if the master does not know it."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme != "Basic":
        return None
    try:
        principal, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    known = credentials.get(principal)
    return principal if known is not None and hmac.compare_digest(known.encode(), secret.encode()) else None


def principal_problem(principal: str | None, subscribe: Json) -> str | None:
    """Return why this principal cannot subscribe with this FrameworkInfo, None if it can."""
    named = subscribe.get("framework_info", {}).get("principal")
    if principal is None or named in (None, principal):
        return None
    words = f"Authenticated principal '{principal}' does not match principal '{named}' set in `FrameworkInfo`"
    return f"Failed to validate scheduler::Call: {words}"
