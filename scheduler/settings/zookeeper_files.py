"""Checks of the files with which the scheduler connects to ZooKeeper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scheduler.security.zookeeper import CredentialsFileError, parse_credentials
from scheduler.settings.checks import Reading
from scheduler.settings.tls_files import WIDE, mode_of, tls_problems

CREDENTIALS, CA = "ZOOKEEPER_CREDENTIALS_FILE", "ZOOKEEPER_CA_FILE"
CERTIFICATE, KEY = "ZOOKEEPER_CERTIFICATE_FILE", "ZOOKEEPER_KEY_FILE"


def unusable_zookeeper_files(reading: Reading) -> Iterator[str]:
    """Yield the problems of these files; adds warnings for modes that are too wide and for a password without TLS."""
    if reading.has(CREDENTIALS):
        yield from _credentials_problems(reading.values[CREDENTIALS])
        if not reading.values.get(CA):
            reading.warnings.append(
                f"{CREDENTIALS} is set without {CA}: the password travels to ZooKeeper in plain text."
            )
    yield from tls_problems(reading, CA, CERTIFICATE, KEY)
    for setting in (CREDENTIALS, KEY):
        if reading.has(setting) and (mode := mode_of(reading.values[setting])) & WIDE:
            reading.warnings.append(
                f"{setting} {reading.values[setting]} has the mode {mode:04o}, so that other users of the machine "
                "can use it; set it to 0600."
            )


def _credentials_problems(path: str) -> Iterator[str]:
    try:
        parse_credentials(Path(path).read_text())
    except UnicodeDecodeError:
        yield f"{CREDENTIALS} {path} is not a text file."
    except CredentialsFileError as error:
        yield f"{CREDENTIALS} {path} cannot be used: {error}."
    except OSError as error:
        yield f"{CREDENTIALS} {path} cannot be read: {error.strerror}."
