"""The files with a node's key, certificate and trusted authorities, as Cassandra reads them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from executor import whole_file

DIRECTORY = "tls"


@dataclass(frozen=True)
class TlsFiles:
    """Two PEM files in a directory of the sandbox that only Cassandra's user can read.

    `keystore` holds the key and the certificate with its chain, `truststore` the trusted authorities.
    """

    directory: Path

    @property
    def keystore(self) -> Path:
        """Return the file with the key and the certificate."""
        return self.directory / "node.pem"

    @property
    def truststore(self) -> Path:
        """Return the file with the trusted authorities."""
        return self.directory / "trusted.pem"

    def trust(self, trusted: str) -> None:
        """Replace the trusted authorities. Raises OSError."""
        whole_file.write(self.truststore, trusted.encode(), 0o640)

    def write(self, key: bytes, chain: str, trusted: str) -> None:
        """Replace both files, each at once: Cassandra may read them at any time. Raises OSError."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        # An older certificate goes with the newer authorities, since these trust its authority as long as it is used.
        self.trust(trusted)
        whole_file.write(self.keystore, key + chain.encode(), 0o600)
