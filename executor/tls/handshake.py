"""A TLS handshake with the node's own ports: which certificate does Cassandra really show?"""

from __future__ import annotations

import hashlib
import socket
import ssl

from executor.tls.certificate import CertificateError
from executor.tls.files import TlsFiles


def shown(address: str, port: int, files: TlsFiles, timeout: float) -> str:
    """Return the SHA-256 of the certificate that a port shows; the handshake presents the node's own.

    Raises:
        CertificateError: There is no handshake, or no trusted authority signed what is shown.
    """
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # Its certificate is compared as a whole by the caller.
        context.check_hostname = False
        # An authority can be signed by another one, which no node trusts.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(files.truststore)
        context.load_cert_chain(files.keystore, password="")
        with (
            socket.create_connection((address, port), timeout) as plain,
            context.wrap_socket(plain) as connection,
        ):
            certificate = connection.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        raise CertificateError(f"the handshake with port {port} of {address} failed: {error}") from error
    if certificate is None:
        raise CertificateError(f"port {port} of {address} shows no certificate")
    return hashlib.sha256(certificate).hexdigest()
