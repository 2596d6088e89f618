"""The ends of the authorities that sign certificates of nodes and of clients: what to say of them, and when."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from executor.certificate_messages import fingerprints, split_certificates
from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.security.authority import validity
from scheduler.security.expiry import FAR, OVER, day, describe_end, level_of

_NOT_YET = -1
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
            f"The authority of certificates is not valid before {day(begin)}, so connections fail: check the clock of "
            f"the scheduler's machine; if that is right, {what}."
        )
    if now >= end:
        return OVER, f"The authority of certificates has expired on {day(end)}, so new connections fail: {what}."
    level = FAR if record.following is not None else level_of(end, now)
    return level, f"The authority of certificates {describe_end(level, end)}: {what}." if level < FAR else ""


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
    level = level_of(end, now)
    name = f"The authority {fingerprint[:_SHOWN]}… in SECURITY_CLIENT_CA_FILE"
    sentence = ""
    if level == OVER:
        sentence = f"{name} has expired on {day(end)}: give clients certificates of another one, and remove it."
    elif level < FAR:
        sentence = f"{name} {describe_end(level, end)}: add another one, and give clients certificates of that."
    return ClientAuthorityEnd(fingerprint, end, level, sentence)


def cannot_begin(authority: Authority, now: float) -> str:
    """Return why no node could use a certificate of this authority now; empty if it could."""
    begin, end = times(authority.certificate)
    if now < begin:
        return f"it is not valid before {day(begin)}: check the clock of the scheduler's machine"
    return f"it has expired on {day(end)}" if now >= end else ""


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
