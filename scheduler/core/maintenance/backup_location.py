"""Locations of backups: the fields of a request that name one, and the secrets for it.

A location is `s3://bucket[/prefix]`, or `http(s)://endpoint/bucket[/prefix]` for another S3 server. A request is stored
and shown without secrets, so an address must contain none.
"""

from __future__ import annotations

import base64
import re
from typing import Any

from scheduler.core.maintenance.request_fields import Form, show_value

S3 = re.compile(r"s3://([^/]*)(/.*)?")
HTTP = re.compile(r"https?://([^/]*)(/[^/]*)?(/.*)?")
ENDPOINT = re.compile(r"https?://([^/]*)/?")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:([0-9]{1,5}))?")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]")
_SEGMENT = re.compile(r"[A-Za-z0-9._=+,:;!@&$'()*-]+")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_CERTIFICATES = re.compile(r"(\s*-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----)+\s*")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----")
_SECRET = re.compile(r"[\x21-\x7e]+")

LOCATION_LENGTH = 512
CERTIFICATES_LENGTH = 65_536
SECRET_LENGTH = 4096
SHAPES = "s3://bucket, s3://bucket/prefix, http(s)://endpoint/bucket or http(s)://endpoint/bucket/prefix"
NO_CREDENTIALS = "must not hold a user or a password: give s3_access_key and s3_secret_key"


def location(form: Form) -> dict[str, Any]:
    """Return external_location, region, endpoint, tls_ca and uses_emc, checked."""
    place = form.text("external_location").rstrip("/")
    region, endpoint = form.text("region"), form.text("endpoint").rstrip("/")
    authority = form.text("tls_ca")
    if form.is_text("external_location") and (words := _location_rule(place)) is not None:
        form.problem("external_location", words)
    if region and not _REGION.fullmatch(region):
        form.problem("region", f"must be letters, digits and dashes, not {show_value(region)}")
    if endpoint and (words := _endpoint_rule(place, endpoint)) is not None:
        form.problem("endpoint", words)
    if authority and (words := _authority_rule(authority)) is not None:
        form.problem("tls_ca", words)
    if authority and (endpoint or place).startswith("http://"):
        form.problem("tls_ca", "is for https://, not for http://")
    _refuse_azure(form)
    return {
        "external_location": place,
        "region": region or None,
        "endpoint": endpoint or None,
        "tls_ca": authority or None,
        "uses_emc": form.flag("uses_emc", default=False),
    }


def credentials(form: Form) -> dict[str, str]:
    """Return both S3 keys or none; an empty key counts as none.

    Without keys, the nodes use the credentials of their agents.
    """
    found = {name: secret(form, name) for name in ("s3_access_key", "s3_secret_key", "s3_session_token")}
    if bool(found["s3_access_key"]) != bool(found["s3_secret_key"]):
        form.problem("s3_access_key", "and s3_secret_key must be given both, or none of them")
    elif found["s3_session_token"] and not found["s3_access_key"]:
        form.problem("s3_session_token", "needs s3_access_key and s3_secret_key")
    return {name: value for name, value in found.items() if value}


def login(form: Form) -> dict[str, str]:
    """Return the Cassandra user for a cluster with authentication."""
    found = {
        "cassandra_username": secret(form, "cassandra_username", blanks=True),
        # Blanks at its ends are a part of it; the end of a line is of a file.
        "cassandra_password": secret(form, "cassandra_password", blanks=True, around="\r\n"),
    }
    if bool(found["cassandra_username"]) != bool(found["cassandra_password"]):
        form.problem("cassandra_username", "and cassandra_password must be given both, or none of them")
    return {name: value for name, value in found.items() if value}


def secret(form: Form, field: str, blanks: bool = False, around: str | None = None) -> str:
    """Return a secret text without blanks, or the signs `around`, at its ends; a problem never repeats it."""
    value = form.text(field, around)
    if len(value) > SECRET_LENGTH:
        form.problem(field, f"must be at most {SECRET_LENGTH} characters long")
    elif value and not (value.isprintable() if blanks else _SECRET.fullmatch(value)):
        form.problem(field, "must be printable" + ("" if blanks else " characters without blanks"))
    return value


def _location_rule(place: str) -> str | None:
    """Return the rule that a location breaks; repeat the location only if it cannot contain a password."""
    if not place:
        return f"must be given: {SHAPES}"
    if place.startswith("azure:"):
        return f"must not be on Azure, which is not supported: {SHAPES}"
    if len(place) > LOCATION_LENGTH:
        return f"must be at most {LOCATION_LENGTH} characters long"
    authority = place.partition("://")[2].partition("/")[0]
    if "@" in authority:
        return NO_CREDENTIALS
    if (match := S3.fullmatch(place)) is not None:
        return _bucket_rule(match[1]) or _prefix_rule(match[2])
    if (match := HTTP.fullmatch(place)) is not None:
        return _host_rule(match[1]) or _bucket_rule((match[2] or "")[1:]) or _prefix_rule(match[3])
    return f"must be {SHAPES}"


def _bucket_rule(bucket: str) -> str | None:
    if not bucket:
        return f"names no bucket: {SHAPES}"
    if not _BUCKET.fullmatch(bucket) or ".." in bucket:
        return f"names no valid bucket: 3 to 63 letters, digits, dots, dashes and underscores, not {show_value(bucket)}"
    return None


def _prefix_rule(prefix: str | None) -> str | None:
    for segment in (prefix or "").split("/")[1:]:
        if segment in ("", ".", "..") or not _SEGMENT.fullmatch(segment):
            signs = "letters, digits and ._=+,:;!@&$'()*-"
            return f"has a prefix with a part that is empty, . or .., or that has other signs than {signs}"
    return None


def _host_rule(host: str) -> str | None:
    match = _HOST.fullmatch(host)
    if match is None or not 0 < int(match[4] or 1) <= 65_535:
        return f"names no valid endpoint: a host, or host:port, not {show_value(host)}"
    return None


def _endpoint_rule(place: str, endpoint: str) -> str | None:
    if len(endpoint) > LOCATION_LENGTH:
        return f"must be at most {LOCATION_LENGTH} characters long"
    if "@" in endpoint:
        return NO_CREDENTIALS
    if place.startswith(("http://", "https://")):
        return "must not be given, as external_location names one"
    match = ENDPOINT.fullmatch(endpoint)
    if match is None:
        return "must be http(s)://host or http(s)://host:port, without a path"
    return _host_rule(match[1])


def _authority_rule(text: str) -> str | None:
    if len(text) > CERTIFICATES_LENGTH:
        return f"must be at most {CERTIFICATES_LENGTH} characters long"
    if "PRIVATE KEY" in text or not _CERTIFICATES.fullmatch(text):
        return "must be certificates in PEM and nothing else"
    try:
        for body in _CERTIFICATE.findall(text):
            base64.b64decode("".join(body.split()), validate=True)
    except ValueError:
        return "holds a certificate that is not base64"
    return None


def _refuse_azure(form: Form) -> None:
    """Refuse Azure; the command line of the original service always sends its fields, empty if not given."""
    for field in ("azure_account", "azure_key"):
        if form.text(field):
            form.problem(field, "must be empty: Azure is not supported")
