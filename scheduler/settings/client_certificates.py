"""Certificates of Cassandra's clients: what the setting needs, and the file with the authorities of clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from executor.certificate_messages import OFF, OPTIONAL, REQUIRED
from scheduler.security.lines import read_pem
from scheduler.settings.checks import Reading, read_file
from scheduler.settings.texts import switch

CLIENTS = "SECURITY_CLIENT_CERTIFICATES"
CLIENT_CA = "SECURITY_CLIENT_CA_FILE"
_ENCRYPTION, _AUTHENTICATION = "SECURITY_TRANSPORT_ENCRYPTION", "SECURITY_AUTHENTICATION"
_NODES_CA = "SECURITY_CA_CERTIFICATE_FILE"
# They are in the data of each launch.
_MOST = 20


def client_certificate_problems(reading: Reading) -> Iterator[str]:
    """Yield why certificates of clients cannot be used with the other settings."""
    wanted = reading.values.get(CLIENTS, OFF)
    if wanted not in (OPTIONAL, REQUIRED):
        return
    encryption = reading.values.get(_ENCRYPTION, OFF)
    if encryption in ("", OFF):
        yield f"{CLIENTS} must be off while {_ENCRYPTION} is off: certificates are a part of TLS."
    elif wanted == REQUIRED and encryption != REQUIRED:
        yield f"{CLIENTS} must not be {REQUIRED} while {_ENCRYPTION} is {encryption}: plain text has no certificate."
    if switch(str(reading.values.get(_AUTHENTICATION, ""))) != "on":
        yield f"{CLIENTS} must be off while {_AUTHENTICATION} is off: a certificate stands for a user."
    if not reading.has(CLIENT_CA):
        yield f"{CLIENT_CA} must be set for {CLIENTS}={wanted}: it holds the authorities of clients."


def read_client_authorities(reading: Reading) -> str:
    """Return the authorities as PEM, in one form for equal certificates; empty if they are not wanted or not usable."""
    if reading.values.get(CLIENTS, OFF) == OFF or not reading.has(CLIENT_CA):
        return ""
    # cryptography takes a while to import, and few settings need it.
    from scheduler.security.authority import AuthorityError

    nodes = reading.values.get(_NODES_CA) or ""
    return read_file(CLIENT_CA, reading, lambda text: _authorities(text, nodes), AuthorityError) or ""


def _authorities(text: str, nodes_file: str) -> str:
    from scheduler.security.authority import AuthorityError, certifies, read_authorities

    found = read_authorities(text)
    if len(found) > _MOST:
        raise AuthorityError(f"it holds {len(found)} authorities, and at most {_MOST} are allowed")
    if any(certifies(authority, one) for authority in _authorities_of_nodes(nodes_file) for one in found):
        raise AuthorityError(
            f"it holds an authority of {_NODES_CA}, or one that it has signed: its certificates make peers of the nodes"
        )
    return "".join(found)


def _authorities_of_nodes(path: str) -> tuple[str, ...]:
    from scheduler.security.authority import AuthorityError, read_authorities

    try:
        return read_authorities(read_pem(Path(path))) if path else ()
    except (OSError, UnicodeDecodeError, AuthorityError):
        return ()  # which another check reports
