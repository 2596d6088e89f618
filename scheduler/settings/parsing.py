"""Parsing of the environment: each setting alone, then computed defaults, then checks across settings."""

from __future__ import annotations

import difflib
import os
import pwd
import time
from collections.abc import Iterator, Mapping
from typing import Any

from executor.number_text import parse_number, parse_whole
from scheduler.security.api_certificate import CERTIFICATE
from scheduler.settings.api_files import OWN_SETTING, scheme, unusable_api_files
from scheduler.settings.bundle_digests import add_digests, warn_of_passwords
from scheduler.settings.cassandra_keys import KINDS, RENAMED
from scheduler.settings.cassandra_options import OPTIONS, REMOVED
from scheduler.settings.checks import (
    Reading,
    cassandra_bundle,
    conflicts,
    login_conflicts,
    read_options,
    unusable_files,
)
from scheduler.settings.client_certificates import client_certificate_problems, read_client_authorities
from scheduler.settings.encryption import encryption, encryption_problems
from scheduler.settings.mesos_files import unusable_mesos_files
from scheduler.settings.node_settings import EXECUTOR_BUNDLE
from scheduler.settings.retired import RETIRED
from scheduler.settings.setting import Setting
from scheduler.settings.table import TABLE
from scheduler.settings.texts import MOST, broken_rule
from scheduler.settings.texts import shown as shown_text
from scheduler.settings.tls_files import warn_of_modes
from scheduler.settings.zookeeper_files import unusable_zookeeper_files

# Every variable that begins so must be a setting.
_OUR_PREFIXES = ("CASSANDRA_", "CLUSTER_TASK_", "EXECUTOR_", "SECURITY_", "SERVICE_")
# Other variables are reported only if they look like a misspelt setting.
_LOOKS_LIKE = 0.85
# How much a name must be like a setting for a hint.
_NEAR = 0.6
_CASSANDRA = "CASSANDRA_"
_SETTINGS = sorted({row.name for row in TABLE} | {row.name for row in OPTIONS})
# Variables of Cassandra's own shell scripts, which this service does not use, and of executors on the same machine.
_FOREIGN = {"CASSANDRA_CONF", "CASSANDRA_HOME", "CASSANDRA_INCLUDE", "CASSANDRA_LOG_DIR", "CASSANDRA_START_CACHE"}
# Those of the command line begin so: a shell that has them may start a scheduler too.
_COMMAND_LINE = "CASSANDRA_MESOS_"
_WILDCARDS = {"0.0.0.0", "::"}
# Those of Mesos, ZooKeeper and HTTPS are looked at with the other files there.
_SECRET_FILES = (
    "API_TOKEN_FILE", "SERVICE_SECRET_FILE", "SECRETS_KEY_FILE", "BACKUP_ENCRYPTION_KEY_FILE",
    "SECURITY_SUPERUSER_FILE", "SECURITY_CA_KEY_FILE",
)  # fmt: skip
# Often the user of unrelated tasks.
_SHARED_USER = "nobody"


def read(environ: Mapping[str, str], at_start: bool = True) -> Reading:
    """Read every setting of the environment, and every problem in it; see `parse` for `at_start`."""
    given = {name: text.strip() for name, text in environ.items() if text.strip()}
    reading = Reading()
    _check_texts(given, reading)
    reading.problems += _unknown(given)
    _retired(given, reading)
    for setting in TABLE:
        _read_one(setting, given.get(setting.name, setting.default), reading)
    _derive(reading)
    read_options(given, reading)
    reading.problems += conflicts(reading)
    reading.problems += login_conflicts(reading)
    reading.problems += unusable_files(reading)
    warn_of_modes(reading, *_SECRET_FILES)
    reading.problems += unusable_mesos_files(reading)
    add_digests(reading)
    warn_of_passwords(reading)
    reading.problems += unusable_zookeeper_files(reading)
    reading.problems += encryption_problems(reading)
    reading.problems += client_certificate_problems(reading)
    reading.client_authorities = read_client_authorities(reading)
    if at_start:
        reading.problems += unusable_api_files(reading, time.time())
    return reading


def _check_texts(given: dict[str, str], reading: Reading) -> None:
    """Take out what no setting may hold."""
    for name in (*(row.name for row in TABLE), *(row.name for row in OPTIONS)):
        if name in given and (rule := broken_rule(name, given[name])) is not None:
            reading.problems.append(f"{name} {rule}.")
            del given[name]


def _unknown(given: Mapping[str, str]) -> Iterator[str]:
    known = {*_SETTINGS, *RETIRED, *REMOVED, *_FOREIGN}
    for name in sorted(name for name in set(given) - known if not name.startswith(_COMMAND_LINE)):
        prefixed = name.startswith(_OUR_PREFIXES)
        near = _near(name, _NEAR if prefixed else _LOOKS_LIKE)
        if prefixed or near[:2] == name[:2]:
            yield _no_setting(name, near, prefixed=name.startswith(_CASSANDRA))


def unknown_setting(name: str) -> str:
    """Return a sentence that this is no setting, with the one that may be meant, for a name that must be one."""
    if (retired := {**RETIRED, **REMOVED}.get(name)) is not None:
        return f"{name} is not a setting: {retired[1]}."
    whole = f"{_CASSANDRA}{name.upper()}"
    return _no_setting(name, whole if whole in _SETTINGS else _near(name.upper(), _NEAR), prefixed=True)


