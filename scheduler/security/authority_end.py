"""The end of the authority that signs certificates: what to say of it, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from scheduler.core.state.authority import Authority, AuthorityRecord, RotationPhase
from scheduler.security.authority import validity

_DAY = 86_400.0
# A sentence is reported again when so many days are left.
_LEFT_DAYS = (1, 7, 30)
_NOT_YET, _OVER = -1, 0


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
    for days in () if record.following is not None else _LEFT_DAYS:
        if end - now <= days * _DAY:
            left = "a day" if days == 1 else f"{days} days"
            return days, f"The authority of certificates expires in less than {left}, on {_day(end)}: {what}."
    return max(_LEFT_DAYS) + 1, ""


def cannot_begin(authority: Authority, now: float) -> str:
    """Return why no node could use a certificate of this authority now; empty if it could."""
    begin, end = times(authority.certificate)
    if now < begin:
        return f"it is not valid before {_day(begin)}: check the clock of the scheduler's machine"
    return f"it has expired on {_day(end)}" if now >= end else ""


def is_useless(record: AuthorityRecord, now: float) -> bool:
    """Return whether nodes wait in vain for proofs of the old authority: no peer accepts its certificates now."""
    return record.phase is RotationPhase.TRUST_BOTH and bool(cannot_begin(record.current, now))


@lru_cache(maxsize=8)  # of the few authorities, in each cycle
def times(certificate: str) -> tuple[float, float]:
    """Return from when to when an authority is valid, in seconds since the epoch."""
    return validity(certificate)


def _remedy(authority: Authority) -> str:
    if authority.sealed:
        return "rotate it by PUT /v1/certificates/rotate"
    return "put another one into SECURITY_CA_CERTIFICATE_FILE and SECURITY_CA_KEY_FILE"


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
