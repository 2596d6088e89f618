"""The way of bytes between one client and the event loop: as they are, or through TLS (service.http.tls)."""

from __future__ import annotations

import os
import socket
from typing import Protocol

from scheduler.security.client_names import ClientCertificate

# At most one record of TLS: what OpenSSL has decrypted never waits beside what the kernel has.
RECEIVE_BYTES = 16 * 1024


class Channel(Protocol):
    """What a connection and its outgoing parts need. Only the event loop calls it, and no method waits.

    Each method raises BlockingIOError where it would have to wait for the client, and OSError if the client is gone.
    """

    @property
    def scheme(self) -> str:
        """`http` or `https`."""

    @property
    def turn_bytes(self) -> int:
        """Bytes that the connection may send before the others have their turn."""

    @property
    def certificate(self) -> ClientCertificate | None:
        """The client's certificate, None without one."""

    @property
    def outdated(self) -> bool:
        """Whether the connection must end after the present answer."""

    @property
    def held(self) -> int:
        """Bytes in memory that have not left yet."""

    def receive(self) -> bytes:
        """Return what the client has sent; nothing at its end."""

    def send(self, data: memoryview) -> int:
        """Send the beginning of `data`, and return how much of it; after a BlockingIOError it must be given again."""

    def send_file(self, descriptor: int, offset: int, count: int) -> int:
        """Send the beginning of a part of a file, as `send`; return 0 at the file's end."""

    def discard(self) -> int:
        """Drop what the client has sent, after `end`; return its size, 0 at its end."""

    def end(self) -> None:
        """Tell the client that nothing follows."""


class Plain:
    """A socket as it is."""

    scheme = "http"
    turn_bytes = 128 * 1024
    certificate: ClientCertificate | None = None
    outdated = False
    held = 0

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def receive(self) -> bytes:
        """Return what the client has sent."""
        return self._sock.recv(RECEIVE_BYTES)

    def send(self, data: memoryview) -> int:
        """Send what the kernel takes."""
        return self._sock.send(data)

    def send_file(self, descriptor: int, offset: int, count: int) -> int:
        """Have the kernel send, without a copy in this process."""
        return os.sendfile(self._sock.fileno(), descriptor, offset, count)

    def discard(self) -> int:
        """Drop what the client has sent."""
        return len(self._sock.recv(RECEIVE_BYTES))

    def end(self) -> None:
        """Send a FIN after what the kernel still holds."""
        self._sock.shutdown(socket.SHUT_WR)
