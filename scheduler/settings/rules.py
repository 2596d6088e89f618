"""The rules of single settings: each takes a value and returns the rule that it breaks, as the end of a sentence."""

from __future__ import annotations

import re
import shlex

from scheduler.core.maintenance import backup_places
from scheduler.core.mesos.placement import PlacementError, parse_constraints

_SEGMENT = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+):(\d{1,5})")
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+)(:\d{1,5})?")
_LISTEN = re.compile(r"[A-Za-z0-9_.:-]+")
_RESERVED_NAMES = {"v1", "admin", "metrics", "service"}

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def service_name(value: str) -> str | None:
    segments = value.removeprefix("/").split("/")
    if len(value) > 100 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return "must be lower-case letters, digits and dashes, in folders parted by / if wanted, at most 100 long"
    if segments[0] in _RESERVED_NAMES:
        return f"must not begin with {segments[0]}, which is a path of the API"
    return None


def plain(value: str) -> str | None:
    return None if _PLAIN.fullmatch(value) else "must be letters, digits, dots, dashes and underscores"


def replace_after(value: float) -> str | None:
    """Mesos itself needs more than a minute to see that an agent is away."""
    return None if value == 0 or value >= 300 else "must be 0, or at least 300"


def garbage_grace(value: float) -> str | None:
    """An offer that is older than a launch shows what is not garbage any more."""
    return None if value == 0 or value >= 60 else "must be 0, or at least 60"


def user(value: str) -> str | None:
    return None if _USER.fullmatch(value) else "must be the name of a user"


def role(value: str) -> str | None:
    """Mesos' own rules for roles; `*` cannot hold reservations."""
    bad = any(part in ("", ".", "..") or part.startswith("-") for part in value.split("/"))
    if bad or value == "*" or re.search(r"[\s\b]", value):
        return (
            "must be a Mesos role that can hold reservations: no blanks, no part empty, . or .. or that begins with -"
        )
    return None


def host(value: str) -> str | None:
    """An address or a host name to listen on."""
    return None if _LISTEN.fullmatch(value) else "must be an address or a host name"


def cluster_name(value: str) -> str | None:
    """Cassandra takes nearly anything; a line break or a quote would be a mistake."""
    return None if re.fullmatch(r"[\w .:/-]{1,128}", value) else "must be words of letters, digits and . : / _ -"


def backup_locations(value: str) -> str | None:
    try:
        backup_places.parse(value)
    except ValueError as error:
        return str(error)
    return None


def servers(value: str) -> str | None:
    if all(_HOST.fullmatch(server) for server in value.split(",")):
        return None
    return "must be host:port, more of them parted by commas"


def master(value: str) -> str | None:
    if value.startswith("zk://"):
        addresses, _, path = value.removeprefix("zk://").partition("/")
        return None if path and servers(addresses) is None else "must be zk://host:port,host:port/path"
    return None if _HOST_PORT.fullmatch(value) else "must be host:port or zk://host:port,host:port/path"


def zookeeper_path(value: str) -> str | None:
    return None if value.startswith("/") and len(value) > 1 else "must begin with / and name a znode"


def secrets_key(value: str) -> str | None:
    """Does not begin with `must`, so that the value is not repeated."""
    # cryptography takes a while to import, and few settings need it.
    from scheduler.security.sealing import is_key

    return None if is_key(value) else "is not a key: 32 random bytes in URL-safe base64"


def url(value: str) -> str | None:
    return None if re.fullmatch(r"https?://[^\s/]+(/\S*)?", value) else "must be an http:// or https:// URL"


def uri(value: str) -> str | None:
    """What the agents' fetcher takes."""
    if re.fullmatch(r"(https?|ftp|hdfs|s3|file)://\S+|/\S+", value):
        return None
    return "must be an absolute path or a URL that the agents can fetch"


def placement(value: str) -> str | None:
    try:
        parse_constraints(value)
    except PlacementError as error:
        return f"is not valid: {error}"
    return None


def jvm_options(value: str) -> str | None:
    """Options of `java`, without those that this service sets itself."""
    try:
        words = shlex.split(value)
    except ValueError:
        return "has a quote that is not closed"
    for word in words:
        if not word.startswith("-"):
            return f"must be options that begin with -, {word} does not"
        for prefix, setting in _OWN_JVM_OPTIONS.items():
            if word.startswith(prefix):
                return f"must not hold {word}: use {setting}"
        if re.fullmatch(r"-XX:[+-]Use\w+GC", word):
            return f"must not hold {word}: use CASSANDRA_HEAP_GC"
    return None


_OWN_JVM_OPTIONS = {
    "-Xmx": "CASSANDRA_HEAP_SIZE_MB",
    "-Xms": "CASSANDRA_HEAP_SIZE_MB",
    "-Xmn": "CASSANDRA_HEAP_NEW_MB",
    "-Dcassandra.config=": "CASSANDRA_YAML",
    "-Dcassandra.replace_address": "the replace command",
}