def _near(name: str, cutoff: float) -> str:
    """Return the setting that is like a name; empty if none is."""
    return next(iter(difflib.get_close_matches(name, _SETTINGS, n=1, cutoff=cutoff)), "")


def _no_setting(name: str, near: str, prefixed: bool) -> str:
    """Return the sentence for an unknown name; a `prefixed` one can be a key of cassandra.yaml."""
    key = name.removeprefix(_CASSANDRA).lower()
    if prefixed and near != f"{_CASSANDRA}{key.upper()}" and (key := RENAMED.get(key, key)) in KINDS:
        return f"{name} is not a setting; write {key} into CASSANDRA_YAML."
    return f"{name} is not a setting; did you mean {near}?" if near else f"{name} is not a setting."


def _retired(given: Mapping[str, str], reading: Reading) -> None:
    for name, (accepted, sentence) in {**RETIRED, **REMOVED}.items():
        if name not in given:
            continue
        if accepted is None or given[name] in accepted:
            reading.warnings.append(f"{name} has no effect: {sentence}.")
        elif accepted:
            words = " or ".join(filter(None, accepted)) or "empty"
            reading.problems.append(f"{name} must be {words}: {sentence}.")
        else:
            reading.problems.append(f"{name} is not a setting: {sentence}.")


def _read_one(setting: Setting, text: str, reading: Reading) -> None:
    try:
        value = _typed(setting, text)
        rule = _broken_rule(setting, value) if text else None
    except ValueError as error:
        rule = str(error)
    if rule:
        # Text before an @ may be a password.
        shown = rule.startswith("must") and not rule.startswith("must not hold") and "@" not in text
        found = f", not {shown_text(text)}" if shown else ""
        reading.problems.append(f"{setting.name} {rule}{found}.")
    else:
        reading.values[setting.name] = value


def _typed(setting: Setting, text: str) -> Any:
    if setting.kind == "text":
        return text
    if not text:
        return None
    if setting.kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise ValueError("must be true or false")
        return text.lower() == "true"
    value = parse_whole(text) if setting.kind == "integer" else parse_number(text)
    if abs(value) > MOST:
        raise ValueError(f"must be at most {MOST}" if value > 0 else f"must be at least -{MOST}")
    return value


def _broken_rule(setting: Setting, value: Any) -> str | None:
    if setting.minimum is not None and value < setting.minimum:
        return f"must be at least {setting.minimum:g}"
    if setting.maximum is not None and value > setting.maximum:
        return f"must be at most {setting.maximum:.0f}"
    if setting.words and value not in setting.words:
        return f"must be one of {', '.join(setting.words)}"
    return setting.rule(value) if setting.rule else None


def _derive(reading: Reading) -> None:
    """Set the settings whose default is computed from others."""
    if not reading.has("SERVICE_NAME"):
        return
    values = reading.values
    name = values["SERVICE_NAME"] = values["SERVICE_NAME"].removeprefix("/")
    flat = name.replace("/", "__")
    defaults = {
        "SERVICE_ROLE": f"{flat}-role",
        "SERVICE_PRINCIPAL": f"{flat}-principal",
        "MESOS_MASTER": f"zk://{values.get('MESOS_SERVERS')}{values.get('MESOS_PATH')}",
        "SERVICE_USER": _running_user(),
        "SECURITY_TRANSPORT_ENCRYPTION": encryption(values),
        **_locations(reading, name),
    }
    for setting, default in defaults.items():
        if values.get(setting) == "":
            values[setting] = default
            reading.derived.add(setting)
    if reading.has("ARTIFACTS_URL"):
        values["ARTIFACTS_URL"] = values["ARTIFACTS_URL"].rstrip("/") + "/"
    if values.get("SERVICE_USER") == _SHARED_USER:
        reading.warnings.append(
            f"SERVICE_USER is {_SHARED_USER}, as other tasks can be: give nodes a user of their own."
        )
    if values.get("SERVICE_USER") == "":
        reading.problems.append("SERVICE_USER must be set, because the user that runs the scheduler has no name.")


def _locations(reading: Reading, name: str) -> dict[str, str]:
    host, port = reading.values.get("API_HOST", ""), reading.values.get("API_PORT")
    if host in _WILDCARDS:
        # A name that does not depend on the scheduler's agent: another address would restart every node.
        host = "-".join(reversed(name.split("/"))) + ".marathon.mesos"
    speaks = scheme(reading.values.get(CERTIFICATE), reading.values.get(OWN_SETTING))
    base = f"{speaks}://{f'[{host}]' if ':' in host else host}:{port}/v1"
    artifacts = (reading.values.get("ARTIFACTS_URL") or f"{base}/artifacts").rstrip("/") + "/"
    return {
        "ARTIFACTS_URL": artifacts,
        "DC_URL": f"{base}/datacenter",
        "EXECUTOR_LOCATION": artifacts + EXECUTOR_BUNDLE,
        "EXECUTOR_CASSANDRA_LOCATION": artifacts + cassandra_bundle(reading),
    }


def _running_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return ""
