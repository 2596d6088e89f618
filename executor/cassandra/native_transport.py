"""Whether a Cassandra answers on its native transport, asked without a driver and without a login."""

from __future__ import annotations

import socket
import ssl
import struct

# An OPTIONS frame of version 5 of the protocol: no flags, stream 0, no body. Any Cassandra answers it.
_OPTIONS = struct.pack(">BBhBi", 0x05, 0, 0, 0x05, 0)
_HEADER_BYTES = 9
_ANSWER, _ERROR, _SUPPORTED = 0x80, 0x00, 0x06


def answers(address: str, port: int, timeout: float) -> bool:
    """Tell whether a Cassandra answers within `timeout` seconds: in plain text, or else with TLS."""
    try:
        return _asked(address, port, timeout, tls=False) or _asked(address, port, timeout, tls=True)
    except (OSError, ValueError):
        return False


def _asked(address: str, port: int, timeout: float, tls: bool) -> bool:
    with socket.create_connection((address, port), timeout) as connection:
        connection.settimeout(timeout)
        if not tls:
            return _exchange(connection)
        # Nothing is told, and nothing but a sign of life is believed.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with context.wrap_socket(connection) as encrypted:
                return _exchange(encrypted)
        except ssl.SSLError as error:
            # A server that wants a certificate of its client answers, too.
            return "alert" in str(error).lower()


def _exchange(connection: socket.socket) -> bool:
    try:
        connection.sendall(_OPTIONS)
        header = b""
        while len(header) < _HEADER_BYTES:
            piece = connection.recv(_HEADER_BYTES - len(header))
            if not piece:
                return False
            header += piece
    except ConnectionError:
        return False
    return header[0] & _ANSWER != 0 and header[4] in (_ERROR, _SUPPORTED)
