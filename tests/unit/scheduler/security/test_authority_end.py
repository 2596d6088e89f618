"""What is said of an authority that ends, has ended, or has not begun."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet

from executor.certificate_messages import fingerprints
from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.security.authority import AUTHORITY_DAYS, new_authority
from scheduler.security.authority_end import authority_end, cannot_begin, client_authority_ends, is_useless
from scheduler.security.issuer import Issuer
from scheduler.security.sealing import Sealer

NOW, DAY = 1_800_000_000.0, 86_400.0
END = NOW - 3600.0 + AUTHORITY_DAYS * DAY
ISSUER = Issuer("cassandra", Sealer([Fernet.generate_key().decode()]))
RECORD = ISSUER.first(NOW)
ROTATE = "rotate it by PUT /v1/certificates/rotate."


@pytest.mark.parametrize(
    ("now", "level", "says"),
    [
        (NOW, 31, ""),
        (END - 31 * DAY, 31, ""),
        (END - 29 * DAY, 30, f"expires in less than 30 days, on 2037-01-12 07:00 UTC: {ROTATE}"),
        (END - 2 * DAY, 7, "expires in less than 7 days"),
        (END - 3600.0, 1, "expires in less than a day"),
        (END, 0, f"has expired on 2037-01-12 07:00 UTC, so new connections fail: {ROTATE}"),
        (NOW - DAY, -1, "is not valid before 2027-01-15 07:00 UTC, so connections fail: check the clock of the "),
    ],
)
def test_the_sentence(now: float, level: int, says: str) -> None:
    found = authority_end(RECORD, now)
    assert found[0] == level
    assert says in found[1]
    assert bool(found[1]) == bool(says)


@pytest.mark.parametrize(
    ("now", "level", "says"),
    [
        (END - 31 * DAY, 31, ""),
        (
            END - 29 * DAY,
            30,
            " expires in less than 30 days, on 2037-01-12 07:00 UTC: add another one, and give clients ",
        ),
        (END - 3600.0, 1, " expires in less than a day"),
        (END, 0, " has expired on 2037-01-12 07:00 UTC: give clients certificates of another one, and remove it."),
        (NOW - DAY, 31, ""),
    ],
)
def test_the_sentence_about_an_authority_of_clients(now: float, level: int, says: str) -> None:
    pem, later = new_authority("clients", NOW).certificate, new_authority("others", END).certificate
    first, second = client_authority_ends(pem + later, now)
    assert (first.level, first.end, second.sentence) == (level, END, "")
    assert first.fingerprint == fingerprints(pem)[0]
    assert says in first.sentence
    assert bool(first.sentence) == bool(says)
    if says:
        assert first.sentence.startswith(f"The authority {first.fingerprint[:16]}… in SECURITY_CLIENT_CA_FILE ")


def test_an_authority_in_files_has_another_remedy() -> None:
    record = AuthorityRecord(Authority(new_authority("files", NOW).certificate))
    assert authority_end(record, END)[1].endswith(
        ": put another one into SECURITY_CA_CERTIFICATE_FILE and SECURITY_CA_KEY_FILE."
    )


def test_a_rotation_is_no_approaching_end() -> None:
    rotated = replace(RECORD, following=ISSUER.new(END - DAY), phase=RotationPhase.TRUST_BOTH)
    assert authority_end(rotated, END - 2 * DAY) == (31, "")
    assert not is_useless(rotated, END - 1.0)
    assert is_useless(rotated, END)
    assert not is_useless(replace(rotated, phase=RotationPhase.NEW_CERTIFICATES), END)
    assert not is_useless(RECORD, END)


def test_what_cannot_sign_begins_no_rotation() -> None:
    assert cannot_begin(RECORD.current, NOW) == ""
    assert cannot_begin(RECORD.current, END) == "it has expired on 2037-01-12 07:00 UTC"
    assert "check the clock" in cannot_begin(RECORD.current, NOW - DAY)
