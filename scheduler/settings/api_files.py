"""Checks of the files with which the API speaks HTTPS and knows its clients."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.security.api_certificate import (
    CERTIFICATE,
    CLIENT_CA,
    KEY,
    CertificateFiles,
    UnusableCertificate,
    identify,
)
from scheduler.security.client_names import RolesFileError, parse_roles
from scheduler.settings.checks import Reading, read_file

ROLES = "API_CLIENT_ROLES_FILE"
OWN_SETTING, OWN_WORD = "API_CERTIFICATE", "own"
# One of them opens or holds the key of the authority.
_KEYS = ("SECRETS_KEY_FILE", "SECRETS_KEY", "SECURITY_CA_KEY_FILE")


def scheme(certificate_file: str | None, certificate: str | None) -> str:
    """Return the API's scheme by the values of API_CERTIFICATE_FILE and API_CERTIFICATE: `https` with either."""
    return "https" if certificate_file or certificate == OWN_WORD else "http"


def unusable_api_files(reading: Reading, now: float) -> Iterator[str]:
    """Yield the problems of these files, and of settings that need each other."""
    certificate, key, clients, roles = (reading.values.get(name) or "" for name in (CERTIFICATE, KEY, CLIENT_CA, ROLES))
    own = reading.values.get(OWN_SETTING) == OWN_WORD
    yield from _pairs(certificate, key, clients, roles, own)
    if own and not any(reading.values.get(name) for name in _KEYS):
        yield f"SECRETS_KEY_FILE must be set beside {OWN_SETTING}={OWN_WORD}: it seals the key of the authority."
    if roles:
        read_file(ROLES, reading, parse_roles, RolesFileError)
    if certificate and key:
        try:
            identify(CertificateFiles(certificate, key, clients).read(), now)
        except UnusableCertificate as error:
            yield from error.problems


def _pairs(certificate: str, key: str, clients: str, roles: str, own: bool) -> Iterator[str]:
    if own and certificate:
        yield f"{CERTIFICATE} and {OWN_SETTING}={OWN_WORD} exclude each other."
    if bool(certificate) != bool(key):
        given, missing = (CERTIFICATE, KEY) if certificate else (KEY, CERTIFICATE)
        yield f"{missing} must be set beside {given}."
    if bool(clients) != bool(roles):
        given, missing = (CLIENT_CA, ROLES) if clients else (ROLES, CLIENT_CA)
        yield f"{missing} must be set beside {given}."
    if clients and not certificate and not own:
        yield f"{CERTIFICATE} must be set beside {CLIENT_CA}: clients present certificates only over HTTPS."
