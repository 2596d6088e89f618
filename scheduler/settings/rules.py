"""Rules of single settings. Each takes a value and returns the rule that it breaks, as the end of a sentence."""

from __future__ import annotations

import re
import shlex
from urllib.parse import urlsplit

from scheduler.core.maintenance import backup_places
from scheduler.core.mesos.placement import PlacementError, parse_constraints
from scheduler.settings.cassandra_options import OWNED, check_key
from scheduler.settings.secret_names import secret_option
from scheduler.settings.texts import sign_rule

_SEGMENT = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?")
_PLAIN = re.compile(r"[A-Za-z0-9_.-]+")
_HOST_PORT = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+):([0-9]{1,5})")
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?")
_LISTEN = re.compile(r"[A-Za-z0-9_.:-]+")
_IMAGE = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?(@sha256:[0-9a-f]{64})?"
)
_LAST_PORT = 65535
_RESERVED_NAMES = {"v1", "admin", "metrics", "service"}

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def service_name(value: str) -> str | None:
    """Check a service name, such as `cassandra` or `dev/cassandra`."""
    segments = value.removeprefix("/").split("/")
    if len(value) > 100 or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return "must be lower-case letters, digits and dashes, in folders separated by / if needed, at most 100 long"
    if segments[0] in _RESERVED_NAMES:
        return f"must not begin with {segments[0]}, which is a path of the API"
    return None


def plain(value: str) -> str | None:
    """Check a plain word, such as `dc1`."""
    return None if _PLAIN.fullmatch(value) else "must be letters, digits, dots, dashes and underscores"


def switch(value: str) -> str | None:
    """Check a switch: `off` or `on`, or `false` or `true` as in DC/OS."""
    return None if value.lower() in ("off", "on", "false", "true") else "must be off or on"


def replace_after(value: float) -> str | None:
    """Check a delay in seconds. Mesos itself needs more than a minute to notice that an agent is away."""
    return None if value == 0 or value >= 300 else "must be 0, or at least 300"


def garbage_grace(value: float) -> str | None:
    """Check a grace period in seconds. An offer older than a launch shows reservations that are garbage no more."""
    return None if value == 0 or value >= 60 else "must be 0, or at least 60"


def user(value: str) -> str | None:
    """Check the name of a user."""
    return None if _USER.fullmatch(value) else "must be the name of a user"


def role(value: str) -> str | None:
    """Check Mesos' own rules for roles; `*` cannot hold reservations."""
    bad = any(part in ("", ".", "..") or part.startswith("-") for part in value.split("/"))
    if bad or value == "*" or re.search(r"[\s\b]", value):
        return (
            "must be a Mesos role that can hold reservations: no blanks, no part empty, . or .. or that begins with -"
        )
    return None


def host(value: str) -> str | None:
    """Check an address or a host name to listen on."""
    return None if _LISTEN.fullmatch(value) else "must be an address or a host name"


def host_names(value: str) -> str | None:
    """Names without ports, as a browser sends them."""
    return None if all(map(_PLAIN.fullmatch, value.split(","))) else "must be host names, separated by commas"


def cluster_name(value: str) -> str | None:
    """Check a cluster name. Cassandra accepts nearly anything; a line break or a quote would be a mistake."""
    return None if re.fullmatch(r"[\w .:/-]{1,128}", value) else "must be words of letters, digits and . : / _ -"


def backup_locations(value: str) -> str | None:
    """Return the rule that the places of backups break; None if they are valid."""
    try:
        backup_places.parse(value)
    except ValueError as error:
        return str(error)
    return None


def servers(value: str) -> str | None:
    """Check a list of servers, such as `host-1:2181,host-2:2181`."""
    if all(_is_place(_HOST.fullmatch(server)) for server in value.split(",")):
        return None
    return "must be host:port, several separated by commas"


def master(value: str) -> str | None:
    """Check the address of the Mesos master, such as `zk://host-1:2181,host-2:2181/mesos`."""
    if value.startswith("zk://"):
        addresses, _, path = value.removeprefix("zk://").partition("/")
        if servers(addresses) is not None or not path.strip("/"):
            return "must be zk://host:port,host:port/path"
        return zookeeper_path(f"/{path}")
    if not value.startswith("[") and _is_place(_HOST_PORT.fullmatch(value)):  # pymesos cannot read IPv6
        return None
    return "must be host:port or zk://host:port,host:port/path"


def _is_place(found: re.Match[str] | None) -> bool:
    """Return whether a host, with or without a port, can be connected to: others make a socket raise."""
    if found is None or (found[2] and not 1 <= int(found[2].removeprefix(":")) <= _LAST_PORT):
        return False
    return found[1].startswith("[") or all(0 < len(label) < 64 for label in found[1].removesuffix(".").split("."))


def zookeeper_path(value: str) -> str | None:
    """Check the path of a znode, such as `/mesos`."""
    if not value.startswith("/") or not value.strip("/"):
        return "must begin with / and name a znode"
    return "must not have . or .. as a part of its path" if {".", ".."} & set(value.split("/")) else None


