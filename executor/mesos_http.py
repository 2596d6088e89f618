"""Connections to a Mesos master or agent, plain or over TLS: what pymesos' drivers use in place of their own."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from pymesos.process import Connection

HANDSHAKE_SECONDS = 5.0
# Python's own list, and at its end the ciphers that Mesos has by default (LIBPROCESS_SSL_CIPHERS).
_CIPHERS = "@SECLEVEL=2:ECDH+AESGCM:ECDH+CHACHA20:ECDH+AES:DHE+AES:AES128-SHA:AES256-SHA:!aNULL:!eNULL:!aDSS:!AESCCM"
_EXPIRED, _NOT_YET, _OTHER_NAMES = 10, 9, (62, 64)  # X509_V_ERR_…
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")


class TlsError(RuntimeError):
    """A connection that TLS does not allow; the text names the peer, the cause and what to do.

    `other_name`: the certificate is valid, but for other names.
    """

    def __init__(self, text: str, other_name: bool = False) -> None:
        super().__init__(text)
        self.other_name = other_name


@dataclass(frozen=True)
class Peer:
    """The other end of connections over TLS, and the words for its failures.

    `name` is compared with its certificate if the context checks names. `ca` and `certificate` name the settings with
    the authorities and with the own certificate.
    """

    context: ssl.SSLContext
    name: str
    words: str
    ca: str
    certificate: str

    def wrap(self, connection: socket.socket) -> ssl.SSLSocket:
        """Return the connection with TLS on it, after a handshake of at most HANDSHAKE_SECONDS. Raises TlsError."""
        if not _is_name(self.name):  # Python would raise, and leave the socket open
            connection.close()
            words = f"{self.words} has the name {ascii(self.name)[:100]}, which no certificate can have"
            raise TlsError(words, other_name=True)
        connection.settimeout(HANDSHAKE_SECONDS)
        try:
            wrapped = self.context.wrap_socket(connection, server_hostname=self.name)
        except OSError as error:
            connection.close()
            raise self.explain(error) from error
        if isinstance(wrapped, _Socket):
            wrapped.peer = self
        return wrapped

    def explain(self, error: OSError) -> TlsError:
        """Return the error with a sentence for the operator."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return TlsError(f"the certificate of {self.words} {self._complaint(error)}", _is_other_name(error))
        reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
        if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
            return TlsError(
                f"{self.words} does not accept the certificate of {self.certificate}, or demands one ({reason})"
            )
        if reason in _NO_TLS:
            return TlsError(f"{self.words} does not speak TLS: enable it there, or connect without it")
        if isinstance(error, TimeoutError):
            return TlsError(f"{self.words} did not answer the TLS handshake within {HANDSHAKE_SECONDS:.0f} s")
        cause = reason or error.strerror or str(error) or type(error).__name__
        hint = f"look whether it accepts the certificate of {self.certificate}, speaks TLS, and has common ciphers"
        return TlsError(f"{self.words} broke off the TLS connection ({cause.partition(' (_ssl.c')[0]}): {hint}")

    def _complaint(self, error: ssl.SSLCertVerificationError) -> str:
        code = error.verify_code
        if code == _EXPIRED:
            return "has expired: renew it"
        if code == _NOT_YET:
            return "is not valid yet: look at the clocks of both machines"
        if _is_other_name(error):
            return f"is not for {self.name}: it needs this as an alternative name"
        return f"is not of an authority in {self.ca} ({error.verify_message})"


def _is_name(text: str) -> bool:
    try:
        return bool(text.encode("idna")) and "\0" not in text
    except UnicodeError:
        return False


def _is_other_name(error: ssl.SSLCertVerificationError) -> bool:
    return error.verify_code in _OTHER_NAMES


def prepare(context: ssl.SSLContext) -> ssl.SSLContext:
    """Make a context fit for Mesos' servers and for pymesos' event loop; return it."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.sslsocket_class = _Socket
    return context


class _Socket(ssl.SSLSocket):
    """A TLS socket that reports a wait in the same way as a plain one, and other failures as TlsError."""

    peer: Peer | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            raise self._translated(error) from error

    def send(self, data: Any, flags: int = 0) -> int:
        try:
            return super().send(data, flags)
        except ssl.SSLError as error:
            raise self._translated(error) from error

    def _translated(self, error: ssl.SSLError) -> Exception:
        if isinstance(error, ssl.SSLWantReadError | ssl.SSLWantWriteError):
            return BlockingIOError(errno.EAGAIN, "TLS needs more")
        return error if self.peer is None else self.peer.explain(error)


class Stream(Connection):
    """Connection of pymesos for the stream of events, over TLS if there is a peer."""

    def __init__(self, address: str, callback: Any, peer: Peer | None) -> None:
        self._peer = peer
        try:
            super().__init__(address, callback)
        except (OSError, OverflowError, ValueError):
            # pymesos leaks the socket if the port is closed, or the address is none.
            opened = getattr(self, "_sock", None)
            if opened is not None:
                opened.close()
            raise

    def handle_connect_event(self) -> str:
        """Finish the connection; return why it failed, empty if it did not. Raises TlsError."""
        problem: str = super().handle_connect_event()
        if not problem and self._peer is not None:
            assert self._sock is not None
            self.connected = False
            self._sock = self._peer.wrap(self._sock)
            self._sock.setblocking(False)
            self.connected = True
        return problem

    def read(self) -> bool:
        """Read what has arrived; return whether the connection lives. Raises TlsError besides pymesos' errors."""
        alive = self._read_once()
        if not alive and self._peer is not None and self._parser is not None and not self._parser.is_headers_complete():
            # In TLS 1.3 a server refuses a client's certificate after the handshake, and can do so without an alert.
            raise self._peer.explain(ConnectionResetError("closed before an answer"))
        # What TLS has decrypted already makes no descriptor readable.
        while alive and isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            alive = self._read_once()
        return alive

    def _read_once(self) -> bool:
        try:
            return super().read()
        except TypeError:
            # pymesos' own, for a refusal whose body has not arrived whole, as it never has over TLS: read on.
            return True


def open_http(address: str, timeout: float, peer: Peer | None) -> HTTPConnection:
    """Return a connection for calls, which opens when it is used; `timeout` is in seconds."""
    host, _, port = address.rpartition(":")
    if peer is None:
        return HTTPConnection(host, int(port), timeout=timeout)
    return _Https(host, int(port), timeout, peer)


class _Https(HTTPConnection):
    def __init__(self, host: str, port: int, timeout: float, peer: Peer) -> None:
        super().__init__(host, port, timeout=timeout)
        self._peer = peer

    def connect(self) -> None:
        """Connect, with TLS. Raises OSError and TlsError."""
        super().connect()
        assert isinstance(self.sock, socket.socket)
        connection = self._peer.wrap(self.sock)
        connection.settimeout(self.timeout)
        self.sock = connection
