"""The API's certificate from the service's own authority: made at the start, renewed and changed by itself.

The key is in memory alone, so that each start makes another one. Until the scheduler has read its records, the API
shows a certificate that no client trusts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from executor.certificate_messages import fingerprints, renewal_at, rest_after
from scheduler.core.state.authority import Authority
from scheduler.security.api_certificate import CertificateFiles, Material, UnusableCertificate
from scheduler.security.authority import (
    AuthorityError,
    KeyPair,
    Names,
    issue_server,
    new_authority,
    validity,
)
from scheduler.security.issuer import Issuer

logger = logging.getLogger(__name__)

OWN = "API_CERTIFICATE=own"


@dataclass(frozen=True)
class InUse:
    """The authority that signs at present, and for how long its certificates are valid.

    `following` signs if the other cannot: a rotation has begun, and the files of the authority hold the new one.
    """

    authority: Authority
    days: float
    following: Authority | None = None

    @property
    def authorities(self) -> tuple[Authority, ...]:
        """Return the authorities that can sign, in the order to try."""
        return (self.authority, *([self.following] if self.following is not None else []))


class OwnCertificate:
    """A CertificateSource. One thread reads it."""

    def __init__(
        self,
        names: Names,
        issuer: Issuer,
        in_use: Callable[[], InUse | None],
        client_ca_file: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Make the certificate of the start; `in_use` returns None until the records are read."""
        self._names, self._issuer, self._in_use, self._clock = names, issuer, in_use, clock
        self._files = CertificateFiles("", "", client_ca_file)
        self._pair = issue_server(names, new_authority("not ready yet", clock()), 1.0, clock())
        self._authority = ""
        self._renew_at = 0.0

    def read(self) -> Material:
        """Return the present certificate, or another one if it is time for that. Raises UnusableCertificate."""
        found = self._in_use()
        if found is not None and self._is_due(found):
            self._issue(found)
        client_ca = self._files.read().client_ca
        certificate, key = self._pair.certificate.encode(), self._pair.key.encode()
        return Material(certificate, key, client_ca, OWN, OWN, issuer=self._authority, renews_itself=True)

    def _is_due(self, found: InUse) -> bool:
        now, (begin, _) = self._clock(), validity(self._pair.certificate)
        # It begins later than now if the clock was ahead when it was made, and has been set since.
        known = self._authority in [authority.certificate for authority in found.authorities]
        return not known or now >= self._renew_at or now < begin

    def _issue(self, found: InUse) -> None:
        problems: list[str] = []
        for authority in found.authorities:
            try:
                pair = issue_server(self._names, self._issuer.pair(authority), found.days, self._clock())
            except AuthorityError as error:
                problems.append(f"{OWN}: {error}.")
                continue
            self._use(pair, authority.certificate)
            return
        raise UnusableCertificate(problems[0])

    def _use(self, pair: KeyPair, authority: str) -> None:
        self._pair, self._renew_at = pair, _renewal_at(pair.certificate, self._clock())
        if self._authority != authority:
            self._authority = authority
            logger.info("the API's certificate is of the authority with the SHA-256 %s", _shown(self._authority))


def _renewal_at(certificate: str, now: float) -> float:
    """Return when a certificate that was made at `now` is to be replaced; both in seconds since the epoch."""
    begin, end = validity(certificate)
    return max(renewal_at(begin, end), now + rest_after(end, now))


def _shown(certificate: str) -> str:
    """Return the fingerprint as openssl prints it: `9F:86:…`."""
    return bytes.fromhex(fingerprints(certificate)[0]).hex(":").upper()
