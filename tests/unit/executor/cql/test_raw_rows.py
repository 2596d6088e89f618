"""Values as bytes, in the forms of the native protocol."""

from __future__ import annotations

import struct

import pytest

from executor.cql.raw_rows import bigint, first_parts


def _collection(number: int, *parts: bytes) -> bytes:
    return struct.pack(">i", number) + b"".join(struct.pack(">i", len(part)) + part for part in parts)


@pytest.mark.parametrize(
    ("collection", "expected"),
    [
        pytest.param(_collection(0), [], id="empty"),
        pytest.param(_collection(1, b"a"), [b"a"], id="one element"),
        pytest.param(_collection(3, b"a", b"", b"ccc"), [b"a", b""], id="several"),
        pytest.param(_collection(1, b"key", b"value"), [b"key", b"value"], id="a map"),
    ],
)
def test_the_first_parts_of_a_collection(collection: bytes, expected: list[bytes]) -> None:
    assert first_parts(collection) == expected


def test_a_token() -> None:
    assert bigint(-(2**63)) == b"\x80" + bytes(7)
