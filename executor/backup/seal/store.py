"""The store of backups: a location's objects, of which documents are sealed and opened on their way."""

from __future__ import annotations

from executor.backup.format import layout
from executor.backup.seal.cipher import (
    CHUNK_BYTES,
    Header,
    NoKeyError,
    ObjectCipher,
    Unsealer,
    UnsealError,
    is_sealed,
    sealed_size,
)
from executor.backup.seal.keys import Keys, key_id
from executor.backup.seal.vault import Vault, new_vault, read_wrapped, unwrap, wrap
from executor.json_codec import DocumentError
from executor.s3.store import SMALL_BYTES, Store

_VAULT_BYTES = 16 * 1024
_NO_KEY = "the backup is sealed, and BACKUP_ENCRYPTION_KEY_FILE is not set"


class BackupStore(Store):
    """The objects of one location, with the keys of backups.

    `vault` is the data key with which it seals what it writes; None if it seals nothing. `get` opens what is sealed.
    """

    def __init__(self, store: Store, keys: Keys) -> None:
        # The client and the limits of the store that was opened.
        vars(self).update(vars(store))
        self.keys = keys
        self.vault: Vault | None = None
        self._known: dict[bytes, Vault] = {}

    def get(self, key: str, most: int = SMALL_BYTES) -> bytes | None:
        """Return a small object, opened if it is sealed. Raises StoreError, and UnsealError if it cannot be opened."""
        content = super().get(key, sealed_size(most))
        return self._opened(key, content) if content is not None and is_sealed(content) else content

    def put_document(self, key: str, content: bytes) -> None:
        """Write a document, sealed if this store seals."""
        self.put(key, content if self.vault is None else self.vault.seal(key, content))

    def unsealer(self, key: str) -> Unsealer:
        """Return the opener of a sealed object; it raises UnsealError, and StoreError if its data key is missing."""

        def find(header: Header) -> ObjectCipher:
            return self._find(header.vault).cipher(key, header)

        return Unsealer(find)

    def use_vault(self, cluster: str) -> None:
        """Seal what is written from now on with the cluster's data key, which is made if there is none yet.

        If an earlier key of the operator's wrapped it, the newest one does so now: no data is sent again. Raises
        StoreError, and UnsealError if it cannot be opened.
        """
        if not self.keys.wrapping:
            raise NoKeyError("the backup is to be sealed, and BACKUP_ENCRYPTION_KEY_FILE is not set")
        newest, key = self.keys.wrapping[0], layout.vault_key(cluster)
        content = super().get(key, _VAULT_BYTES)
        if content is None:
            self.put_new(key, wrap(new_vault(), cluster, newest))
            # Another job can have been the first.
            content = super().get(key, _VAULT_BYTES)
        found = read_wrapped(content or b"", key)
        self.vault = unwrap(found, self.keys.wrapping)
        if found.wrapped_by != key_id(newest):
            self.put(key, wrap(self.vault, cluster, newest))
        self._known[self.vault.id] = self.vault

    def _opened(self, key: str, content: bytes) -> bytes:
        unsealer, opened = self.unsealer(key), list[bytes]()
        try:
            # In pieces, so that no second copy of a large manifest is in memory.
            for at in range(0, len(content), CHUNK_BYTES):
                opened += unsealer(content[at : at + CHUNK_BYTES])
            return b"".join((*opened, unsealer.finish()))
        except NoKeyError:
            raise
        except UnsealError as error:
            raise UnsealError(f"{key} cannot be opened: {error}") from error

    def _find(self, identifier: bytes) -> Vault:
        """Return a data key by its id, in the location's own documents. Raises NoKeyError."""
        if not self.keys.wrapping:
            raise NoKeyError(_NO_KEY)
        if identifier in self._known:
            return self._known[identifier]
        problem: UnsealError = NoKeyError(f"the document of its data key is missing below {layout.VAULTS}: put it back")
        for stored in self.objects(layout.VAULTS):
            try:
                found = read_wrapped(super().get(stored.key, _VAULT_BYTES) or b"", stored.key)
                if found.id == identifier.hex():
                    return self._known.setdefault(identifier, unwrap(found, self.keys.wrapping))
            except UnsealError as error:
                problem = error
            except DocumentError:
                # It can be a foreign object, and no data key of ours.
                continue
        raise problem


def keys_of(store: Store) -> Keys:
    """Return the keys of a store; a store without keys has none."""
    return store.keys if isinstance(store, BackupStore) else Keys()
