"""Locations of backups, and the question to the API for what is there."""

from __future__ import annotations

from collections.abc import Mapping

from api.page.dispatch import Answer, call

PLACE = ("external_location", "region", "endpoint")
_HEADERS = {
    "s3_access_key": "X-S3-Access-Key",
    "s3_secret_key": "X-S3-Secret-Key",
    "s3_session_token": "X-S3-Session-Token",
}


def ask_for_list(given: Mapping[str, str]) -> Answer:
    """Ask the API for the backups at a location; keys go in headers, as routers log addresses."""
    query = {name: given[name] for name in PLACE if given.get(name)}
    headers = {header: given[name] for name, header in _HEADERS.items() if given.get(name)}
    return call("GET", "/v1/backups", query, headers=headers)
