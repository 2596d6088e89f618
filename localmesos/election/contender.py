"""The election of the leading master in ZooKeeper, with the nodes that Mesos masters make and its libraries read."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss, KazooException, NoNodeError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState

from localmesos.election.detector import RECONNECT, Impatient, parse_zk_url

Json = dict[str, Any]

_PREFIX = "json.info_"
_START_SECONDS = 30.0
_TRY_SECONDS = 2.0
_JOIN_PAUSE_SECONDS = 0.1

_LOG = logging.getLogger(__name__)


class ElectionError(Exception):
    """A failure after which the master cannot take part and must end; the text is for people."""


class Election:
    """One master's candidacy.

    `led_by` is called with the leading master's MasterInfo, or None, when the leader changes.
    """

    def __init__(self, url: str, info: Json, led_by: Callable[[Json | None], None], session_timeout: float) -> None:
        self._hosts, self._path = parse_zk_url(url)
        self._info = info
        self._led_by = led_by
        self._changed = asyncio.Event()
        self._lost = asyncio.Event()
        self._connected = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._session_timeout = session_timeout
        self._client = KazooClient(
            hosts=self._hosts, timeout=session_timeout, connection_retry=RECONNECT, handler=Impatient()
        )

    async def run(self) -> None:
        """Take part until cancelled.

        Raises:
            ElectionError: the session is lost.
        """
        self._client.add_listener(self._on_state)
        try:
            await self._connect()
            watching = asyncio.create_task(self._join_and_follow())
            ending = asyncio.create_task(self._wait_lost())
            done, pending = await asyncio.wait([watching, ending], return_when=asyncio.FIRST_COMPLETED)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
            for task in done:
                task.result()
        except (KazooException, KazooTimeoutError) as error:
            raise ElectionError(f"ZooKeeper {self._hosts}: {str(error) or type(error).__name__}") from error
        finally:
            await asyncio.shield(asyncio.to_thread(self._leave))

    async def _connect(self) -> None:
        """Wait for ZooKeeper in short turns, so that a master that waits can be ended."""
        deadline = self._loop.time() + _START_SECONDS
        while True:
            try:
                await asyncio.to_thread(self._client.start, _TRY_SECONDS)
            except KazooTimeoutError as error:
                if self._loop.time() > deadline:
                    words = f"No connection to ZooKeeper at {self._hosts} within {_START_SECONDS:.0f} s"
                    raise ElectionError(words) from error
            else:
                return

    async def _join_and_follow(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self._join)
            except ConnectionLoss:
                # The znode can exist already; two of one session name the same master, so a second one does no harm.
                _LOG.info("lost the connection to ZooKeeper while joining; joining again")
                await asyncio.sleep(_JOIN_PAUSE_SECONDS)
                await self._connected.wait()
            else:
                break
        await self._follow()

    def _join(self) -> None:
        self._client.ensure_path(self._path)
        value = json.dumps(self._info).encode()
        self._client.create(f"{self._path}/{_PREFIX}", value, ephemeral=True, sequence=True)

    def _leave(self) -> None:
        self._client.remove_listener(self._on_state)
        self._client.stop()
        self._client.close()

    def _on_state(self, state: str) -> None:
        self._loop.call_soon_threadsafe(self._note_state, state)

    def _note_state(self, state: str) -> None:
        if state == KazooState.LOST:
            self._lost.set()
        elif state == KazooState.CONNECTED:
            self._connected.set()
            self._changed.set()
        else:
            self._connected.clear()

    async def _wait_lost(self) -> None:
        """Raise ElectionError when the session is lost; without a connection that is after the session's timeout."""
        while not self._lost.is_set():
            if self._connected.is_set():
                await asyncio.sleep(0.2)
                continue
            try:
                await asyncio.wait_for(self._connected.wait(), self._session_timeout)
            except TimeoutError:
                self._lost.set()
        raise ElectionError("Lost the ZooKeeper session: this master may not lead any more")

    async def _follow(self) -> None:
        leader: Json | None = None
        while True:
            self._changed.clear()
            try:
                found = await asyncio.to_thread(self._read_leader)
            except ConnectionLoss:
                # The leader is read again when the connection is back; without a connection the session is lost soon.
                _LOG.info("no connection to ZooKeeper")
            else:
                if found != leader:
                    leader = found
                    self._led_by(leader)
            await self._changed.wait()

    def _read_leader(self) -> Json | None:
        while True:
            names = self._client.get_children(self._path, watch=self._on_change)
            names = sorted(name for name in names if name.startswith(_PREFIX))
            if not names:
                return None
            try:
                found: Json = json.loads(self._client.get(f"{self._path}/{names[0]}")[0])
            except NoNodeError:
                continue
            return found

    def _on_change(self, _: object) -> None:
        self._loop.call_soon_threadsafe(self._changed.set)
