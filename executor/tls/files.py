"""The files with a node's key, certificate and trusted authorities, as Cassandra reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from executor import whole_file

DIRECTORY = "tls"


@dataclass(frozen=True)
class TlsFiles:
    """PEM files in a directory of the sandbox that only Cassandra's user can read.

    `keystore` holds the key and the certificate with its chain, `truststore` the authorities of nodes. Where clients
    present certificates, `client_truststore` holds these and the authorities of clients, whose PEM is `clients`.
    """

    directory: Path
    clients: str = ""

    @property
    def keystore(self) -> Path:
        """Return the file with the key and the certificate."""
        return self.directory / "node.pem"

    @property
    def truststore(self) -> Path:
        """Return the file with the authorities of nodes."""
        return self.directory / "trusted.pem"

    @property
    def client_truststore(self) -> Path:
        """Return the file with the authorities whose certificates CQL takes."""
        # A client's authority must not be in the other file: who has its certificates would be a peer of the nodes.
        return self.directory / "clients.pem" if self.clients else self.truststore

    def trust(self, trusted: str) -> None:
        """Replace the trusted authorities. Raises OSError."""
        whole_file.write(self.truststore, trusted.encode(), 0o640)
        if self.clients:
            whole_file.write(self.client_truststore, (trusted + self.clients).encode(), 0o640)

    def write(self, key: bytes, chain: str, trusted: str) -> None:
        """Replace all files, each at once: Cassandra may read them at any time. Raises OSError."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        # An older certificate goes with the newer authorities, since these trust its authority as long as it is used.
        self.trust(trusted)
        whole_file.write(self.keystore, key + chain.encode(), 0o600)
