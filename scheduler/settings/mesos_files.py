"""Checks of the files with which the scheduler connects to Mesos."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.settings.checks import Reading
from scheduler.settings.tls_files import tls_problems

CA, CERTIFICATE, KEY = "MESOS_CA_FILE", "MESOS_CERTIFICATE_FILE", "MESOS_KEY_FILE"
SECRET = "SERVICE_SECRET_FILE"


def unusable_mesos_files(reading: Reading) -> Iterator[str]:
    """Yield the problems of these files; adds a warning for a secret without TLS."""
    yield from tls_problems(reading, CA, CERTIFICATE, KEY)
    if reading.has(SECRET) and not reading.values.get(CA):
        reading.warnings.append(f"{SECRET} is set without {CA}: the secret travels to the master in plain text.")
