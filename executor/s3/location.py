"""The external location of backups: parsed into bucket, prefix and endpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_S3 = re.compile(r"s3://(?P<bucket>[^/?#@\s]+)(?:/(?P<prefix>[^?#\s]*))?")
_HTTP = re.compile(r"(?P<endpoint>https?://[^/?#@\s]+)/(?P<bucket>[^/?#\s]+)(?:/(?P<prefix>[^?#\s]*))?")


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
    and always has path style.

    Raises:
        LocationError: A field is not valid.
    """
    text = str(content.get("external_location") or "")
    region, endpoint = _optional(content, "region"), _optional(content, "endpoint")
    path_style = bool(content.get("path_style"))
    found = _S3.fullmatch(text)
    if found is None:
        found = _HTTP.fullmatch(text)
        if found is None:
            raise LocationError(f"external_location {text!r} is neither s3://bucket[/prefix] nor http(s)://host/bucket")
        if endpoint is not None:
            raise LocationError("external_location already names an endpoint; remove the field endpoint")
        endpoint, path_style = found["endpoint"], True
    return Location(
        bucket=found["bucket"],
        prefix=_prefix(found["prefix"] or ""),
        endpoint=endpoint,
        region=region,
        path_style=path_style,
        authority=_optional(content, "tls_ca"),
    )


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
