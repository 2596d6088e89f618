"""The key of a node, its signing request, and the check of the certificate that the scheduler sends for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from executor.certificate_messages import CertificateFacts, fingerprints


class CertificateError(Exception):
    """A certificate that cannot be had or used; the text says why, and what to do if it is known."""


@dataclass(frozen=True)
class Request:
    """A new key with its signing request. The key leaves the node in no form."""

    key: ec.EllipticCurvePrivateKey
    pem: str

    def key_pem(self) -> bytes:
        """Return the key as Cassandra's PEM factory reads it: PKCS #8, without a password."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


def new_request(node: str, address: str) -> Request:
    """Make a key, and a signing request for this node's name and address."""
    key = ec.generate_private_key(ec.SECP256R1())
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)]))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Request(key, request.public_bytes(serialization.Encoding.PEM).decode())


def checked(request: Request, chain: str, trusted: str, address: str, now: float) -> CertificateFacts:
    """Return the facts of a certificate that this node can use now.

    Args:
        request: What was sent to the scheduler.
        chain: The certificate and its chain, as PEM.
        trusted: All trusted authorities, as PEM.
        address: The node's IP address.
        now: Seconds since the epoch by this machine's clock.

    Raises:
        CertificateError: Peers and clients would not accept the certificate.
    """
    try:
        leaf = x509.load_pem_x509_certificates(chain.encode())[0]
        authorities = x509.load_pem_x509_certificates(trusted.encode())
    except (ValueError, IndexError) as error:
        raise CertificateError(f"the scheduler's answer holds no certificate: {error}") from error
    if leaf.public_key() != request.key.public_key():
        raise CertificateError("the certificate is for another key")
    _check_address(leaf, address)
    _check_time(leaf, now)
    issuer = _issuer(leaf, authorities)
    trust = fingerprints(trusted)
    return CertificateFacts(
        serial=f"{leaf.serial_number:x}",
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        authority=trust[issuer],
        trusted=trust,
    )


def trusted_prints(trusted: str) -> tuple[str, ...]:
    """Return the SHA-256 of each authority in a PEM text. Raises CertificateError: peers could not be verified."""
    try:
        x509.load_pem_x509_certificates(trusted.encode())
        return fingerprints(trusted)
    except ValueError as error:
        raise CertificateError(f"the scheduler's answer holds no authorities: {error}") from error


def _check_address(leaf: x509.Certificate, address: str) -> None:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        names = x509.SubjectAlternativeName([])
    if ip_address(address) not in names.get_values_for_type(x509.IPAddress):
        raise CertificateError(f"the certificate does not name {address}, this node's address")


def _check_time(leaf: x509.Certificate, now: float) -> None:
    begin, end = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if begin.timestamp() <= now < end.timestamp():
        return
    clock = datetime.fromtimestamp(now, UTC)
    raise CertificateError(
        f"the certificate is valid from {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, but this machine's clock"
        f" says {clock:%Y-%m-%d %H:%M}: set the clocks of the agent and of the scheduler's machine"
    )


def _issuer(leaf: x509.Certificate, authorities: Sequence[x509.Certificate]) -> int:
    """Return which of the trusted authorities signed the certificate."""
    for number, authority in enumerate(authorities):
        try:
            leaf.verify_directly_issued_by(authority)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return number
    raise CertificateError("no trusted authority signed the certificate: the scheduler sent those of another one")
