"""What Cassandra says and does about TLS, over Jolokia: its clients in plain text, and the reload of certificates."""

from __future__ import annotations

from typing import Any

from executor.jmx.jolokia import Attribute, Jolokia

_CONNECTIONS = Attribute("org.apache.cassandra.metrics:type=Client,name=Connections", "Value")
_MESSAGING = "org.apache.cassandra.net:type=MessagingService"
# So many addresses are named; there can be thousands of clients.
MOST_NAMED = 20
_RELOAD_SECONDS = 30.0


def plain_clients(jolokia: Jolokia, timeout: float) -> tuple[str, ...] | None:
    """Return the addresses of clients without TLS, at most MOST_NAMED; None if unknown. Raises JolokiaError."""
    rows = jolokia.read([_CONNECTIONS], timeout).get(_CONNECTIONS)
    return _plain(rows) if isinstance(rows, list) else None


def _plain(rows: list[Any]) -> tuple[str, ...]:
    found = {
        str(row.get("address", "")).lstrip("/").rpartition(":")[0]
        for row in rows
        if isinstance(row, dict) and str(row.get("ssl")).lower() != "true"
    }
    return tuple(sorted(found))[:MOST_NAMED]


def reload_certificates(jolokia: Jolokia) -> None:
    """Make Cassandra read the files of its certificate for new connections. Raises JolokiaError."""
    jolokia.execute(_MESSAGING, "reloadSslCertificates", [], _RELOAD_SECONDS)
