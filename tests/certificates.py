"""Certificates for tests: an authority, and certificates for 127.0.0.1 that it signs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Issued:
    """The files of one certificate: itself, its key, and both in one file."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """An authority whose certificate is `ca`, with the key in the file `key`; it writes all files into one folder."""

    def __init__(self, folder: Path, name: str = "test authority", parent: Authority | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = parent or self
        built = signer._begin(self._name, self._key.public_key(), DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(_pem(built.sign(signer._key, hashes.SHA256())))
        self.key = folder / "ca-key.pem"
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.key.write_bytes(self._key.private_bytes(*form))

    def key_pem(self) -> bytes:
        """Return the authority's own key as PEM, without a password."""
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        return self._key.private_bytes(*form)

    def issue(
        self,
        name: str,
        address: str = "127.0.0.1",
        lasts: timedelta = DAY,
        password: bytes = b"",
        hosts: Sequence[str] = (),
        begins: timedelta = -7 * DAY,
        old: bool = False,
        uri: str = "",
    ) -> Issued:
        """Return a certificate for the address, or for `hosts` or the identity `uri` instead.

        With a negative `lasts` it has expired, with a positive `begins` it is not valid yet. `old`: an RSA key.
        """
        hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        key = rsa.generate_private_key(65537, 2048) if old else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        found: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts] or [x509.IPAddress(ip_address(address))]
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)] if uri else found)
        certificate = self._begin(subject, key.public_key(), lasts, begins).add_extension(names, critical=False)
        issued = Issued(*(self._folder / f"{name}{ending}.pem" for ending in ("", "-key", "-both")))
        issued.certificate.write_bytes(_pem(certificate.sign(self._key, hashes.SHA256())))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
        issued.key.write_bytes(key.private_bytes(*form, hidden))
        issued.key.chmod(0o600)
        issued.both.write_bytes(issued.key.read_bytes() + issued.certificate.read_bytes())
        return issued

    def _begin(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        lasts: timedelta,
        begins: timedelta = -7 * DAY,
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + lasts)
        )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def changed(pem: str, old: bytes, new: bytes) -> str:
    """Return a PEM with other bytes in it."""
    begin, *lines, end = pem.strip().splitlines()
    data = base64.b64decode("".join(lines))
    assert old in data
    return "\n".join((begin, base64.b64encode(data.replace(old, new)).decode(), end, ""))


def of_unknown_curve(pem: str) -> str:
    """Return a PEM whose curve, P-256, is one that does not exist."""
    return changed(pem, b"\x2a\x86\x48\xce\x3d\x03\x01\x07", b"\x2a\x86\x48\xce\x3d\x03\x01\x77")
