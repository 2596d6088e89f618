"""The places that BACKUP_LOCATIONS allows: parsed, normalized, and compared with what a request names.

A place is normalized to the text with which an allowed location begins: `s3://`, `s3://bucket/prefix/`, or
`http(s)://host:port/bucket/prefix/`. The executor compares such texts again (`executor.s3.location`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from executor.metadata_addresses import is_metadata
from scheduler.core.state.backup_place import AUTHORITY, PORTS, place_of, slashed

# Any bucket of Amazon, and no other server.
DEFAULT = ("s3://",)
_S3 = re.compile(r"s3://(?:\*|(?P<rest>[^/?#@*\s]+(?:/[^?#*\s]*)?))/?")
_HTTP = re.compile(
    r"(?:s3\+)?(?P<scheme>https?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?P<port>[0-9]{1,5}|\*))?"
    r"(?P<rest>(?:/[^?#*\s]*)?)"
)
SHAPE = "must be places parted by commas, each s3://*, s3://bucket[/prefix] or http(s)://host[:port][/bucket[/prefix]]"


def parse(text: str) -> tuple[str, ...]:
    """Return the normalized places of the setting, the default for an empty one. Raises ValueError with the rule."""
    places = tuple(_place(item.strip()) for item in text.split(",") if item.strip())
    return places or DEFAULT


def _place(text: str) -> str:
    if (found := _S3.fullmatch(text)) is not None:
        return f"s3://{slashed(found['rest'] or '')}"
    if (found := _HTTP.fullmatch(text)) is None:
        raise ValueError(SHAPE)
    port = found["port"] or PORTS[found["scheme"]]
    place = f"{found['scheme']}://{found['host'].lower().rstrip('.')}:{port}/{slashed(found['rest'])}"
    if _is_metadata(place):
        raise ValueError("must not name a link-local address, or that of a metadata service")
    return place


def problem(places: Sequence[str], request: Mapping[str, Any]) -> str | None:
    """Return the rule that the location of a checked request breaks; None if it has none, or if it is allowed."""
    form = place_of(request)
    if not form:
        return None
    if _is_metadata(form):
        return "must not be at a link-local address, or at that of a metadata service"
    # The same with any port.
    forms = [form, re.sub(r":\d+/", ":*/", form, count=1)] if form.startswith("http") else [form]
    if any(form.startswith(place) for form in forms for place in places):
        return None
    shown = ", ".join("s3://*" if place == "s3://" else place for place in places)
    return f"must lie in one of the places that BACKUP_LOCATIONS allows: {shown}"


def _is_metadata(form: str) -> bool:
    """Tell of a literal address; what a name leads to, the executor finds out when it connects."""
    found = AUTHORITY.fullmatch(form.partition("://")[2].partition("/")[0])
    try:
        return found is not None and is_metadata(found["host"].strip("[]"))
    except ValueError:
        return False
