"""Checks across settings, and of the files that they name."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from scheduler.security.lines import read_text
from scheduler.security.superuser import SuperuserFileError, parse_superuser
from scheduler.security.tokens import TokenFileError, parse_tokens
from scheduler.settings.cassandra_options import OPTIONS
from scheduler.settings.node_settings import EXECUTOR_BUNDLE
from scheduler.settings.texts import shown, switch

T = TypeVar("T")

_PORTS = (
    "CASSANDRA_STORAGE_PORT",
    "CASSANDRA_SSL_STORAGE_PORT",
    "CASSANDRA_NATIVE_TRANSPORT_PORT",
    "CASSANDRA_JMX_PORT",
)
# The first must be less than the second, or at most equal to it.
_BELOW = (("CASSANDRA_HEAP_SIZE_MB", "CASSANDRA_MEMORY_MB"), ("CASSANDRA_HEAP_NEW_MB", "CASSANDRA_HEAP_SIZE_MB"))
_AT_MOST = (("SEED_NODES", "NODES"),)
# Caches of Cassandra, with the key that makes it use them and the setting that writes this key.
_USER_CACHES = (
    ("roles", "authenticator", "SECURITY_AUTHENTICATION"),
    ("credentials", "authenticator", "SECURITY_AUTHENTICATION"),
    ("permissions", "authorizer", "SECURITY_AUTHORIZATION"),
)


def read_options(given: Mapping[str, str], reading: Reading) -> None:
    """Read the keys of cassandra.yaml from the settings, then from CASSANDRA_YAML_FILE and CASSANDRA_YAML."""
    places: dict[str, str] = {}
    for option in OPTIONS:
        text = given.get(option.name, option.default)
        if not text:
            continue
        try:
            value = option.render(text)
        except ValueError as error:
            reading.problems.append(f"{option.name} {error}, not {shown(text)}.")
            continue
        if value is not None:
            reading.options[option.key] = value
        if option.name in given:
            places[option.key] = option.name
    for source in ("CASSANDRA_YAML_FILE", "CASSANDRA_YAML"):
        _add_yaml(source, reading, places)


def _add_yaml(source: str, reading: Reading, places: dict[str, str]) -> None:
    text = reading.values.get(source, "")
    if text and source == "CASSANDRA_YAML_FILE":
        text = read_file(source, reading, str)
    if not text:
        return
    # Few starts need it, and it imports PyYAML.
    from scheduler.settings import cassandra_yaml

    options, problems = cassandra_yaml.parse(text, source)
    reading.problems += problems
    for key, value in options.items():
        if key in places:
            reading.problems.append(f"{source} must not set {key}, which {places[key]} sets too.")
        places[key] = source
        reading.options[key] = value


def conflicts(reading: Reading) -> Iterator[str]:
    """Yield the problems of settings that are valid alone but not together."""
    values = reading.values
    for low, high in _BELOW:
        if reading.has(low, high) and values[low] >= values[high]:
            yield f"{low} must be less than {high}, which is {values[high]}, not {values[low]}."
    for low, high in _AT_MOST:
        if reading.has(low, high) and values[low] > values[high]:
            yield f"{low} must be at most {high}, which is {values[high]}, not {values[low]}."
    name, removed = values.get("SERVICE_NAME"), values.get("SERVICE_UNINSTALL")
    if removed and name and removed.removeprefix("/") != name:
        yield f"SERVICE_UNINSTALL must be {name}, the name of the service to remove, not {removed}."
    taken: dict[Any, str] = {}
    for name in _PORTS:
        if reading.has(name):
            other = taken.setdefault(values[name], name)
            if other != name:
                yield f"{name} must not be {values[name]}, which is {other} too."
    warn, fail = reading.options.get("tombstone_warn_threshold"), reading.options.get("tombstone_failure_threshold")
    if warn is not None and fail is not None and warn > fail:
        yield f"tombstone_warn_threshold must be at most tombstone_failure_threshold, which is {fail}, not {warn}."
    yield from _cache_conflicts(reading)


def _cache_conflicts(reading: Reading) -> Iterator[str]:
    """Yield the values of caches with which no node starts; without users Cassandra accepts them."""
    for cache, key, setting in _USER_CACHES:
        name = _class_name(reading.options.get(key))
        if name and not name.startswith("AllowAll"):
            cause = f"while {key} is {shown(name)}"
        elif switch(str(reading.values.get(setting, ""))) == "on":
            cause = f"with {setting}=on"
        else:
            continue
        if _is_zero(reading.options.get(f"{cache}_validity")):  # it switches the cache off
            continue
        if _is_zero(reading.options.get(f"{cache}_update_interval")):
            yield f"{cache}_update_interval must be at least 1ms {cause}: no node would start."
        entries = reading.options.get(f"{cache}_cache_max_entries")
        if isinstance(entries, int) and entries < 0:
            yield f"{cache}_cache_max_entries must be at least 0 {cause}, not {entries}: no node would start."


def _class_name(value: Any) -> str:
    """Return the short name of a class: of a text, of a mapping with class_name, or of a list with one."""
    found = value[0] if isinstance(value, list) and value else value
    name = found.get("class_name") if isinstance(found, Mapping) else found
    return str(name or "").rpartition(".")[2]


def _is_zero(duration: Any) -> bool:
    return isinstance(duration, str) and duration.rstrip(string.ascii_letters).strip("0") == ""


def login_conflicts(reading: Reading) -> Iterator[str]:
    """Yield why the service cannot manage the logins of Cassandra."""
    authentication, authorization = (
        switch(str(reading.values.get(name, ""))) for name in ("SECURITY_AUTHENTICATION", "SECURITY_AUTHORIZATION")
    )
    if authorization == "on" and authentication != "on":
        yield "SECURITY_AUTHORIZATION must be off while SECURITY_AUTHENTICATION is off: a permission needs a user."
    if authentication == "on" and not (reading.has("SECRETS_KEY_FILE") or reading.has("SECRETS_KEY")):
        yield "SECRETS_KEY_FILE must be set for SECURITY_AUTHENTICATION=on: it seals the passwords of the service."
    for name, key, value, own in (
        ("SECURITY_AUTHENTICATION", "authenticator", authentication, "PasswordAuthenticator"),
        ("SECURITY_AUTHORIZATION", "authorizer", authorization, "CassandraAuthorizer"),
    ):
        found = _class_name(reading.options.get(key))
        if value == "on" and found not in ("", own) and not found.startswith("AllowAll"):
            yield f"{name} must be off for {key} {shown(found)}: the service manages {own} alone."


def unusable_files(reading: Reading) -> Iterator[str]:
    """Yield the problems of files that settings name, and of missing bundles."""
    if reading.has("API_TOKEN_FILE"):
        read_file("API_TOKEN_FILE", reading, parse_tokens, TokenFileError)
    if reading.has("SERVICE_SECRET_FILE"):
        read_file("SERVICE_SECRET_FILE", reading, str)
    yield from _unusable_keys(reading)
    if reading.has("SECURITY_SUPERUSER_FILE"):
        read_file("SECURITY_SUPERUSER_FILE", reading, parse_superuser, SuperuserFileError)
    yield from _missing_bundles(reading)


def cassandra_bundle(reading: Reading) -> str:
    """Return the file name of Cassandra's bundle: `cassandra-5.0.8.tar.gz`."""
    return f"cassandra-{reading.values.get('CASSANDRA_VERSION')}.tar.gz"


