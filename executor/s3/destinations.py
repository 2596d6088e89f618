"""Where a client may connect: to hosts of its location that are no metadata service, and to no other by a redirect."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from botocore.exceptions import BotoCoreError

from executor.metadata_addresses import is_metadata
from executor.s3.connections import extend
from executor.s3.location import address_of

Resolve = Callable[[str, int], Iterable[str]]

_AMAZON = (".amazonaws.com", ".amazonaws.com.cn")
_KNOWN_SECONDS = 30.0


class RefusedError(BotoCoreError):
    """A destination that a client does not connect to; the text says why."""

    fmt = "{reason}"


class Guard:
    """The check of each request of one client, before it is sent. For use from several threads."""

    def __init__(self, endpoint: str, resolve: Resolve | None = None) -> None:
        """`endpoint` is the client's own: of its location, of the agent's environment, or of Amazon."""
        _, host, self._port = address_of(endpoint)
        amazon = next((name for name in _AMAZON if host.endswith(name)), None)
        # Amazon has a host for each region and bucket.
        self._own = (host,) if amazon is None else (amazon.removeprefix("."),)
        self._resolve = resolve or _addresses
        self._known: dict[tuple[str, int], float] = {}
        self._asking = threading.local()

    def before_send(self, request: Any, **_more: Any) -> None:
        """Refuse a request to a foreign host, or to a metadata service. Raises RefusedError."""
        _, host, port = address_of(request.url)
        if not any(host == own or host.endswith(f".{own}") for own in self._own) or port != self._port:
            raise RefusedError(reason=f"the server sends to another host, {host}: it is not followed")
        self._check(host.strip("[]"), port)

    def before_head_bucket(self, **_more: Any) -> None:
        """Refuse to ask for the region of a bucket while that is being asked: a server can repeat its answer.

        Raises RefusedError.
        """
        if getattr(self._asking, "region", False):
            raise RefusedError(reason="the server sends to another region without naming it: give region")
        self._asking.region = True

    def after_head_bucket(self, **_more: Any) -> None:
        """Note that the question has been answered, or has failed."""
        self._asking.region = False

    def _check(self, host: str, port: int) -> None:
        now = time.monotonic()
        if self._known.get((host, port), 0.0) > now:
            return
        for address in self._resolve(host, port):
            if is_metadata(address):
                raise RefusedError(reason=f"{host} is a link-local address or one of a metadata service")
        self._known[host, port] = now + _KNOWN_SECONDS


def watch_peers(pools: MutableMapping[str, Any], refused: Callable[[str], bool]) -> None:
    """Have each connection close before anything is sent if the address of its peer is refused.

    A name can lead elsewhere between its check and the connection. `pools` are urllib3's classes of pools by scheme.
    """
    extend(pools, _Watched, refused=staticmethod(refused))


class _Watched:
    """A part of a connection of urllib3: what opens its socket."""

    refused: Callable[[str], bool]

    def _new_conn(self) -> socket.socket:
        opened: socket.socket = super()._new_conn()  # type: ignore[misc]
        if self.refused(str(opened.getpeername()[0])):
            opened.close()
            raise RefusedError(reason="the server's name leads to a link-local address or one of a metadata service")
        return opened


def _addresses(host: str, port: int) -> Iterable[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError):
        # The request itself will tell.
        return []
