"""A cluster's data key under the operator's keys."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from executor.backup.format import layout
from executor.backup.seal.cipher import NoKeyError, UnsealError
from executor.backup.seal.vault import Vault, new_vault, read_wrapped, unwrap, wrap
from executor.json_codec import DocumentError

OLD, NEW = os.urandom(32), os.urandom(32)
WHAT = layout.vault_key("c-1")


def wrapped(vault: Vault, key: bytes = OLD, **changes: Any) -> bytes:
    return json.dumps({**json.loads(wrap(vault, "c-1", key)), **changes}).encode()


def test_every_key_unwraps() -> None:
    vault = new_vault()
    for key in (OLD, NEW):
        assert unwrap(read_wrapped(wrapped(vault, key), WHAT), (NEW, OLD)) == vault


def test_a_missing_key_is_named() -> None:
    found = read_wrapped(wrapped(new_vault()), WHAT)
    with pytest.raises(
        NoKeyError, match=f"wrapped with the key {found.wrapped_by}: add that line to BACKUP_ENCRYPTION"
    ):
        unwrap(found, (NEW,))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "00" * 16},
        {"wrapped": "AAAA"},
        {"wrapped": "no base64"},
    ],
)
def test_a_changed_document(changes: dict[str, Any]) -> None:
    with pytest.raises(UnsealError, match="was changed"):
        unwrap(read_wrapped(wrapped(new_vault(), **changes), WHAT), (OLD,))


@pytest.mark.parametrize(
    "changes", [{"cluster": "c-2"}, {"cluster": "../c"}, {"id": "x"}, {"wrapped_by": ""}, {"more": 1}, {"version": 2}]
)
def test_no_such_document(changes: dict[str, Any]) -> None:
    """One cluster's data key is not another's: that would let its reader read both."""
    with pytest.raises(DocumentError):
        read_wrapped(wrapped(new_vault(), **changes), WHAT)


def test_the_key_of_another_cluster_under_the_own_name() -> None:
    vault = new_vault()
    foreign = {**json.loads(wrap(vault, "c-2", OLD)), "cluster": "c-1"}
    with pytest.raises(UnsealError, match="was changed"):
        unwrap(read_wrapped(json.dumps(foreign).encode(), WHAT), (OLD,))


def test_names_follow_from_table_and_content_and_key() -> None:
    vault = new_vault()
    name = vault.content_name("t", "a" * 64)
    assert name == vault.content_name("t", "a" * 64)
    assert len({name, vault.content_name("u", "a" * 64), new_vault().content_name("t", "a" * 64), "a" * 64}) == 4


def test_no_text_has_a_key() -> None:
    vault = new_vault()
    assert str(vault.key) not in repr(vault)