def _unusable_keys(reading: Reading) -> Iterator[str]:
    if reading.has("SECRETS_KEY_FILE", "SECRETS_KEY"):
        yield "SECRETS_KEY must not be set beside SECRETS_KEY_FILE."
    for setting in ("SECRETS_KEY_FILE", "BACKUP_ENCRYPTION_KEY_FILE"):
        if reading.has(setting):
            # cryptography takes a while to import, and few settings need it.
            from scheduler.security.sealing import KeyFileError, parse_keys

            read_file(setting, reading, parse_keys, KeyFileError)


def _missing_bundles(reading: Reading) -> Iterator[str]:
    # Only bundles that this API serves can be checked.
    if "ARTIFACTS_URL" not in reading.derived or not reading.has("ARTIFACTS_DIR"):
        return
    directory = Path(reading.values["ARTIFACTS_DIR"])
    bundles = {"EXECUTOR_LOCATION": EXECUTOR_BUNDLE}
    if reading.has("CASSANDRA_VERSION"):  # another version is a problem of its own
        bundles["EXECUTOR_CASSANDRA_LOCATION"] = cassandra_bundle(reading)
    for setting, name in bundles.items():
        if setting in reading.derived and (why := _missing(directory / name)) is not None:
            yield (
                f"ARTIFACTS_DIR {directory} must hold {name}, or {setting} must be the address where agents "
                f"fetch it{why}."
            )


def _missing(file: Path) -> str | None:
    """Return None for a file that is there, else why it cannot be looked for, after a colon, if that is the cause."""
    try:
        return None if file.is_file() else ""
    except OSError as error:  # a directory that this user cannot look into, or a name that is too long
        return f": {error.strerror}"


@dataclass
class Reading:
    """Values by setting; one with a problem has none. `derived` are those whose value was computed from others.

    `client_authorities` are the certificates of a file, as PEM.
    """

    values: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    client_authorities: str = ""
    derived: set[str] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def has(self, *settings: str) -> bool:
        """Return whether all of these were read without a problem and are set."""
        return all(self.values.get(name) not in (None, "") for name in settings)


def read_file(
    setting: str,
    reading: Reading,
    parse: Callable[[str], T],
    refusal: type[Exception] | tuple[()] = (),
) -> T | None:
    """Return what `parse` makes of a setting's file; None, and a problem, if it cannot be read or raises `refusal`."""
    path = reading.values[setting]
    try:
        return parse(read_text(Path(path)))
    except UnicodeDecodeError:
        reading.problems.append(f"{setting} {path} is not a text file.")
    except refusal as error:
        reading.problems.append(f"{setting} {path} cannot be used: {error}.")
    except OSError as error:
        reading.problems.append(f"{setting} {path} cannot be read: {error.strerror}.")
    return None