def secrets_key(value: str) -> str | None:
    """Check a key. The rule does not begin with `must`, so that no problem repeats the key."""
    # cryptography takes a while to import, and few settings need it.
    from scheduler.security.sealing import is_key

    return None if is_key(value) else "is not a key: 32 random bytes in URL-safe base64"


def url(value: str) -> str | None:
    """Check an HTTP URL."""
    rule = "must be an http:// or https:// URL"
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port, or of brackets
        usable = False
    return None if usable and re.fullmatch(r"https?://[^\s/]+(/\S*)?", value) else rule


def folder_url(value: str) -> str | None:
    """Check an HTTP URL to which names of files are appended."""
    if re.search("[?#]", value):
        return "must be an http:// or https:// URL without ? and #: names of files follow it"
    return url(value)


def uri(value: str) -> str | None:
    """Check an address that the agents' fetcher accepts."""
    if re.fullmatch(r"(https?|ftp|hdfs|s3|file)://\S+|/\S+", value):
        return None
    return "must be an absolute path or a URL that the agents can fetch"


def image(value: str) -> str | None:
    """Check the name of a container image, such as `registry.example:5000/cassandra/executor:1.0`."""
    if not value or (len(value) <= 255 and _IMAGE.fullmatch(value)):
        return None
    return "must be the name of an image, such as registry.example/executor:1.0, without spaces and without a scheme"


def sha256(value: str) -> str | None:
    """Check a SHA-256."""
    return None if re.fullmatch(r"[0-9A-Fa-f]{64}", value) else "must be 64 hexadecimal digits"


def placement(value: str) -> str | None:
    """Check constraints, such as `hostname:UNIQUE,rack:GROUP_BY:3`."""
    try:
        parse_constraints(value)
    except PlacementError as error:
        return f"is not valid: {error}"
    except RecursionError:
        return "is not valid: it is nested too deeply"
    return None


def jvm_options(value: str) -> str | None:
    """Check options of `java`, without those that this service sets itself."""
    try:
        words = shlex.split(value)
    except ValueError:
        return "has a quote that is not closed"
    for word in words:
        if (secret := secret_option(word)) is not None:
            return f"must not hold a value for {secret}: a launch can be read in Mesos; use a file on the agents"
        if (rule := sign_rule(word)) is not None:
            return rule
    for word in words:
        if not word.startswith("-"):
            return f"must be options that begin with -, {word[:80]} does not"
        for prefix, setting in _OWN_JVM_OPTIONS.items():
            if word.startswith(prefix):
                return f"must not hold {word}: use {setting}"
        property_name, _, value = word.removeprefix("-D").partition("=")
        if word.startswith("-D") and property_name in _OWN_PROPERTIES and value != _AS_IT_IS.get(property_name):
            return f"must not hold -D{property_name}: {_OWN_PROPERTIES[property_name]}"
        if re.fullmatch(r"-XX:[+-]Use\w+GC", word):
            return f"must not hold {word}: use CASSANDRA_HEAP_GC"
    return None


_OWN_JVM_OPTIONS = {
    "-Xmx": "CASSANDRA_HEAP_SIZE_MB",
    "-Xms": "CASSANDRA_HEAP_SIZE_MB",
    "-Xmn": "CASSANDRA_HEAP_NEW_MB",
    "-Dcassandra.config=": "CASSANDRA_YAML",
    "-Dcassandra.replace_address": "the replace command",
    "-XX:MaxHeapSize=": "CASSANDRA_HEAP_SIZE_MB",
    "-XX:InitialHeapSize=": "CASSANDRA_HEAP_SIZE_MB",
    "-XX:MinHeapSize=": "CASSANDRA_HEAP_SIZE_MB",
    "-XX:NewSize=": "CASSANDRA_HEAP_NEW_MB",
    "-XX:MaxNewSize=": "CASSANDRA_HEAP_NEW_MB",
}
_NEVER_READY = "a node with it is never ready"
# Properties that win over keys of cassandra.yaml that this service writes, or keep a node out of the ring.
_OWN_PROPERTIES = {
    **{f"cassandra.{key}": f"it {rule}" for key in OWNED if (rule := check_key(key)) is not None},
    **dict.fromkeys(
        ("cassandra.join_ring", "cassandra.start_gossip", "cassandra.write_survey", "cassandra.unsafesystem"),
        _NEVER_READY,
    ),
    **dict.fromkeys(("cassandra.replace_node", "cassandra.replace_token"), "use the replace command"),
    **dict.fromkeys(("cassandra.storagedir", "cassandra.logdir"), "this service sets the directories"),
}
_AS_IT_IS = {
    "cassandra.join_ring": "true",
    "cassandra.start_gossip": "true",
    "cassandra.write_survey": "false",
    "cassandra.unsafesystem": "false",
    "cassandra.start_native_transport": "true",
    "cassandra.auto_bootstrap": "true",
}
