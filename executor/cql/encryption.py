"""How a session is encrypted where cassandra.yaml has client_encryption_options: what is trusted, what is refused."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_PEM = (".pem", ".crt")


class UntrustedError(Exception):
    """A session that cannot be trusted; the text says why, and what to do."""


@dataclass(frozen=True)
class Encryption:
    """TLS of the native transport. `trusted` are certificates as PEM, or None where cassandra.yaml names none in PEM.

    `own` is the node's own address: what answers there on Cassandra's port is the node, whose lock its executor holds.
    `certificate_file` has the node's own certificate with its key, for a node that asks its clients for one.
    """

    own: str
    trusted: str | None = None
    wants_certificate: bool = False
    trusted_file: Path | None = None  # of our own authorities, which can change
    certificate_file: Path | None = None

    def context(self, address: str) -> ssl.SSLContext:
        """Return the context for a connection to an address. Raises UntrustedError."""
        if self.wants_certificate:
            raise UntrustedError(
                "client_encryption_options.require_client_auth is true, and the executor has no certificate"
            )
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Certificates of nodes name hosts, if anything, and sessions are with addresses.
        found.check_hostname = False
        # As Cassandra: an authority can be signed by another one, which no node trusts.
        found.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self.trusted is not None or self.trusted_file is not None:
            try:
                found.load_verify_locations(cafile=self.trusted_file, cadata=self.trusted)
            except (OSError, ValueError) as error:
                raise UntrustedError(f"the trusted certificates of client_encryption_options: {error}") from error
            self._present_certificate(found)
        elif address == self.own or ip_address(address).is_loopback:
            found.verify_mode = ssl.CERT_NONE
        else:
            raise UntrustedError(
                f"nothing says which certificate of {address} is to be trusted: give client_encryption_options"
                " trusted_certificates, as PEMBasedSslContextFactory has them"
            )
        return found

    def _present_certificate(self, context: ssl.SSLContext) -> None:
        if self.certificate_file is None:
            return
        try:
            context.load_cert_chain(self.certificate_file, password="")
        except (OSError, ValueError) as error:
            raise UntrustedError(f"the node's own certificate: {error}") from error


def read(options: Mapping[str, Any], own: str) -> Encryption | None:
    """Return the encryption that cassandra.yaml's keys ask for; None if the native transport is in plain text."""
    given = options.get("client_encryption_options")
    if not isinstance(given, Mapping) or not _is_true(given.get("enabled")):
        return None
    return Encryption(own, _trusted(given), _is_true(given.get("require_client_auth")))


def own_encryption(own: str, trusted_file: Path, certificate_file: Path) -> Encryption:
    """Return the encryption of a node whose certificate is the scheduler's."""
    return Encryption(own, trusted_file=trusted_file, certificate_file=certificate_file)


def _is_true(value: Any) -> bool:
    return value is True or str(value).lower() in ("true", "required")


def _trusted(given: Mapping[str, Any]) -> str | None:
    for parameters in _parameters(given.get("ssl_context_factory")):
        if parameters.get("trusted_certificates"):
            return str(parameters["trusted_certificates"])
    path = str(given.get("truststore") or "")
    try:
        found = Path(path).read_text()
    except (OSError, ValueError):
        return None
    # A truststore of Java's own formats is no text, and a file of PEM can have any name.
    return found if _CERTIFICATE in found or path.endswith(_PEM) else None


def _parameters(factory: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the parameters of a class; Cassandra reads a mapping, and a list with one."""
    for item in factory if isinstance(factory, list) else [factory]:
        found = item.get("parameters") if isinstance(item, Mapping) else None
        yield from (one for one in (found if isinstance(found, list) else [found]) if isinstance(one, Mapping))
