"""The settings of transport encryption together: what they come to, and what contradicts them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from executor.certificate_messages import OFF, OPTIONAL, REQUIRED
from scheduler.security.lines import read_pem
from scheduler.settings.checks import Reading

_NAME = "SECURITY_TRANSPORT_ENCRYPTION"
_ENABLED, _PLAINTEXT = f"{_NAME}_ENABLED", f"{_NAME}_ALLOW_PLAINTEXT"
_CERTIFICATE, _KEY = "SECURITY_CA_CERTIFICATE_FILE", "SECURITY_CA_KEY_FILE"
_KEYS = ("client_encryption_options", "server_encryption_options")


def encryption(values: Mapping[str, Any]) -> str:
    """Return the encryption that DC/OS' two settings ask for."""
    if not values.get(_ENABLED):
        return OFF
    return OPTIONAL if values.get(_PLAINTEXT) else REQUIRED


def encryption_problems(reading: Reading) -> Iterator[str]:
    """Yield the problems of these settings together, and of the authority's files."""
    values, wanted = reading.values, reading.values.get(_NAME, OFF)
    dcos = encryption(values)
    if values.get(_ENABLED) and wanted != dcos:
        yield f"{_NAME} must be {dcos} or unset if {_ENABLED} is true, not {wanted}."
    if values.get(_PLAINTEXT) and not values.get(_ENABLED) and wanted != OPTIONAL:
        yield f"{_PLAINTEXT} must be false if {_ENABLED} is false."
    if reading.has(_CERTIFICATE) != reading.has(_KEY):
        yield f"{_CERTIFICATE} and {_KEY} must be set together."
    elif reading.has(_CERTIFICATE):
        yield from _unusable_authority(values[_CERTIFICATE], values[_KEY])
    elif wanted not in ("", OFF) and not reading.has("SECRETS_KEY_FILE") and not reading.has("SECRETS_KEY"):
        yield (
            f"{_NAME} must be off without SECRETS_KEY_FILE, which seals the authority of the certificates, or "
            f"{_CERTIFICATE} and {_KEY} must be set."
        )
    for key in _KEYS:
        if wanted not in ("", OFF) and key in reading.options:
            yield f"CASSANDRA_YAML must not set {key}, which {_NAME} sets too."


def _unusable_authority(certificate: str, key: str) -> Iterator[str]:
    # cryptography takes a while to import, and few settings need it.
    from scheduler.security.authority import AuthorityError, read_authority

    try:
        read_authority(read_pem(Path(certificate)), read_pem(Path(key)))
    except (OSError, UnicodeDecodeError, AuthorityError) as error:
        yield f"{_CERTIFICATE} {certificate} and {_KEY} {key} cannot be used: {error}."
