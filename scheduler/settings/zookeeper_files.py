"""Checks of the files with which the scheduler connects to ZooKeeper."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.security.zookeeper import CredentialsFileError, parse_credentials
from scheduler.settings.checks import Reading, read_file
from scheduler.settings.tls_files import tls_problems, warn_of_modes

CREDENTIALS, CA = "ZOOKEEPER_CREDENTIALS_FILE", "ZOOKEEPER_CA_FILE"
CERTIFICATE, KEY = "ZOOKEEPER_CERTIFICATE_FILE", "ZOOKEEPER_KEY_FILE"


def unusable_zookeeper_files(reading: Reading) -> Iterator[str]:
    """Yield the problems of these files; adds warnings for modes that are too wide and for a password without TLS."""
    if reading.has(CREDENTIALS):
        read_file(CREDENTIALS, reading, parse_credentials, CredentialsFileError)
        if not reading.values.get(CA):
            reading.warnings.append(
                f"{CREDENTIALS} is set without {CA}: the password travels to ZooKeeper in plain text."
            )
    yield from tls_problems(reading, CA, CERTIFICATE, KEY)
    warn_of_modes(reading, CREDENTIALS, KEY)
