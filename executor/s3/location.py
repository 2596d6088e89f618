"""Where backups are kept: an external location, taken apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_S3 = re.compile(r"s3://(?P<bucket>[^/?#@\s]+)(?:/(?P<prefix>[^?#\s]*))?")
_HTTP = re.compile(r"(?P<endpoint>https?://[^/?#@\s]+)/(?P<bucket>[^/?#\s]+)(?:/(?P<prefix>[^?#\s]*))?")


class LocationError(ValueError):
    """No location; the text says what is wrong with it."""


@dataclass(frozen=True)
class Location:
    """A bucket and a prefix in it. `prefix` is empty, or ends with a slash; `endpoint` is None for AWS itself.

    `authority` is the PEM text of the certificates that the endpoint's is to be checked with, None for the system's.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    path_style: bool = False
    authority: str | None = field(default=None, repr=False)

    def key(self, name: str) -> str:
        """The key in the bucket of a name under this location."""
        return self.prefix + name

    def __str__(self) -> str:
        place = f"{self.endpoint}/{self.bucket}" if self.endpoint else f"s3://{self.bucket}"
        return f"{place}/{self.prefix}".rstrip("/")


def parse(content: Mapping[str, Any]) -> Location:
    """The location of a job's parameters or of a question: `external_location` and what goes with it.

    `s3://bucket[/prefix]` is at AWS, or at `endpoint`; `http(s)://host[:port]/bucket[/prefix]` names its own endpoint
    and is always of path style. Raises LocationError.
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
            raise LocationError("external_location names an endpoint already, so that endpoint must not be given")
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
        raise LocationError(f"{name} is not a text")
    return value or None


def _prefix(text: str) -> str:
    text = text.rstrip("/")
    if any(part in ("", ".", "..") for part in text.split("/")) and text:
        raise LocationError(f"the prefix {text!r} has a part that is empty, . or ..")
    return f"{text}/" if text else ""
