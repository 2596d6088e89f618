"""The settings that the API can override, and the configuration that results from environment and overrides."""

from __future__ import annotations

import json

from scheduler.core.configuration.overrides import Wanted, active_overrides, apply_overrides
from scheduler.core.state.configuration import Overrides, Texts
from scheduler.core.state.spec import Policy
from scheduler.settings import InvalidSettings, Settings, code, parse
from scheduler.settings.cassandra_options import OPTIONS
from scheduler.settings.table import SECTIONS

_SECTIONS = ("Cluster", "Cassandra", "Executor", "Security")
_TABLE = {setting.name for name in _SECTIONS for setting in SECTIONS[name]}
# Files of the scheduler's machine are chosen in its environment only.
_FROM_FILES = ("_FILE", "_DIR")
_POLICY = {
    "REPLACE_AFTER_S", "CLEANUP_AFTER_SCALE", "GARBAGE_GRACE_S", "SECURITY_CERTIFICATE_DAYS", "SECURITY_PASSWORD_DAYS",
}  # fmt: skip

_ALL = frozenset(
    name for name in {*_TABLE, *(option.name for option in OPTIONS), *code.NAMES} if not name.endswith(_FROM_FILES)
)
CHANGEABLE = _ALL - code.NAMES
# The settings that a configuration records, and those of them that a roll-back may bring back.
RECORDED = _ALL - _POLICY
RETURNING = RECORDED & CHANGEABLE


def in_force(overrides: Overrides, environment: Texts) -> Overrides:
    """Return the stored overrides that hold over this environment, without those that decide which code runs."""
    return code.without_code(active_overrides(overrides, environment, CHANGEABLE), environment)


def wanted(environment: Texts, overrides: Overrides) -> Wanted:
    """Return the configuration that these settings describe; reads the files that they name.

    Raises:
        InvalidSettings: At least one setting is invalid.
    """
    texts = apply_overrides(environment, overrides)
    settings = parse(texts, at_start=False)
    recorded = {name: text for name, text in sorted(texts.items()) if name in RECORDED}
    return Wanted(settings.cluster_spec(), recorded, overrides, settings.policy())


def wanted_at_start(settings: Settings, overrides: Overrides) -> tuple[Wanted | tuple[str, ...], Policy]:
    """Combine the environment of this start with the stored overrides that still hold.

    Returns the configuration, or the problems of both together; and in either case the policy.
    """
    held = in_force(overrides, settings.given)
    try:
        found = wanted(settings.given, held)
    except InvalidSettings as error:
        problems = (*error.problems, *misfits(held, settings.given))
    else:
        return found, found.policy
    try:
        own = {name: override for name, override in held.items() if name in _POLICY}
        return problems, wanted(settings.given, own).policy
    except InvalidSettings:
        return problems, settings.policy()


def misfits(overrides: Overrides, environment: Texts) -> tuple[str, ...]:
    """Return a sentence about stored overrides that are invalid here, and how to remove them; nothing without any.

    The environment can have changed since, or an earlier version took them. One is meant if a problem ends without it.
    """
    if not (problems := _problems(overrides, environment)):
        return ()
    names = [
        name
        for name in sorted(overrides)
        if problems - _problems({other: held for other, held in overrides.items() if other != name}, environment)
    ]
    if not names:
        return ()
    verb, them = ("were", "them") if len(names) > 1 else ("was", "it")
    removal = json.dumps(dict.fromkeys(names))
    return (f"{', '.join(names)} {verb} set through the API: PUT /v1/config with {removal} removes {them}.",)


def _problems(overrides: Overrides, environment: Texts) -> frozenset[str]:
    try:
        wanted(environment, overrides)
    except InvalidSettings as error:
        return frozenset(error.problems)
    return frozenset()
