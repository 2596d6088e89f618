"""Credentials at rest: what seals them, what opens them, and what never shows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from scheduler.security.sealing import KeyFileError, Sealer, SealError, is_key, parse_keys, sealer
from tests.unit.sealing_keys import new_key

VALUES = {"s3_access_key": "the-access-key", "s3_secret_key": "the-secret-key"}


def test_what_was_sealed_can_be_opened_and_not_be_read() -> None:
    made = Sealer([new_key()])
    sealed = made.seal("operation-1", VALUES)
    assert made.open("operation-1", sealed) == VALUES
    for part in (*VALUES, *VALUES.values()):
        assert part not in sealed
    assert made.seal("operation-1", VALUES) != sealed


def test_a_new_key_goes_to_the_top_and_the_old_one_still_opens() -> None:
    old, new = new_key(), new_key()
    sealed = Sealer([old]).seal("operation-1", VALUES)
    rotated = Sealer([new, old])
    assert rotated.open("operation-1", sealed) == VALUES
    later = rotated.seal("operation-2", VALUES)
    assert Sealer([new]).open("operation-2", later) == VALUES
    with pytest.raises(SealError):
        Sealer([old]).open("operation-2", later)


def test_another_key_does_not_open_and_the_reason_names_the_setting() -> None:
    sealed = Sealer([new_key()]).seal("operation-1", VALUES)
    with pytest.raises(SealError, match="SECRETS_KEY_FILE"):
        Sealer([new_key()]).open("operation-1", sealed)


def test_what_was_changed_does_not_open() -> None:
    made = Sealer([new_key()])
    sealed = made.seal("operation-1", VALUES)
    for bad in ("", "nonsense", "\ud800", sealed[:-4], sealed[:30] + ("A" if sealed[30] != "A" else "B") + sealed[31:]):
        with pytest.raises(SealError):
            made.open("operation-1", bad)


@pytest.mark.parametrize("content", [b"no JSON", b"[]", b"{}", b'{"operation": "a", "values": [1]}', b"\xff"])
def test_a_key_can_have_sealed_something_else(content: bytes) -> None:
    key = new_key()
    with pytest.raises(SealError, match="the key sealed something else here"):
        Sealer([key]).open("a", Fernet(key.encode()).encrypt(content).decode())


def test_one_operations_credentials_are_not_anothers() -> None:
    made = Sealer([new_key()])
    with pytest.raises(SealError, match="another operation"):
        made.open("operation-2", made.seal("operation-1", VALUES))


def test_a_file_of_keys() -> None:
    keys = [new_key(), new_key()]
    assert parse_keys(f"# of this year\n{keys[0]}\n\n  {keys[1]}  \n") == tuple(keys)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "holds no key"),
        ("# none\n", "holds no key"),
        ("short-secret", "line 1 is not a key"),
        (f"\n{'A' * 43}=\nsecond-secret", "line 3 is not a key"),
        ("ä" * 44, "line 1 is not a key"),
    ],
)
def test_files_that_cannot_be_used(text: str, problem: str) -> None:
    with pytest.raises(KeyFileError, match=problem) as raised:
        parse_keys(text)
    assert "secret" not in str(raised.value)


def test_keys() -> None:
    assert is_key(new_key())
    assert not is_key(new_key()[:-1])
    assert not is_key("A" * 44)


def test_where_keys_come_from(tmp_path: Path) -> None:
    key = new_key()
    path = tmp_path / "keys"
    path.write_text(f"{new_key()}\n{key}\n")
    by_value, by_file = sealer("", key), sealer(str(path), "")
    assert by_value is not None
    assert by_file is not None
    assert by_file.open("x", by_value.seal("x", VALUES)) == VALUES
    assert sealer("", "") is None
    assert key not in repr(by_value)
    assert key not in repr(vars(by_value))
