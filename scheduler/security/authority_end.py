"""The ends of the authorities that sign certificates of nodes and of clients: what to say of them, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from executor.certificate_messages import fingerprints, split_certificates
from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.security.authority import validity

_DAY = 86_400.0
# A sentence is reported again when so many days are left.
_LEFT_DAYS = (1, 7, 30)
_NOT_YET, _OVER, _FAR = -1, 0, max(_LEFT_DAYS) + 1
_SHOWN = 16  # characters of a SHA-256


@dataclass(frozen=True)
class ClientAuthorityEnd:
    """The end of one authority of clients: its SHA-256, the time in seconds since the epoch, level and sentence.

    The level is that of `authority_end`. Nodes do not check this time, only that of a client's certificate; but an
    authority issues none that lasts longer.
    """

    fingerprint: str
    end: float
    level: int
    sentence: str


def authority_end(record: AuthorityRecord, now: float) -> tuple[int, str]:
    """Return how near the end of the signing authority is, and a sentence for people with what to do.

    The number is 30, 7 or 1 within so many days, 0 after the end, and -1 before the beginning. Without anything to say
    the sentence is empty.

    Args:
        record: The authority, and the rotation that is under way.
        now: Seconds since the epoch.
    """
    authority = record.signing
    begin, end = times(authority.certificate)
    what = _remedy(authority)
    if now < begin:
        return _NOT_YET, (
            f"The authority of certificates is not valid before {_day(begin)}, so connections fail: check the clock of "
            f"the scheduler's machine; if that is right, {what}."
        )
    if now >= end:
        return _OVER, f"The authority of certificates has expired on {_day(end)}, so new connections fail: {what}."
    level = _FAR if record.following is not None else _level(end, now)
    return level, f"The authority of certificates {_ends(level, end)}: {what}." if level < _FAR else ""


def client_authority_ends(authorities: str, now: float) -> tuple[ClientAuthorityEnd, ...]:
    """Return how near the end of each authority of clients is.

    Args:
        authorities: Certificates as PEM.
        now: Seconds since the epoch.
    """
    return tuple(_client_end(pem, now) for pem in split_certificates(authorities))


def _client_end(pem: str, now: float) -> ClientAuthorityEnd:
    (fingerprint,) = fingerprints(pem)
    end = times(pem)[1]
    level = _level(end, now)
    name = f"The authority {fingerprint[:_SHOWN]}… in SECURITY_CLIENT_CA_FILE"
    sentence = ""
    if level == _OVER:
        sentence = f"{name} has expired on {_day(end)}: give clients certificates of another one, and remove it."
    elif level < _FAR:
        sentence = f"{name} {_ends(level, end)}: add another one, and give clients certificates of that."
    return ClientAuthorityEnd(fingerprint, end, level, sentence)


def _level(end: float, now: float) -> int:
    return next((days for days in (_OVER, *_LEFT_DAYS) if end - now <= days * _DAY), _FAR)


def _ends(level: int, end: float) -> str:
    left = "a day" if level == 1 else f"{level} days"
    return f"expires in less than {left}, on {_day(end)}"


def cannot_begin(authority: Authority, now: float) -> str:
    """Return why no node could use a certificate of this authority now; empty if it could."""
    begin, end = times(authority.certificate)
    if now < begin:
        return f"it is not valid before {_day(begin)}: check the clock of the scheduler's machine"
    return f"it has expired on {_day(end)}" if now >= end else ""


def is_useless(record: AuthorityRecord, now: float) -> bool:
    """Return whether nodes wait in vain for proofs of the old authority: no peer accepts its certificates now."""
    return record.phase is RotationPhase.TRUST_BOTH and bool(cannot_begin(record.current, now))


@lru_cache(maxsize=32)  # of the few authorities, in each cycle
def times(certificate: str) -> tuple[float, float]:
    """Return from when to when an authority is valid, in seconds since the epoch."""
    return validity(certificate)


def _remedy(authority: Authority) -> str:
    if authority.sealed:
        return "rotate it by PUT /v1/certificates/rotate"
    return "put another one into SECURITY_CA_CERTIFICATE_FILE and SECURITY_CA_KEY_FILE"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
