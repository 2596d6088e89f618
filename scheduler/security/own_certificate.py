"""The API's certificate from the service's own authority: made at the start, renewed and changed by itself.

The key is in memory alone, so that each start makes another one. Until the scheduler has read its records, the API
shows a certificate that no client trusts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from executor.certificate_messages import fingerprints
from scheduler.core.state.authority import Authority
from scheduler.security.api_certificate import CertificateFiles, Material, UnusableCertificate
from scheduler.security.authority import AuthorityError, Names, issue_server, new_authority, validity
from scheduler.security.issuer import Issuer

logger = logging.getLogger(__name__)

OWN = "API_CERTIFICATE=own"
_RENEWED_AFTER = 2 / 3


@dataclass(frozen=True)
class InUse:
    """The authority that signs at present, and for how long its certificates are valid."""

    authority: Authority
    days: float


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

    def read(self) -> Material:
        """Return the present certificate, or another one if it is time for that. Raises UnusableCertificate."""
        found = self._in_use()
        if found is not None and self._is_due(found):
            self._issue(found)
        client_ca = self._files.read().client_ca
        certificate, key = self._pair.certificate.encode(), self._pair.key.encode()
        return Material(certificate, key, client_ca, OWN, OWN, issuer=self._authority, renews_itself=True)

    def _is_due(self, found: InUse) -> bool:
        begin, end = validity(self._pair.certificate)
        return self._authority != found.authority.certificate or self._clock() >= begin + (end - begin) * _RENEWED_AFTER

    def _issue(self, found: InUse) -> None:
        try:
            authority = self._issuer.pair(found.authority)
            self._pair = issue_server(self._names, authority, found.days, self._clock())
        except AuthorityError as error:
            raise UnusableCertificate(f"{OWN}: {error}.") from error
        if self._authority != found.authority.certificate:
            self._authority = found.authority.certificate
            logger.info("the API's certificate is of the authority with the SHA-256 %s", _shown(self._authority))


def _shown(certificate: str) -> str:
    """Return the fingerprint as openssl prints it: `9F:86:…`."""
    return bytes.fromhex(fingerprints(certificate)[0]).hex(":").upper()
