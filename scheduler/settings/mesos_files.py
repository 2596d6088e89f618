"""Checks of the files with which the scheduler connects to Mesos."""

from __future__ import annotations

from collections.abc import Iterator

from scheduler.settings.checks import Reading, read_file
from scheduler.settings.texts import shown
from scheduler.settings.tls_files import tls_problems, warn_of_modes

CA, CERTIFICATE, KEY = "MESOS_CA_FILE", "MESOS_CERTIFICATE_FILE", "MESOS_KEY_FILE"
PRINCIPAL = "SERVICE_PRINCIPAL"
SECRET, ACCOUNT = "SERVICE_SECRET_FILE", "SERVICE_ACCOUNT_FILE"


def unusable_mesos_files(reading: Reading) -> Iterator[str]:
    """Yield the problems of these files; adds warnings for modes that are too wide and for a secret without TLS."""
    yield from tls_problems(reading, CA, CERTIFICATE, KEY)
    if reading.has(ACCOUNT):
        yield from _account_problems(reading)
    for setting in (SECRET, ACCOUNT):
        if reading.has(setting) and not reading.values.get(CA):
            reading.warnings.append(f"{setting} is set without {CA}: credentials travel to the master in plain text.")
    warn_of_modes(reading, ACCOUNT, KEY)


def _account_problems(reading: Reading) -> Iterator[str]:
    # cryptography takes a while to import, and few settings need it.
    from scheduler.security.service_account import AccountFileError, parse_account

    if reading.has(SECRET):
        yield f"{SECRET} must not be set beside {ACCOUNT}."
    account = read_file(ACCOUNT, reading, parse_account, AccountFileError)
    principal = reading.values.get(PRINCIPAL)
    if account is not None and principal is not None and principal != account.uid:
        yield f"{PRINCIPAL} must be {shown(account.uid)}, the uid in {ACCOUNT}, not {principal}."
