"""The external location of backups: parsed into bucket, prefix and endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_S3 = re.compile(r"s3://(?P<bucket>[^/?#@\s]+)(?:/(?P<prefix>[^?#\s]*))?")
_HTTP = re.compile(r"(?P<endpoint>https?://[^/?#@\s]+)/(?P<bucket>[^/?#\s]+)(?:/(?P<prefix>[^?#\s]*))?")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")


class LocationError(ValueError):
    """A text that is not a location; the error names the field and the problem."""


@dataclass(frozen=True)
class Location:
    """A bucket and a prefix in it. `prefix` is empty or ends with a slash; `endpoint` is None for AWS itself.

    `authority` is the PEM text of the certificates that verify the endpoint's, None for the system's.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    path_style: bool = False
    authority: str | None = field(default=None, repr=False)

    def key(self, name: str) -> str:
        """Return the key in the bucket for a name under this location."""
        return self.prefix + name

    def __str__(self) -> str:
        place = f"{self.endpoint}/{self.bucket}" if self.endpoint else f"s3://{self.bucket}"
        return f"{place}/{self.prefix}".rstrip("/")


def parse(content: Mapping[str, Any]) -> Location:
    """Parse the location in a job's parameters or a question: `external_location` and its companions.

    Examples: `s3://bucket/prefix` is at AWS, or at `endpoint`. `https://host:9000/bucket/prefix` names its own endpoint
    and always has path style. `allowed` are the places of BACKUP_LOCATIONS; a scheduler of an earlier version gives
    none.

    Raises:
        LocationError: A field is not valid.
    """
    text = str(content.get("external_location") or "")
    region, endpoint = _optional(content, "region"), _optional(content, "endpoint")
    if region is not None and not _REGION.fullmatch(region):
        # It becomes a part of a host's name.
        raise LocationError("region is not of letters, digits and dashes")
    path_style = bool(content.get("path_style"))
    found = _S3.fullmatch(text)
    if found is None:
        found = _HTTP.fullmatch(text)
        if found is None:
            raise LocationError(f"external_location {text!r} is neither s3://bucket[/prefix] nor http(s)://host/bucket")
        if endpoint is not None:
            raise LocationError("external_location already names an endpoint; remove the field endpoint")
        endpoint, path_style = found["endpoint"], True
    location = Location(
        bucket=found["bucket"],
        prefix=_prefix(found["prefix"] or ""),
        endpoint=endpoint,
        region=region,
        path_style=path_style,
        authority=_optional(content, "tls_ca"),
    )
    allowed = content.get("allowed")
    if allowed is not None:
        _check_allowed(location, [str(place) for place in allowed])
    return location


def _optional(content: Mapping[str, Any], name: str) -> str | None:
    value = content.get(name)
    if value is not None and not isinstance(value, str):
        raise LocationError(f"{name} must be a text")
    return value or None


def _prefix(text: str) -> str:
    text = text.rstrip("/")
    if any(part in ("", ".", "..") for part in text.split("/")) and text:
        raise LocationError(f"the prefix {text!r} has a part that is empty, . or ..")
    return f"{text}/" if text else ""


def _check_allowed(location: Location, places: Iterable[str]) -> None:
    """Raise LocationError unless a location lies in one of the places of BACKUP_LOCATIONS, as the scheduler gives them.

    A place is `s3://bucket/prefix/` or `http(s)://host:port/bucket/prefix/`, or the beginning of one; `*` is any port.
    """
    forms = _forms(location)
    if not any(form.startswith(place) for form in forms for place in places):
        raise LocationError(f"{location} is in none of the places of BACKUP_LOCATIONS")


def _forms(location: Location) -> tuple[str, ...]:
    rest = f"{location.bucket}/{location.prefix}"
    if location.endpoint is None:
        return (f"s3://{rest}",)
    scheme, host, port = address_of(location.endpoint)
    return (f"{scheme}://{host}:{port}/{rest}", f"{scheme}://{host}:*/{rest}")


def address_of(url: str) -> tuple[str, str, int]:
    """Take scheme, host in small letters and port from a URL. Raises LocationError."""
    try:
        found = urlsplit(url)
        port = found.port or _DEFAULT_PORTS[found.scheme]
    except (ValueError, KeyError) as error:
        raise LocationError(f"{url!r} is no address of a server") from error
    host = (found.hostname or "").rstrip(".")
    return found.scheme, f"[{host}]" if ":" in host else host, port
