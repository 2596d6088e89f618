"""TLS of one connection, in memory: the event loop moves the bytes, threads do the costly part of the handshake."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scheduler.security.client_names import ClientCertificate, name_of
from service.http.channel import RECEIVE_BYTES

# A record of the type handshake begins with this byte, and nothing else begins a connection.
_HANDSHAKE = 0x16
_HEADER_BYTES = 5
_LONGEST_RECORD = 16 * 1024 + 2048
# A client's certificates take some kB.
HANDSHAKE_BYTES = 64 * 1024
# What a client may send without any data (renegotiations, new keys), and what it may leave unread of answers to that.
IDLE_BYTES = 64 * 1024
# One record: a client that reads slowly has no more of a file in memory.
PIECE_BYTES = 16 * 1024


class NotTls(Exception):
    """The client does not speak TLS; `http`: it seems to speak HTTP."""

    def __init__(self, http: bool) -> None:
        super().__init__("the client does not speak TLS")
        self.http = http


class Identity(Protocol):
    """A certificate in use."""

    @property
    def context(self) -> ssl.SSLContext:
        """The context of new connections."""

    @property
    def client_ca(self) -> bytes:
        """The authorities of client certificates."""


Identities = Callable[[], Identity]


# OpenSSL's reasons, where its words do not say whose fault it is.
_REASONS = {
    "TLSV1_ALERT_UNKNOWN_CA": "the client does not trust the authority of the API's certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the client refuses the API's certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the client refuses the API's certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the client says that the API's certificate has expired",
    "UNSUPPORTED_PROTOCOL": "the client offers only versions of TLS below 1.2",
    "NO_SHARED_CIPHER": "the client offers no cipher that the API accepts",
}


def failure(error: Exception) -> str:
    """Return why a handshake failed, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the client's certificate is not valid: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason:
        return _REASONS.get(error.reason, error.reason.lower().replace("_", " "))
    return str(error)


@dataclass
class _Memory:
    """What lies between OpenSSL and the socket."""

    incoming: ssl.MemoryBIO
    outgoing: ssl.MemoryBIO
    tls: ssl.SSLObject


