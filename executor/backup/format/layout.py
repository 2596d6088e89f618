"""The keys of a backup's objects under its location. They never change and are never written with other content, but
for what a backup that was never completed left under its name.

backups/<backup>/started.json      claims the name
backups/<backup>/schema.json
backups/<backup>/roles.json        if system_auth is backed up: salted hashes among them, as in its SSTables
backups/<backup>/nodes/<node>.json
backups/<backup>/moments.json      when rows were counted
backups/<backup>/manifest.json     makes the backup exist
data/<cluster>/<node>/<table id>/<SHA-256 of the plain content>[.zst]
sweeps/<operation>.json            somebody removes objects
"""

from __future__ import annotations

import re

BACKUPS = "backups/"
DATA = "data/"
SWEEPS = "sweeps/"
COMPRESSED = ".zst"
PLAIN_ENCODING, ZSTD_ENCODING = "none", "zstd"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_TABLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


class LayoutError(ValueError):
    """A name that cannot be part of a key; the text says which."""


def backup_prefix(backup: str) -> str:
    """What all objects of a backup but its data begin with."""
    return f"{BACKUPS}{_checked('backup_name', backup)}/"


def started_key(backup: str) -> str:
    """Of the claim."""
    return f"{backup_prefix(backup)}started.json"


def schema_key(backup: str) -> str:
    """Of the schema."""
    return f"{backup_prefix(backup)}schema.json"


def roles_key(backup: str) -> str:
    """Of the roles."""
    return f"{backup_prefix(backup)}roles.json"


def nodes_prefix(backup: str) -> str:
    """What the manifests of all nodes begin with."""
    return f"{backup_prefix(backup)}nodes/"


def node_key(backup: str, node: str) -> str:
    """Of a node's manifest."""
    return f"{nodes_prefix(backup)}{_checked('node', node)}.json"


def moments_key(backup: str) -> str:
    """Of the moments."""
    return f"{backup_prefix(backup)}moments.json"


def manifest_key(backup: str) -> str:
    """Of the cluster's manifest."""
    return f"{backup_prefix(backup)}manifest.json"


def cluster_prefix(cluster: str) -> str:
    """What the data of all nodes of a cluster begins with."""
    return f"{DATA}{_checked('cluster', cluster)}/"


def data_prefix(cluster: str, node: str) -> str:
    """What the data of a node begins with. It ends with a slash, so that node-1 is not node-10."""
    return f"{cluster_prefix(cluster)}{_checked('node', node)}/"


def data_name(table_id: str, sha256: str, encoding: str) -> str:
    """The rest of the key of a file's content, after the node's prefix."""
    if not _TABLE_ID.fullmatch(table_id):
        raise LayoutError(f"{table_id!r} is no table id")
    if not _DIGEST.fullmatch(sha256):
        raise LayoutError(f"{sha256!r} is no SHA-256")
    return f"{table_id}/{sha256}{COMPRESSED if encoding == ZSTD_ENCODING else ''}"


def sweep_key(operation: str) -> str:
    """Of the notice that objects are being removed."""
    return f"{SWEEPS}{_checked('operation', operation)}.json"


def is_name(name: str) -> bool:
    """Whether a backup, a node, a cluster or an operation can have this name."""
    return _NAME.fullmatch(name) is not None


def _checked(what: str, name: str) -> str:
    if not is_name(name):
        raise LayoutError(f"{what} {name[:200]!r} is not a name of letters, digits and ._-")
    return name
