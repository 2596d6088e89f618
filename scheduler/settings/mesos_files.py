"""Checks of the files with which the scheduler connects to Mesos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scheduler.settings.checks import Reading
from scheduler.settings.texts import shown
from scheduler.settings.tls_files import WIDE, mode_of, tls_problems

CA, CERTIFICATE, KEY = "MESOS_CA_FILE", "MESOS_CERTIFICATE_FILE", "MESOS_KEY_FILE"
PRINCIPAL = "SERVICE_PRINCIPAL"
SECRET, ACCOUNT = "SERVICE_SECRET_FILE", "SERVICE_ACCOUNT_FILE"


def unusable_mesos_files(reading: Reading) -> Iterator[str]:
    """Yield the problems of these files; adds warnings for modes that are too wide and for a secret without TLS."""
    yield from tls_problems(reading, CA, CERTIFICATE, KEY)
    if reading.has(ACCOUNT):
        yield from _account_problems(reading, reading.values[ACCOUNT])
    for setting in (SECRET, ACCOUNT):
        if reading.has(setting) and not reading.values.get(CA):
            reading.warnings.append(f"{setting} is set without {CA}: credentials travel to the master in plain text.")
    for setting in (ACCOUNT, KEY):
        if reading.has(setting) and (mode := mode_of(reading.values[setting])) & WIDE:
            reading.warnings.append(
                f"{setting} {reading.values[setting]} has the mode {mode:04o}, so that other users of the machine "
                "can use it; set it to 0600."
            )


def _account_problems(reading: Reading, path: str) -> Iterator[str]:
    # cryptography takes a while to import, and few settings need it.
    from scheduler.security.service_account import AccountFileError, parse_account

    if reading.has(SECRET):
        yield f"{SECRET} must not be set beside {ACCOUNT}."
    try:
        account = parse_account(Path(path).read_text())
    except UnicodeDecodeError:
        yield f"{ACCOUNT} {path} is not a text file."
    except AccountFileError as error:
        yield f"{ACCOUNT} {path} cannot be used: {error}."
    except OSError as error:
        yield f"{ACCOUNT} {path} cannot be read: {error.strerror}."
    else:
        principal = reading.values.get(PRINCIPAL)
        if principal is not None and principal != account.uid:
            yield f"{PRINCIPAL} must be {shown(account.uid)}, the uid in {ACCOUNT}, not {principal}."
