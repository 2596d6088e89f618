"""The place of a request's backups in one form, however the request names it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}|\*))?")
PORTS = {"http": "80", "https": "443"}


def place_of(request: Mapping[str, Any]) -> str:
    """Return where a checked request looks for backups: `s3://bucket/prefix/` or `http(s)://host:port/bucket/prefix/`.

    A server can be named by `endpoint` or by the location itself. Empty if the request names no location.
    """
    location, endpoint = str(request.get("external_location") or ""), request.get("endpoint")
    text = f"{endpoint}/{location.removeprefix('s3://')}" if location and endpoint else location
    scheme, _, rest = text.partition("://")
    if scheme == "s3":
        return f"s3://{slashed(rest)}"
    authority, _, path = rest.partition("/")
    found = AUTHORITY.fullmatch(authority)
    if found is None:
        return text
    host, port = found["host"].lower().rstrip("."), found["port"] or PORTS.get(scheme)
    return f"{scheme}://{host}:{port}/{slashed(path)}"


def slashed(text: str) -> str:
    """Return bucket and prefix with a slash at their end: `back` is not the beginning of `backups`."""
    text = text.strip("/")
    return f"{text}/" if text else ""
