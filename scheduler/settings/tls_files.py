"""Checks of the files with which the scheduler connects over TLS, for ZooKeeper and for Mesos."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from scheduler.security.tls import WIDE, Tls, openssl_words
from scheduler.settings.checks import Reading


def tls_problems(reading: Reading, ca_file: str, certificate_file: str, key_file: str) -> Iterator[str]:
    """Yield the problems of the files of these three settings."""
    ca, certificate, key = (reading.values.get(name) or "" for name in (ca_file, certificate_file, key_file))
    if bool(certificate) != bool(key):
        given, missing = (certificate_file, key_file) if certificate else (key_file, certificate_file)
        yield f"{missing} must be set beside {given}."
    if (certificate or key) and not ca:
        yield f"{ca_file} must be set beside {certificate_file if certificate else key_file}: it turns TLS on."
    names = (ca_file, certificate_file, key_file)
    unreadable = [problem for name in names if (problem := _unreadable(name, reading.values.get(name)))]
    yield from unreadable
    if unreadable or not ca:
        return
    try:
        Tls(ca).context()
    except OSError as error:
        yield f"{ca_file} {ca} cannot be used: {openssl_words(error)}."
        return
    if certificate and key:
        try:
            Tls(ca, certificate, key).context()
        except OSError as error:
            yield f"{certificate_file} {certificate} cannot be used with {key_file} {key}: {openssl_words(error)}."


def _unreadable(setting: str, path: str | None) -> str | None:
    try:
        if path:
            with Path(path).open("rb"):
                pass
    except OSError as error:
        return f"{setting} {path} cannot be read: {error.strerror}."
    return None


def warn_of_modes(reading: Reading, *settings: str) -> None:
    """Add a warning for each of these files of secrets that other users of the machine can use."""
    for setting in settings:
        if reading.has(setting) and (mode := _mode_of(reading.values[setting])) & WIDE:
            reading.warnings.append(
                f"{setting} {reading.values[setting]} has the mode {mode:04o}, so that other users of the machine "
                "can use it; set it to 0600."
            )


def _mode_of(path: str) -> int:
    """Return the permissions of a file; 0 if it cannot be read, which other checks report."""
    try:
        return stat.S_IMODE(Path(path).stat().st_mode)
    except OSError:
        return 0
