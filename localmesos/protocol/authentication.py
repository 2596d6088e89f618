"""Who may speak to a master: HTTP basic authentication, with the realms and words of Mesos. Pure but for `read`."""

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
# Agents are not authenticated here, and these tell nothing.
_OPEN = ("health", "version", "localmesos/agent", "localmesos/agent/call")


def read_credentials(path: Path) -> dict[str, str]:
    """Secrets by principal, from Mesos' own file of credentials; ValueError if it is not one."""
    try:
        found = json.loads(path.read_text())["credentials"]
        return {str(item["principal"]): str(item["secret"]) for item in found}
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no credentials: {error}") from error


def realm_of(path: str) -> str | None:
    """The realm of a path below /master, None where everybody may read."""
    return None if path in _OPEN else _REALMS.get(path, _READ_ONLY)


def principal_of(credentials: Mapping[str, str], authorization: str | None) -> str | None:
    """Who sends a request with this header Authorization; None for nobody whom the master knows."""
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
    """Why this principal may not subscribe with this FrameworkInfo."""
    named = subscribe.get("framework_info", {}).get("principal")
    if principal is None or named in (None, principal):
        return None
    words = f"Authenticated principal '{principal}' does not match principal '{named}' set in `FrameworkInfo`"
    return f"Failed to validate scheduler::Call: {words}"
