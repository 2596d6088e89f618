"""The SHA-256 of the bundles: computed for those that this scheduler has itself, given by settings for others."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from scheduler.settings.checks import Reading, cassandra_bundle
from scheduler.settings.node_settings import EXECUTOR_BUNDLE

# The setting of the digest, by that of the address.
DIGESTS: Mapping[str, str] = {
    "EXECUTOR_LOCATION": "EXECUTOR_SHA256",
    "EXECUTOR_CASSANDRA_LOCATION": "EXECUTOR_CASSANDRA_SHA256",
    "EXECUTOR_JRE_LOCATION": "EXECUTOR_JRE_SHA256",
    "EXECUTOR_PYTHON_LOCATION": "EXECUTOR_PYTHON_SHA256",
}
_PASSWORD = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#@]*@")


def add_digests(reading: Reading) -> None:
    """Compute the digests that are not given, for addresses made from ARTIFACTS_URL whose file is in ARTIFACTS_DIR.

    Adds a problem if a given digest is not the file's.
    """
    values = reading.values
    for location, setting in DIGESTS.items():
        if not (location in reading.derived or reading.has(location)) or setting not in values:
            if reading.has(setting):
                reading.warnings.append(
                    f"{setting} has no effect without {location}: it is the digest of that archive."
                )
            continue
        given = values[setting] = values[setting].lower()
        file = _own_file(location, reading)
        found = "" if file is None else _digest(file)
        if given and found and given != found:
            reading.problems.append(f"{setting} is {given}, but {file} has the SHA-256 {found}.")
        elif not given and found:
            values[setting] = found
            reading.derived.add(setting)


def warn_of_passwords(reading: Reading) -> None:
    """Add a warning for each address of a bundle with a password, which anyone who may look at Mesos can read."""
    for setting in ("ARTIFACTS_URL", *DIGESTS):
        if reading.has(setting) and _PASSWORD.match(str(reading.values.get(setting, ""))):
            reading.warnings.append(
                f"{setting} has a password: Mesos, ZooKeeper and the API show it. Let agents fetch without one."
            )


def _own_file(location: str, reading: Reading) -> Path | None:
    names = {"EXECUTOR_LOCATION": EXECUTOR_BUNDLE, "EXECUTOR_CASSANDRA_LOCATION": cassandra_bundle(reading)}
    if location not in reading.derived or not reading.has("ARTIFACTS_DIR"):
        return None
    return Path(reading.values["ARTIFACTS_DIR"]) / names[location]


def _digest(file: Path) -> str:
    """Return the digest; empty for a file that cannot be read, which other checks report."""
    try:
        status = file.stat()
        return _digest_of_version(file, status.st_ino, status.st_size, status.st_mtime_ns)
    except OSError:
        return ""


# A preview parses the settings too, and a bundle of Cassandra takes a quarter of a second.
@functools.lru_cache(maxsize=8)
def _digest_of_version(file: Path, *_version: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
