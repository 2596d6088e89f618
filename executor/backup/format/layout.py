"""The keys of a backup's objects under its location.

Keys never change, and an object is never overwritten with other content. The exception are the documents of a backup
that was never completed.

backups/<backup>/started.json      claims the name
backups/<backup>/schema.json
backups/<backup>/roles.json        if system_auth is backed up: with salted hashes, as in its SSTables
backups/<backup>/nodes/<node>.json
backups/<backup>/moments.json      the time of the row count
backups/<backup>/signature.json    of the manifest and the moments
backups/<backup>/manifest.json     makes the backup exist
data/<cluster>/<node>/<table id>/<SHA-256 of the plain content>[.zst]
data/<cluster>/<node>/<table id>/<keyed hash of the same>[.zst].sealed
vaults/<cluster>.json              the data key that sealed the cluster's objects, wrapped with the operator's key
sweeps/<operation>.json            a running removal of objects
"""

from __future__ import annotations

import re

BACKUPS = "backups/"
DATA = "data/"
SWEEPS = "sweeps/"
VAULTS = "vaults/"
COMPRESSED, SEALED = ".zst", ".sealed"
PLAIN_ENCODING, ZSTD_ENCODING = "none", "zstd"

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
# Of a backup, after its prefix. A location can lie within another one, such as at its backups/x/: objects of another
# form there are not of a backup x.
_DOCUMENT = re.compile(r"(?:started|schema|roles|moments|signature|manifest)\.json|nodes/node-[0-9]+\.json")
_TABLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
# After a cluster's prefix: node, table and content.
_CONTENT = re.compile(rf"[^/]+/{_TABLE_ID.pattern}/{_DIGEST.pattern}({re.escape(COMPRESSED)})?({re.escape(SEALED)})?")
_SEALED_NAME = re.compile(rf"/([0-9a-f]{{64}})(?:{re.escape(COMPRESSED)})?{re.escape(SEALED)}\Z")


class LayoutError(ValueError):
    """A name that cannot be part of a key; the text names it."""


def backup_prefix(backup: str) -> str:
    """Return the prefix of all objects of a backup except its data."""
    return f"{BACKUPS}{_checked('backup_name', backup)}/"


def started_key(backup: str) -> str:
    """Return the key of the claim."""
    return f"{backup_prefix(backup)}started.json"


def schema_key(backup: str) -> str:
    """Return the key of the schema."""
    return f"{backup_prefix(backup)}schema.json"


def roles_key(backup: str) -> str:
    """Return the key of the roles."""
    return f"{backup_prefix(backup)}roles.json"


def nodes_prefix(backup: str) -> str:
    """Return the prefix of all nodes' manifests."""
    return f"{backup_prefix(backup)}nodes/"


def node_key(backup: str, node: str) -> str:
    """Return the key of a node's manifest."""
    return f"{nodes_prefix(backup)}{_checked('node', node)}.json"


def moments_key(backup: str) -> str:
    """Return the key of the moments."""
    return f"{backup_prefix(backup)}moments.json"


def manifest_key(backup: str) -> str:
    """Return the key of the cluster's manifest."""
    return f"{backup_prefix(backup)}manifest.json"


def signature_key(backup: str) -> str:
    """Return the key of the signature."""
    return f"{backup_prefix(backup)}signature.json"


def is_document(backup: str, key: str) -> bool:
    """Return whether a key is that of a backup's own document."""
    prefix = backup_prefix(backup)
    return key.startswith(prefix) and _DOCUMENT.fullmatch(key, len(prefix)) is not None


def vault_key(cluster: str) -> str:
    """Return the key of a cluster's wrapped data key."""
    return f"{VAULTS}{_checked('cluster', cluster)}.json"


def cluster_prefix(cluster: str) -> str:
    """Return the prefix of the data of all nodes of a cluster."""
    return f"{DATA}{_checked('cluster', cluster)}/"


def data_prefix(cluster: str, node: str) -> str:
    """Return the prefix of a node's data. It ends with a slash, so that node-1 does not match node-10."""
    return f"{cluster_prefix(cluster)}{_checked('node', node)}/"


def data_name(table_id: str, sha256: str, encoding: str, sealed: bool = False) -> str:
    """Return the rest of the key of a file's content, after the node's prefix.

    Args:
        table_id: The table's id, a UUID.
        sha256: The digest of the plain content, or its keyed hash if the object is sealed, in hexadecimal.
        encoding: PLAIN_ENCODING or ZSTD_ENCODING.
        sealed: Whether the object is sealed.

    Raises:
        LayoutError: The id or the digest has another form.
    """
    if not _TABLE_ID.fullmatch(table_id):
        raise LayoutError(f"{table_id!r} is no table id")
    if not _DIGEST.fullmatch(sha256):
        raise LayoutError(f"{sha256!r} is no SHA-256")
    return f"{table_id}/{sha256}{COMPRESSED if encoding == ZSTD_ENCODING else ''}{SEALED if sealed else ''}"


def is_content(cluster: str, key: str) -> bool:
    """Return whether a key is that of a file's content of this cluster, and not of a location that lies below it."""
    prefix = cluster_prefix(cluster)
    return key.startswith(prefix) and _CONTENT.fullmatch(key, len(prefix)) is not None


def is_compressed(key: str) -> bool:
    """Return whether an object's content is compressed, sealed or not."""
    return key.removesuffix(SEALED).endswith(COMPRESSED)


def sealed_content(key: str) -> str | None:
    """Return the keyed hash in the key of a sealed object; None for a key of another form."""
    found = _SEALED_NAME.search(key)
    return None if found is None else found[1]


def sweep_key(operation: str) -> str:
    """Return the key of the notice of a running sweep."""
    return f"{SWEEPS}{_checked('operation', operation)}.json"


def is_sweep(key: str) -> bool:
    """Return whether a key is that of a notice of a sweep."""
    return key.startswith(SWEEPS) and "/" not in key.removeprefix(SWEEPS)


def is_name(name: str) -> bool:
    """Whether a backup, a node, a cluster or an operation can have this name."""
    return _NAME.fullmatch(name) is not None


def _checked(what: str, name: str) -> str:
    if not is_name(name):
        raise LayoutError(f"{what} {name[:200]!r} is not a name of letters, digits and ._-")
    return name