class Tls:
    """A socket with TLS. Before the handshake only `take`, `step` and `push` may be called.

    The state of OpenSSL, 16 kB, is made when the first record is there: clients that only connect cost none.
    """

    scheme = "https"
    # Encryption is the loop's own work: a hundred agents that fetch take some milliseconds of each turn.
    turn_bytes = 2 * PIECE_BYTES

    def __init__(self, sock: socket.socket, identities: Identities) -> None:
        self.certificate: ClientCertificate | None = None
        self._sock = sock
        self._identities = identities
        self._identity = identities()
        self._memory: _Memory | None = None
        self._raw = bytearray()
        self._taken = 0
        self._done = False
        self._barren = 0
        self._sealed = memoryview(b"")
        self._sealing = 0

    @property
    def begun(self) -> bool:
        """Whether a byte has come."""
        return self._taken > 0

    @property
    def outdated(self) -> bool:
        """Whether the authority that vouched for the client's certificate has changed since."""
        return self.certificate is not None and self._identities().client_ca != self._identity.client_ca

    @property
    def held(self) -> int:
        """Encrypted bytes that have not left yet, and those of a handshake that is not done."""
        return len(self._sealed) + (0 if self._done else self._taken)

    def take(self) -> bool:
        """Take bytes of the handshake, and return whether `step` can use them.

        Raises:
            NotTls: The client speaks something else.
            OSError: The client is gone, or sends too much.
        """
        data = self._sock.recv(RECEIVE_BYTES)
        if not data:
            raise ConnectionResetError("the client has closed the connection in the handshake")
        if not self._taken and data[0] != _HANDSHAKE:
            raise NotTls(http=data[:1].isalpha())
        self._taken += len(data)
        # The last part of a handshake has no answer that would carry its ACK, and the request waits for that.
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if self._taken > HANDSHAKE_BYTES:
            raise ConnectionAbortedError(f"the handshake has more than {HANDSHAKE_BYTES} bytes")
        self._raw += data
        end = self._whole()
        if not end:
            return False
        if self._memory is None:
            self._identity = self._identities()
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = self._identity.context.wrap_bio(incoming, outgoing, server_side=True)
            self._memory = _Memory(incoming, outgoing, tls)
        self._memory.incoming.write(self._raw[:end])
        del self._raw[:end]
        return True

    def step(self) -> bool:
        """Continue the handshake, on any thread while the event loop leaves this alone; return whether it is done.

        Raises:
            ssl.SSLError: The handshake has failed; `push` sends the client an alert.
        """
        assert self._memory is not None
        try:
            self._memory.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        if (found := self._memory.tls.getpeercert()) is not None:
            ends_at = ssl.cert_time_to_seconds(str(found["notAfter"]))
            self.certificate = ClientCertificate(name_of(found), ends_at)
        self._memory.incoming.write(self._raw)
        self._raw.clear()
        self._done = True
        return True

    def push(self) -> None:
        """Send what TLS itself has to say, after what has not left yet."""
        if self._memory is not None and self._memory.outgoing.pending:
            self._sealed = memoryview(bytes(self._sealed) + self._memory.outgoing.read())
        while self._sealed:
            self._sealed = self._sealed[self._sock.send(self._sealed) :]

    def receive(self) -> bytes:
        """Return what the client has sent."""
        data = self._sock.recv(RECEIVE_BYTES)
        assert self._memory is not None
        if data:
            self._memory.incoming.write(data)
        else:
            self._memory.incoming.write_eof()
        self._barren += len(data)
        return self.decrypt()

    def decrypt(self) -> bytes:
        """Return what has come and was not returned yet; nothing at the client's end."""
        assert self._memory is not None
        found = bytearray()
        try:
            while part := self._memory.tls.read(RECEIVE_BYTES):
                found += part
            ended = True
        except ssl.SSLWantReadError:
            ended = False
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            ended = True
        self._answer()
        if found:
            self._barren = 0
        elif self._barren > IDLE_BYTES:
            raise ConnectionAbortedError("the client sends records without data")
        elif not ended:
            raise BlockingIOError
        return bytes(found)

    def send(self, data: memoryview) -> int:
        """Encrypt one record of the data, and return its size once it has left whole."""
        if not self._sealing:
            assert self._memory is not None
            self._sealing = self._memory.tls.write(data[:PIECE_BYTES])
        self.push()
        sent, self._sealing = self._sealing, 0
        return sent

    def send_file(self, descriptor: int, offset: int, count: int) -> int:
        """Read and encrypt one record of the file, and return its size once it has left whole."""
        data = b"" if self._sealing else os.pread(descriptor, min(count, PIECE_BYTES), offset)
        return self.send(memoryview(data)) if data or self._sealing else 0

    def discard(self) -> int:
        """Drop what the client has sent, without a look at it."""
        return len(self._sock.recv(RECEIVE_BYTES))

    def end(self) -> None:
        """Send the alert close_notify as far as the kernel takes it, then a FIN."""
        if self._memory is not None:
            try:
                self._memory.tls.unwrap()
            except ssl.SSLError:
                pass  # it would wait for the client's own alert
            try:
                self.push()
            except BlockingIOError:
                pass
        self._sock.shutdown(socket.SHUT_WR)

    def _answer(self) -> None:
        """Send what TLS answers by itself, such as an alert against a renegotiation."""
        try:
            self.push()
        except BlockingIOError:
            if len(self._sealed) > IDLE_BYTES:
                raise ConnectionAbortedError("the client does not read what it demands") from None

    def _whole(self) -> int:
        """Return how many of the bytes are whole records; all of them if they are no records."""
        end = 0
        while len(self._raw) - end >= _HEADER_BYTES:
            size = int.from_bytes(self._raw[end + 3 : end + _HEADER_BYTES])
            if size > _LONGEST_RECORD:
                return len(self._raw)
            if len(self._raw) - end < _HEADER_BYTES + size:
                break
            end += _HEADER_BYTES + size
        return end
