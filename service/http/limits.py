"""What one client may take of the server: time, bytes, connections. Constants, as no deployment needs other ones."""

from __future__ import annotations

from dataclasses import dataclass

from api.http.errors import MAX_BODY

KIB = 1024


@dataclass(frozen=True)
class Limits:
    """The limits of all connections; tests give shorter ones. Times are in seconds, sizes in bytes."""

    # Headers fit into a few packets. 10 s cover three retransmissions of a lost one.
    head_seconds: float = 10.0
    # 1 MB at 160 kbit/s. A command's usual body is a hundredth of that.
    body_seconds: float = 60.0
    # gunicorn's keepalive until now: routers are tuned to it.
    idle_seconds: float = 5.0
    # In each such period a client must take `send_rate * send_seconds` bytes, or all of the rest. A receive buffer of
    # 6 MB opens in steps of 400 kB, which a shorter period would mistake for silence.
    send_seconds: float = 30.0
    send_rate: int = 8 * KIB
    # After the last answer the server reads on for so long: closing at once would take back bytes that are under way.
    linger_seconds: float = 2.0
    # nginx' default: an admin router passes on at most this much.
    head_bytes: int = 32 * KIB
    body_bytes: int = MAX_BODY
    # Clients that send a body in pieces of less than 100 bytes cost more time than their bytes are worth.
    body_chunks: int = 10_000
    # Of all connections together, for requests and unread answers: an eighth of the scheduler's memory.
    buffered_bytes: int = 128 * KIB * KIB
    # Connections of one address without a complete request. An admin router keeps far fewer idle.
    waiting_per_address: int = 512
    # All connections, if the limit of open files allows, and the files that are sent on them.
    connections: int = 16_000
    # Threads for handshakes of TLS: 0.1 to 1 ms of a processor each, and 5 ms with a key of 4,096 bits.
    handshake_threads: int = 2
    # Threads that answer nothing but health checks, pings and artifacts. No such answer waits for anything.
    quick_threads: int = 4
