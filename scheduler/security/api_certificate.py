"""The certificate with which the API speaks HTTPS, and the authorities of its clients' certificates.

A source says where they come from. What it returns is checked whole before a connection uses any of it.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scheduler.security.expiry import day
from scheduler.security.tls import WIDE, openssl_words

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

CERTIFICATE, KEY, CLIENT_CA = "API_CERTIFICATE_FILE", "API_KEY_FILE", "API_CLIENT_CA_FILE"
# TLS 1.2 with forward secrecy and authenticated encryption alone; TLS 1.3 has nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_MOST_BYTES = 1024 * 1024


class UnusableCertificate(ValueError):
    """A certificate that cannot be used. `problems` are sentences that name the file and never show the key."""

    def __init__(self, *problems: str) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Material:
    """Certificate with its chain, private key and client authorities in PEM; each name says whence it comes.

    `issuer` is the certificate of the service's own authority if that signed it, and `renews_itself` is set then.
    """

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes = b""
    certificate_name: str = CERTIFICATE
    key_name: str = KEY
    client_ca_name: str = CLIENT_CA
    issuer: str = ""
    renews_itself: bool = False


class CertificateSource(Protocol):
    """Where the API's certificate comes from: files, or an authority that issues and renews it."""

    def read(self) -> Material:
        """Return what holds now.

        Raises:
            UnusableCertificate: It cannot be read.
        """


@dataclass(frozen=True)
class CertificateFiles:
    """Files of the scheduler's machine, under the names of their settings."""

    certificate: str
    key: str
    client_ca: str = ""

    def read(self) -> Material:
        """Return what the files hold now."""
        problems: list[str] = []
        named = ((CERTIFICATE, self.certificate), (KEY, self.key), (CLIENT_CA, self.client_ca))
        contents = [_content(setting, path, problems) if path else b"" for setting, path in named]
        if self.client_ca and not contents[-1] and not problems:
            problems.append(f"{CLIENT_CA} {self.client_ca} holds no certificate in PEM.")
        if problems:
            raise UnusableCertificate(*problems)
        certificate, key, client_ca = contents
        names = [f"{setting} {path}" for setting, path in named]
        return Material(certificate, key, client_ca, names[0], names[1], names[2])


@dataclass(frozen=True)
class Identity:
    """A certificate that can be used, with the context of its connections; its times are in seconds since the epoch."""

    material: Material
    context: ssl.SSLContext = field(repr=False, compare=False)
    serial: str
    begins_at: float
    ends_at: float

    @property
    def client_ca(self) -> bytes:
        """The authorities of client certificates."""
        return self.material.client_ca


def identify(material: Material, now: float) -> Identity:
    """Check the material and return what connections need.

    Raises:
        UnusableCertificate: It has every problem.
    """
    problems: list[str] = []
    chain = _certificates(material.certificate, material.certificate_name, problems)
    clients = _certificates(material.client_ca, material.client_ca_name, problems) if material.client_ca else []
    problems += _key_problems(material, chain)
    if chain:
        problems += _time_problems(material.certificate_name, chain[0], now)
    if problems:
        raise UnusableCertificate(*problems)
    return Identity(
        material,
        _context(material, chain, clients),
        f"{chain[0].serial_number:x}",
        chain[0].not_valid_before_utc.timestamp(),
        chain[0].not_valid_after_utc.timestamp(),
    )


def _content(setting: str, path: str, problems: list[str]) -> bytes:
    try:
        with Path(path).open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if setting == KEY and mode & WIDE:
                problems.append(
                    f"{setting} {path} has the mode {mode:04o}, so that other users of the machine can use it; "
                    "set it to 0600."
                )
            return file.read(_MOST_BYTES)
    except OSError as error:
        problems.append(f"{setting} {path} cannot be read: {error.strerror}.")
        return b""


def _certificates(pem: bytes, name: str, problems: list[str]) -> list[Certificate]:
    # cryptography takes a while to import, and few settings need it.
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        problems.append(f"{name} holds no certificate in PEM.")
        return []


def _key_problems(material: Material, chain: list[Certificate]) -> Iterator[str]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(material.key, None)
    except TypeError:
        yield f"{material.key_name} is encrypted: store the private key without a password."
        return
    except (ValueError, UnsupportedAlgorithm):
        yield f"{material.key_name} holds no private key in PEM."
        return
    try:
        is_own = not chain or chain[0].public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):
        yield f"{material.certificate_name} has a public key that cannot be used: take RSA or a common elliptic curve."
        return
    if not is_own:
        yield (
            f"{material.key_name} is not the key of the certificate in {material.certificate_name}, whose own "
            "certificate must be the first one."
        )


def _time_problems(name: str, certificate: Certificate, now: float) -> Iterator[str]:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends.timestamp() <= now:
        yield f"{name} has expired on {day(ends.timestamp())}: renew the certificate, or check the clock."
    elif begins.timestamp() > now:
        yield f"{name} is not valid before {day(begins.timestamp())}: check the clock."


def _context(material: Material, chain: list[Certificate], clients: list[Certificate]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    # A session that is resumed would not show a client's certificate to its authority again.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    context.set_alpn_protocols(["http/1.1"])
    pem = "".join(map(_pem, chain)).encode()
    with _in_memory(pem + b"\n" + material.key) as path:
        try:
            # Without a password, Python would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(path, password="")
        except OSError as error:
            raise UnusableCertificate(f"{material.certificate_name} cannot be used: {openssl_words(error)}.") from error
    if clients:
        context.verify_mode = ssl.CERT_OPTIONAL
        try:
            context.load_verify_locations(cadata="".join(map(_pem, clients)))
        except OSError as error:
            raise UnusableCertificate(f"{material.client_ca_name} cannot be used: {openssl_words(error)}.") from error
    return context


def _pem(certificate: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM).decode()


@contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Yield a path of the content that no disk ever holds: Python's `ssl` reads keys from files alone."""
    descriptor = os.memfd_create("api-key")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
