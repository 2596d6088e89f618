"""The data key of a cluster at a location. It seals documents and files, and the operator's key wraps it.

Objects are shared by backups, so a data key belongs to a cluster and not to a backup: the removal of one backup leaves
the others readable. A new key of the operator's wraps the same data key again, in one small document, so that no data
is sent.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from executor.backup.format import document, layout
from executor.backup.format.rules import Place
from executor.backup.seal.cipher import (
    ID_BYTES,
    Header,
    NoKeyError,
    ObjectCipher,
    Unsealer,
    UnsealError,
    new_salt,
    seal_parts,
)
from executor.backup.seal.keys import KEY_BYTES, derive, key_id

_NONCE_BYTES = 12
_DOCUMENT_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class WrappedKey:
    """The document of a data key: readable by all, except for the key. `id` and `wrapped_by` are hexadecimal."""

    cluster: str
    id: str
    wrapped_by: str
    wrapped: str


@dataclass(frozen=True)
class Vault:
    """A cluster's data key, and the ciphers and names that follow from it."""

    id: bytes
    key: bytes = field(repr=False)

    def content_name(self, table_id: str, sha256: str) -> str:
        """Return what names a file's content: without the key a reader cannot tell which content it is."""
        content = f"{table_id}/{sha256}".encode()
        return hmac.digest(derive(self.key, "cassandra-mesos content names"), content, "sha256").hex()

    def cipher(self, identity: str, header: Header | None = None) -> ObjectCipher:
        """Return the cipher of an object; a new one without a header. `identity` is its key in the bucket."""
        header = header or Header(self.id, new_salt())
        return ObjectCipher(derive(self.key, "cassandra-mesos object", header.salt), header, identity)

    def cipher_of_upload(self, identity: str, upload: str) -> ObjectCipher:
        """Return the cipher of an object in parts: the same for each attempt at one upload."""
        salt = derive(self.key, f"cassandra-mesos salt of an upload\n{identity}", upload.encode())
        return self.cipher(identity, Header(self.id, salt))

    def seal(self, identity: str, content: bytes) -> bytes:
        """Return a sealed document."""
        return b"".join(seal_parts(_portions(content), self.cipher(identity)))

    def unsealer(self, identity: str) -> Unsealer:
        """Return the opener of one of its objects."""
        return Unsealer(lambda header: self.cipher(identity, header))


def new_vault() -> Vault:
    """Return a data key that never was."""
    return Vault(os.urandom(ID_BYTES), os.urandom(KEY_BYTES))


def wrap(vault: Vault, cluster: str, key: bytes) -> bytes:
    """Return the document of a cluster's data key, wrapped with the operator's key."""
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, vault.key, _associated(cluster, vault.id))
    found = WrappedKey(cluster, vault.id.hex(), key_id(key), base64.b64encode(nonce + sealed).decode())
    return document.write(found)


def read_wrapped(data: bytes, what: str) -> WrappedKey:
    """Parse the document of a data key; `what` names it in errors. Raises DocumentError."""
    found = document.read(WrappedKey, data, what)
    place = Place(what)
    place.names(found.cluster)
    place.key_id(found.id, ID_BYTES)
    place.key_id(found.wrapped_by, 8)
    place.demand(
        layout.vault_key(found.cluster) == what, found.cluster, f"its key is {layout.vault_key(found.cluster)}"
    )
    return found


def unwrap(found: WrappedKey, keys: tuple[bytes, ...]) -> Vault:
    """Return the data key. Raises NoKeyError without the key that wrapped it, and UnsealError if it was changed."""
    key = next((key for key in keys if key_id(key) == found.wrapped_by), None)
    if key is None:
        raise NoKeyError(
            f"the data key of the cluster {found.cluster} was wrapped with the key {found.wrapped_by}: add that line to"
            " BACKUP_ENCRYPTION_KEY_FILE"
        )
    identifier = bytes.fromhex(found.id)
    try:
        wrapped = base64.b64decode(found.wrapped, validate=True)
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        return Vault(identifier, AESGCM(key).decrypt(nonce, sealed, _associated(found.cluster, identifier)))
    except (InvalidTag, ValueError):
        text = f"the wrapped data key of the cluster {found.cluster} was changed: put back an earlier version of it"
        raise UnsealError(text) from None


def _associated(cluster: str, identifier: bytes) -> bytes:
    return b"cassandra-mesos data key\n" + identifier + cluster.encode()


def _portions(content: bytes) -> Iterator[bytes]:
    yield from (content[at : at + _DOCUMENT_CHUNK] for at in range(0, max(len(content), 1), _DOCUMENT_CHUNK))
