"""TLS from files, as the scheduler uses it towards ZooKeeper and Mesos."""

from __future__ import annotations

import ssl
import stat
from dataclasses import dataclass

# What no file of a secret should grant: writing to its group, and anything to others.
WIDE = stat.S_IWGRP | stat.S_IRWXO


@dataclass(frozen=True)
class Tls:
    """The files for connections over TLS, in PEM. Without certificate and key the client presents none."""

    ca_file: str
    certificate_file: str = ""
    key_file: str = ""

    def context(self) -> ssl.SSLContext:
        """Return a context from the present files: one CA file, names checked, TLS 1.2 or later.

        kazoo's own context would trust all authorities of the system too. Raises OSError, also for what is no PEM.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(self.ca_file)
        if self.certificate_file:
            # Without a password, Python would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(self.certificate_file, self.key_file or None, password="")
        return context


def openssl_words(error: OSError) -> str:
    """Return OpenSSL's words, without the line of its source."""
    return (error.strerror or str(error)).partition(" (_ssl.c")[0]
