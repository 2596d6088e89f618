"""Checks of the files with which the scheduler connects to ZooKeeper."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from scheduler.security.zookeeper import CredentialsFileError, Tls, parse_credentials
from scheduler.settings.checks import Reading

CREDENTIALS, CA = "ZOOKEEPER_CREDENTIALS_FILE", "ZOOKEEPER_CA_FILE"
CERTIFICATE, KEY = "ZOOKEEPER_CERTIFICATE_FILE", "ZOOKEEPER_KEY_FILE"
# What no secret's file should grant: writing to its group, and anything to others.
_WIDE = stat.S_IWGRP | stat.S_IRWXO


def unusable_zookeeper_files(reading: Reading) -> Iterator[str]:
    """Yield the problems of these files; adds warnings for modes that are too wide and for a password without TLS."""
    if reading.has(CREDENTIALS):
        yield from _credentials_problems(reading.values[CREDENTIALS])
        if not reading.values.get(CA):
            reading.warnings.append(
                f"{CREDENTIALS} is set without {CA}: the password travels to ZooKeeper in plain text."
            )
    yield from _tls_problems(reading)
    for setting in (CREDENTIALS, KEY):
        if reading.has(setting) and (mode := _mode(reading.values[setting])) & _WIDE:
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


def _tls_problems(reading: Reading) -> Iterator[str]:
    ca, certificate, key = (reading.values.get(name) or "" for name in (CA, CERTIFICATE, KEY))
    if bool(certificate) != bool(key):
        given, missing = (CERTIFICATE, KEY) if certificate else (KEY, CERTIFICATE)
        yield f"{missing} must be set beside {given}."
    if (certificate or key) and not ca:
        yield f"{CA} must be set beside {CERTIFICATE if certificate else KEY}: it turns TLS on."
    unreadable = [
        problem for name in (CA, CERTIFICATE, KEY) if (problem := _unreadable(name, reading.values.get(name)))
    ]
    yield from unreadable
    if unreadable or not ca:
        return
    try:
        Tls(ca).context()
    except OSError as error:
        yield f"{CA} {ca} cannot be used: {_words(error)}."
        return
    if certificate and key:
        try:
            Tls(ca, certificate, key).context()
        except OSError as error:
            yield f"{CERTIFICATE} {certificate} cannot be used with {KEY} {key}: {_words(error)}."


def _unreadable(setting: str, path: str | None) -> str | None:
    try:
        if path:
            with Path(path).open("rb"):
                pass
    except OSError as error:
        return f"{setting} {path} cannot be read: {error.strerror}."
    return None


def _words(error: OSError) -> str:
    """Return OpenSSL's words, without the line of its source."""
    return (error.strerror or str(error)).partition(" (_ssl.c")[0]


def _mode(path: str) -> int:
    try:
        return stat.S_IMODE(Path(path).stat().st_mode)
    except OSError:
        return 0
