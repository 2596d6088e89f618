"""What a person fills in before a command, and the values that go to the API. The API alone checks them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from executor.number_text import whole_within
from scheduler.settings.texts import plain


class Type(Enum):
    """The types of a field in a request."""

    FLAG = "flag"
    NUMBER = "number"
    TEXT = "text"
    NAMES = "names"
    SECRET = "secret"
    CHOICE = "choice"
    MAPPING = "mapping"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Input:
    """One field of a request. `help` follows its label; `choices` are the words of a CHOICE, the first one is unset.

    `rare` fields are folded away.
    """

    name: str
    label: str
    type: Type = Type.TEXT
    help: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    rare: bool = False


FORCE = Input("force", "Even if the availability checks fail", Type.FLAG)
DECOMMISSION = Input("decommission", "It streams its data to the others first, then joins as a new one", Type.FLAG)
THROTTLE = Input("throttle", "Throttle", Type.NUMBER, "bytes per second and node; 0 for no limit")
SETTINGS = Input(
    "settings",
    "Settings",
    Type.SETTINGS,
    "a NAME=VALUE on each line; -NAME restores the environment's value",
    required=True,
)
CANARY = Input("canary", "One node first, the others after Continue", Type.FLAG)
_NODES = Input("nodes", "Nodes", Type.NAMES, "names with commas between; empty for all")
_TABLES = (
    Input("key_spaces", "Keyspaces", Type.NAMES, "names with commas between; empty for all"),
    Input("column_families", "Tables", Type.NAMES, "users, or in full shop.users; empty for all"),
)
_PARALLELISM = Input("parallelism", "Nodes at once", Type.NUMBER, "empty: 1")
_LOGIN = (
    Input("cassandra_username", "Cassandra user", Type.TEXT, "if the cluster has authentication", rare=True),
    Input("cassandra_password", "Cassandra password", Type.SECRET, rare=True),
)
LOCATION = (
    Input("external_location", "Location", Type.TEXT, "s3://bucket/prefix, or https://server/bucket", required=True),
    Input("region", "Region", Type.TEXT, "if the bucket needs it", rare=True),
    Input("endpoint", "Endpoint", Type.TEXT, "another server than Amazon's", rare=True),
    Input("s3_access_key", "Access key", Type.SECRET, "empty: the agents' own credentials", rare=True),
    Input("s3_secret_key", "Secret key", Type.SECRET, rare=True),
    Input("s3_session_token", "Session token", Type.SECRET, rare=True),
)
_BACKUP = Input("backup_name", "Backup", Type.TEXT, "its name", required=True)
_REPAIR = (
    Input("incremental", "Only data that was not repaired yet", Type.FLAG),
    Input("parallelism", "Replicas", Type.CHOICE, "how they compare", ("", "sequential", "parallel", "dc_parallel")),
    Input("pending_compactions", "Pending compactions", Type.NUMBER, "wait while a replica has more; empty: 20"),
    Input("segment_mb", "Segment", Type.NUMBER, "MB that one segment compares; empty: 256"),
)

BY_KIND: Mapping[str, tuple[Input, ...]] = {
    "repair": (_NODES, *_TABLES, *_REPAIR, *_LOGIN),
    "cleanup": (_NODES, *_TABLES, _PARALLELISM),
    "backup": (
        _BACKUP, *LOCATION, *_TABLES, Input("upload_parallelism", "Uploads at once", Type.NUMBER, "empty: 1"), THROTTLE,
        Input("absent", "Nodes that are down", Type.CHOICE, "", ("", "wait", "skip")), *_LOGIN,
    ),
    "restore": (
        _BACKUP, *LOCATION, *_TABLES,
        Input("rename", "Rename", Type.MAPPING, "shop=shop2, with commas between"),
        Input("compare", "Compare afterwards", Type.CHOICE, "", ("", "none", "count", "sample", "full")),
        THROTTLE, *_LOGIN,
    ),
    "backup-verify": (_BACKUP, *LOCATION, _PARALLELISM),
    "backup-delete": (
        Input("backup_name", "Backup", Type.TEXT, "its name; or, for all others:"),
        Input("keep_last", "Keep the newest", Type.NUMBER, "number of backups"),
        Input("keep_days", "Keep those of the last days", Type.NUMBER, "number of days"), *LOCATION,
    ),
    "compact": (_NODES, *_TABLES, _PARALLELISM),
    "scrub": (_NODES, *_TABLES, _PARALLELISM),
    "flush": (_NODES, *_TABLES, _PARALLELISM),
    "garbagecollect": (_NODES, *_TABLES, _PARALLELISM),
    "upgradesstables": (_NODES, *_TABLES, _PARALLELISM),
}  # fmt: skip

# What an operation does, in one or two sentences for those who have never started one.
EFFECTS: Mapping[str, str] = {
    "repair": "Replicas compare their data, and each gets what it lacks. Every table needs it within gc_grace_seconds.",
    "cleanup": "Each node removes data that it no longer owns, as it is left behind when a new node has joined.",
    "backup": "Each node snapshots its tables, and uploads what the location does not have yet.",
    "restore": "Tables of a backup are loaded into this cluster. The preview lists what prevents it.",
    "backup-verify": "Every object of a backup is read, and compared with what the backup says of it.",
    "backup-delete": "Backups are removed for good, with the objects that no other backup needs.",
    "compact": "All SSTables of a table become one. It needs as much free disk as the table has.",
    "scrub": "SSTables are written anew without rows that cannot be read.",
    "flush": "What nodes hold in memory is written to their disks.",
    "garbagecollect": "SSTables are written anew without data that was deleted or overwritten.",
    "upgradesstables": "SSTables in the format of an older version are written anew in the present one.",
}


def read_inputs(inputs: Sequence[Input], form: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that were filled in, as the API takes them; what is no number stays a text for its sentence."""
    found: dict[str, Any] = {}
    for item in inputs:
        text = form.get(item.name, "")
        if item.type is not Type.SECRET:
            text = text.strip()
        if text and item.type is Type.SETTINGS:
            found |= dict(_settings(text))
        elif text:
            found[item.name] = _value(item.type, text)
    return found


