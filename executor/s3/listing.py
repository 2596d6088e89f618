"""Pages of listings, which a server that is no S3 can answer in any form. Functions raise LookupError or ValueError."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Arrived:
    """A part that an earlier attempt sent: its size, and its SHA-256 if the server reports it."""

    size: int
    etag: str
    sha256: bytes | None


def checked(page: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a page of objects whose entries have what those of S3 have."""
    for item in page.get("Contents", ()):
        if not item["Key"] or item["Size"] < 0:
            raise ValueError("an object without a name or with a negative size")
        item["LastModified"].timestamp()
    for item in page.get("CommonPrefixes", ()):
        item["Prefix"].index("/")
    return page


def following(page: Mapping[str, Any], arguments: Mapping[str, Any], *markers: str) -> dict[str, Any]:
    """Return the arguments of the next page, such as ContinuationToken; empty after the last one.

    A server that names the same page again would be listed without an end.
    """
    if not page.get("IsTruncated"):
        return {}
    found = {name: page[f"Next{name}"] for name in markers}
    if all(arguments.get(name) == value for name, value in found.items()):
        raise ValueError("the next page is the same one")
    return found


def parts(page: Mapping[str, Any]) -> dict[int, Arrived]:
    """Return the parts of a page, by number."""
    found = {}
    for item in page.get("Parts", ()):
        digest = item.get("ChecksumSHA256")
        sha256 = base64.b64decode(digest) if digest else None
        found[item["PartNumber"]] = Arrived(item["Size"], item["ETag"], sha256)
    return found
