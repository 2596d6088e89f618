"""The search for the leading master: a fixed address, or an election in ZooKeeper."""

import asyncio
import json
import logging
import re
import socket
from typing import Protocol

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler

Sockets = list[socket.socket]

_ZK_URL = re.compile(r"^zk://(?:[^@/]*@)?([^/]+)(/[^?#]*)?$")
_INFO_PREFIX = "json.info_"
_POLL_SECONDS = 1.0
# Mesos' own ZooKeeper library retries every few seconds; kazoo's delays would grow to a minute.
RECONNECT = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 2.0}
# A ZooKeeper that is just starting can take a connection and never answer it. kazoo would wait as long as the session.
_ANSWER_SECONDS = 3.0

_LOG = logging.getLogger(__name__)


class Detector(Protocol):
    """A way to find the leading master."""

    async def leader(self) -> str:
        """Return ``host:port`` of the master to try now.

        Raises:
            OSError: no master leads.
        """

    def redirected(self, address: str) -> None:
        """Record that the master in use names `address` as the leader."""

    async def moved_from(self, address: str) -> None:
        """Return when another master leads than `address`, which was the leader."""

    async def close(self) -> None:
        """Close the connections."""


class FixedDetector:
    """A configured address; redirections are followed, and dropped when they lead nowhere."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._next: str | None = None

    async def leader(self) -> str:
        """Return the last redirection, then the configured address again."""
        address, self._next = self._next or self._address, None
        return address

    def redirected(self, address: str) -> None:
        """Try `address` next."""
        self._next = address

    async def moved_from(self, address: str) -> None:
        # A master that stops leading closes its connections; there is no other sign of it.
        """Wait without end: a fixed master does not move."""
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Do nothing: there is no connection."""


class Impatient(SequentialThreadingHandler):
    """A handler that does not wait for one server until the session is lost."""

    def select(
        self, rlist: Sockets, wlist: Sockets, xlist: Sockets, timeout: float | None = None
    ) -> tuple[Sockets, Sockets, Sockets]:
        """Wait for one of the sockets, no longer than for an answer."""
        longest = _ANSWER_SECONDS if timeout is None else min(timeout, _ANSWER_SECONDS)
        return super().select(rlist, wlist, xlist, timeout=longest)


class ZooKeeperDetector:
    """The master with the lowest sequence number below a path, as Mesos masters announce themselves."""

    def __init__(self, url: str) -> None:
        self._hosts, self._path = parse_zk_url(url)
        self._client: KazooClient | None = None

    async def leader(self) -> str:
        """Return ``host:port`` of the leader in ZooKeeper.

        Raises:
            OSError: ZooKeeper does not answer, or no master leads.
        """
        try:
            return await asyncio.to_thread(self._read)
        except (KazooException, KazooTimeoutError) as error:
            raise OSError(f"ZooKeeper {self._hosts}: {str(error) or type(error).__name__}") from error

    def _read(self) -> str:
        if self._client is None:
            client = KazooClient(hosts=self._hosts, connection_retry=RECONNECT, handler=Impatient())
            client.start(timeout=10)
            self._client = client
        try:
            names = sorted(n for n in self._client.get_children(self._path) if n.startswith(_INFO_PREFIX))
        except NoNodeError:
            names = []
        if not names:
            raise OSError(f"no master leads at {self._path}")
        info = json.loads(self._client.get(f"{self._path}/{names[0]}")[0])
        address = info["address"]
        return f"{address.get('ip') or address['hostname']}:{address['port']}"

    def redirected(self, address: str) -> None:
        """Log the disagreement; ZooKeeper decides."""
        _LOG.info("the master found in ZooKeeper names %s as leading; asking ZooKeeper again", address)

    async def moved_from(self, address: str) -> None:
        """Return when ZooKeeper names another leader than `address`."""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                if await self.leader() != address:
                    return
            except OSError as error:
                # Without ZooKeeper the leading master goes on.
                _LOG.info("%s", error)

    async def close(self) -> None:
        """Close the session."""
        if self._client is not None:
            await asyncio.to_thread(self._client.stop)
            await asyncio.to_thread(self._client.close)
            self._client = None


def parse_zk_url(url: str) -> tuple[str, str]:
    """Return hosts and path of a URL such as ``zk://10.0.0.1:2181,10.0.0.2:2181/mesos``.

    Raises:
        ValueError: the URL has another form.
    """
    match = _ZK_URL.match(url)
    if match is None or not match.group(2) or match.group(2) == "/":
        raise ValueError(f"{url!r} is not of the form zk://host:port,host:port/path")
    return match.group(1), match.group(2).rstrip("/")


def detector_for(master: str) -> Detector:
    """Return a detector for ``10.0.0.1:5050`` or ``zk://10.0.0.1:2181/mesos``.

    Raises:
        ValueError: the text has neither form.
    """
    if master.startswith("zk://"):
        return ZooKeeperDetector(master)
    host, _, port = master.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{master!r} is neither host:port nor zk://host:port/path")
    return FixedDetector(master)