def problem_of(inputs: Sequence[Input], form: Mapping[str, str]) -> str | None:
    """Return the sentence on what the API would not see in its document; None if there is nothing.

    Of two values of one name only one could count, and a name without a value would restore the default.
    """
    for item in inputs:
        text = form.get(item.name, "")
        seen: set[str] = set()
        for name, _ in _PAIRS[item.type](text) if item.type in _PAIRS else ():
            if name in seen:
                return f"{plain(name)} is there twice."
            seen.add(name)
        if item.type is Type.SETTINGS and (
            bare := [line for line in _lines(text) if line[0] != "-" and "=" not in line]
        ):
            return f"{plain(bare[0])} must be NAME=VALUE, or -NAME for the environment's value."
    return None


def _settings(text: str) -> list[tuple[str, str | None]]:
    """Return the settings of lines, None for one that returns to the environment's value."""
    return [(line[1:].strip(), None) if line[0] == "-" else _pair(line) for line in _lines(text)]


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _mapping(text: str) -> list[tuple[str, str]]:
    return [_pair(part) for part in text.split(",") if part.strip()]


def _pair(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip(), value.strip()


_PAIRS: Mapping[Type, Callable[[str], Sequence[tuple[str, str | None]]]] = {
    Type.SETTINGS: _settings,
    Type.MAPPING: _mapping,
}


def without_secrets(inputs: Sequence[Input], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with a word in place of each secret."""
    secret = {item.name for item in inputs if item.type is Type.SECRET}
    return {name: "…" if name in secret else value for name, value in values.items()}


def _value(kind: Type, text: str) -> Any:
    match kind:
        case Type.FLAG:
            return True
        case Type.NUMBER:
            return text if (found := whole_within(text, 0)) is None else found
        case Type.NAMES:
            return [part.strip() for part in text.split(",") if part.strip()]
        case Type.MAPPING:
            return dict(_mapping(text))
    return text
