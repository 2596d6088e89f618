"""Where the leading master is: a fixed address, or the one that leads in ZooKeeper."""

import asyncio
import json
import logging
import re
from typing import Protocol

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError

_ZK_URL = re.compile(r"^zk://(?:[^@/]*@)?([^/]+)(/[^?#]*)?$")
_INFO_PREFIX = "json.info_"
_POLL_SECONDS = 1.0
# Mesos' own ZooKeeper library tries again every few seconds; kazoo's pauses would grow to a minute.
RECONNECT = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 2.0}

_LOG = logging.getLogger(__name__)


class Detector(Protocol):
    """Finds the leading master."""

    async def leader(self) -> str:
        """``host:port`` of the master to try now; OSError when none leads."""

    def redirected(self, address: str) -> None:
        """The master that was asked names this one as leading."""

    async def moved_from(self, address: str) -> None:
        """Return when another master leads than this one, which was the leader."""

    async def close(self) -> None:
        """Give up connections."""


class FixedDetector:
    """A master whose address is given; follows its redirections, and returns to it when they lead nowhere."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._next: str | None = None

    async def leader(self) -> str:
        address, self._next = self._next or self._address, None
        return address

    def redirected(self, address: str) -> None:
        self._next = address

    async def moved_from(self, address: str) -> None:
        # A master that stops leading closes its connections; nobody else could tell.
        await asyncio.Event().wait()

    async def close(self) -> None:
        return None


class ZooKeeperDetector:
    """The master with the lowest sequence number below a path, as Mesos masters announce themselves."""

    def __init__(self, url: str) -> None:
        self._hosts, self._path = parse_zk_url(url)
        self._client: KazooClient | None = None

    async def leader(self) -> str:
        try:
            return await asyncio.to_thread(self._read)
        except (KazooException, KazooTimeoutError) as error:
            raise OSError(f"ZooKeeper {self._hosts}: {str(error) or type(error).__name__}") from error

    def _read(self) -> str:
        if self._client is None:
            client = KazooClient(hosts=self._hosts, connection_retry=RECONNECT)
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
        _LOG.info("the master found in ZooKeeper names %s as leading; asking ZooKeeper again", address)

    async def moved_from(self, address: str) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                if await self.leader() != address:
                    return
            except OSError as error:
                # Without ZooKeeper the master that leads goes on.
                _LOG.info("%s", error)

    async def close(self) -> None:
        if self._client is not None:
            await asyncio.to_thread(self._client.stop)
            await asyncio.to_thread(self._client.close)
            self._client = None


def parse_zk_url(url: str) -> tuple[str, str]:
    """Hosts and path of a zk:// URL; ValueError for anything else."""
    match = _ZK_URL.match(url)
    if match is None or not match.group(2) or match.group(2) == "/":
        raise ValueError(f"{url!r} is not of the form zk://host:port,host:port/path")
    return match.group(1), match.group(2).rstrip("/")


def detector_for(master: str) -> Detector:
    """Detector for ``host:port`` or ``zk://…``; ValueError for anything else."""
    if master.startswith("zk://"):
        return ZooKeeperDetector(master)
    host, _, port = master.rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(f"{master!r} is neither host:port nor zk://host:port/path")
    return FixedDetector(master)
