"""The signature of a backup."""

from __future__ import annotations

import pytest

from executor.backup.seal.keys import Keys, derive, key_id, read_keys
from executor.backup.seal.signature import Judged, Verdict, judge, read_signature, sign
from executor.json_codec import DocumentError

OLD, NEW = bytes(32), b"k" * 32
KEYS = Keys(signing=(OLD,))
SIGNED = read_signature(sign(KEYS, "monday", b"whole", b"moments"), "signature")


@pytest.mark.parametrize(
    ("keys", "backup", "whole", "moments", "verdict"),
    [
        pytest.param(KEYS, "monday", b"whole", b"moments", Verdict.VALID, id="as signed"),
        pytest.param(Keys((NEW, OLD)), "monday", b"whole", b"moments", Verdict.VALID, id="by an older line"),
        pytest.param(Keys((NEW,)), "monday", b"whole", b"moments", Verdict.FOREIGN, id="another key"),
        pytest.param(Keys(), "monday", b"whole", b"moments", Verdict.UNCHECKED, id="no key"),
        pytest.param(KEYS, "monday", b"whale", b"moments", Verdict.CHANGED, id="another manifest"),
        pytest.param(KEYS, "monday", b"whole", b"momentum", Verdict.CHANGED, id="other moments"),
        pytest.param(KEYS, "monday", b"whole", None, Verdict.CHANGED, id="moments removed"),
        pytest.param(KEYS, "tuesday", b"whole", b"moments", Verdict.CHANGED, id="under another name"),
    ],
)
def test_verdicts(keys: Keys, backup: str, whole: bytes, moments: bytes | None, verdict: Verdict) -> None:
    assert judge(keys, backup, SIGNED, whole, moments).verdict is verdict


def test_without_a_signature() -> None:
    assert judge(KEYS, "monday", None, b"whole", None).verdict is Verdict.UNSIGNED


def test_the_newest_key_signs() -> None:
    assert read_signature(sign(Keys((NEW, OLD)), "monday", b"w", None), "signature").key == key_id(NEW)


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        (
            Judged(Verdict.UNSIGNED),
            'has no signature: an earlier version or another program made it; give "trust": true',
        ),
        (Judged(Verdict.FOREIGN, "ab"), "signed with the key ab, which this service does not have; add that line to"),
        (Judged(Verdict.CHANGED, "ab"), 'was changed after it was signed: use another backup, or give "trust": true'),
    ],
)
def test_sentences(judged: Judged, words: str) -> None:
    assert words in judged.refusal("monday")
    assert not judged.is_fine


@pytest.mark.parametrize("data", [b"", b"{}", b'{"version":1,"backup_name":"b","key":"K","mac":"00"}'])
def test_no_signature_at_all(data: bytes) -> None:
    with pytest.raises(DocumentError):
        read_signature(data, "signature")


def test_keys_of_secrets() -> None:
    given = {"backup_signing_key.0": "AAAA", "backup_signing_key.1": "BBBB", "s3_access_key": "x"}
    assert read_keys(given) == Keys((b"\0\0\0", b"\x04\x10A"), ())
    assert read_keys({}) == Keys()


def test_derived_keys_differ_by_purpose_and_salt() -> None:
    assert len({derive(OLD, "a"), derive(OLD, "b"), derive(OLD, "a", b"s"), derive(NEW, "a"), OLD}) == 5
    assert key_id(OLD) not in OLD.hex()
