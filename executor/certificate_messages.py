"""What scheduler and executor say about certificates, and when one is renewed: pure, and a part of `executor.protocol`.

The private key is made on the node and is in none of these.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass

OFF, OPTIONAL, REQUIRED = "off", "optional", "required"
ENCRYPTIONS = (OFF, OPTIONAL, REQUIRED)
# A certificate is renewed when two thirds of its life are over. It can be due at once: its authority ends soon, or the
# clocks differ. Then a third of the time that is left passes before the next one, within these limits.
RENEWAL_SHARE, _LEFT_SHARE = 2 / 3, 1 / 3
LEAST_SECONDS, MOST_SECONDS = 60.0, 3600.0
_PEM = re.compile(r"-----BEGIN (?:X509 )?CERTIFICATE-----(.+?)-----END (?:X509 )?CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True)
class CertificateQuery:
    """Executor to scheduler: a signing request (PEM) for the node of this task."""

    task_id: str
    request: str


@dataclass(frozen=True)
class CertificateReply:
    """Scheduler to executor: the certificate with its chain, and all trusted authorities, as PEM.

    `problem` is the reason if there is no certificate. Without a chain, only the trusted authorities change.
    """

    task_id: str
    chain: str = ""
    trusted: str = ""
    problem: str = ""


@dataclass(frozen=True)
class CertificateCall:
    """Scheduler to executor: make a new key, and send a CertificateQuery."""

    task_id: str


@dataclass(frozen=True)
class CertificateFacts:
    """The certificate that a node shows, as a TLS handshake with its own ports has proven.

    Times are in seconds since the epoch, `authority` and `trusted` SHA-256 fingerprints of authorities. `ports` are
    those that showed it. `problem` says why a newer certificate could not be had or proven.
    """

    serial: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    authority: str = ""
    trusted: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    problem: str = ""


def renewal_at(begin: float, end: float) -> float:
    """Return when a certificate is to be renewed that lasts from `begin` to `end`: all in seconds since the epoch."""
    return begin + (end - begin) * RENEWAL_SHARE


def rest_after(end: float, now: float) -> float:
    """Return the least seconds between a certificate and the next; `end` and `now` are in seconds since the epoch."""
    return min(max((end - now) * _LEFT_SHARE, LEAST_SECONDS), MOST_SECONDS)


def fingerprints(pem: str) -> tuple[str, ...]:
    """Return the SHA-256 of each certificate in a PEM text, in order. Raises ValueError for what is no base64."""
    return tuple(hashlib.sha256(base64.b64decode(found)).hexdigest() for found in _PEM.findall(pem))


def split_certificates(pem: str) -> tuple[str, ...]:
    """Return each certificate of a PEM text, in order."""
    return tuple(f"{found.group(0)}\n" for found in _PEM.finditer(pem))
