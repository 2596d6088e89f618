"""An agent's connection to the leading master: registers, reads events, sends calls in order, comes back for ever."""

import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from localmesos.detector import Detector
from localmesos.recordio import Decoder, RecordError

Json = dict[str, Any]

_BACKOFF_SECONDS = 0.5
_BACKOFF_MAX_SECONDS = 5.0
_SILENCE_SECONDS = 75.0
"""A master that sends nothing, not even a PING, for this long (15 s times 5 in Mesos) is looked for again."""
_CALL_SECONDS = 10.0

_LOG = logging.getLogger(__name__)


class RefusedError(Exception):
    """The master does not accept this agent; the text is its word."""


class MasterLink:
    """Runs as one task (``run``); ``send`` never waits.

    `registration` gives the REGISTER body, `handle` takes each event, `disconnected` tells that a connection ended.
    """

    def __init__(
        self,
        detector: Detector,
        registration: Callable[[], Json],
        handle: Callable[[Json], None],
        disconnected: Callable[[], None],
    ) -> None:
        self._detector = detector
        self._registration = registration
        self._handle = handle
        self._disconnected = disconnected
        self._calls: asyncio.Queue[Json] = asyncio.Queue()
        self._agent_id: str | None = None
        self.master: str | None = None

    def send(self, call_type: str, body: Json) -> None:
        """Queue a call for the connected master; dropped without one (what must arrive is kept by its sender)."""
        if self._agent_id is not None:
            agent_id = {"value": self._agent_id}
            self._calls.put_nowait({"type": call_type, "agent_id": agent_id, call_type.lower(): body})

    async def flush(self, seconds: float) -> None:
        """Wait until queued calls are sent, at most `seconds`."""
        try:
            await asyncio.wait_for(self._calls.join(), seconds)
        except TimeoutError:
            _LOG.warning("some calls did not reach the master")

    async def run(self) -> None:
        """Stay registered until cancelled; RefusedError when the master does not want the agent."""
        backoff = _BACKOFF_SECONDS
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
            while True:
                try:
                    if await self._connect(session, await self._detector.leader()):
                        backoff = _BACKOFF_SECONDS
                except (aiohttp.ClientError, OSError, TimeoutError, RecordError) as error:
                    _LOG.info("no master: %s", str(error) or type(error).__name__)
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _BACKOFF_MAX_SECONDS)

    async def _connect(self, session: aiohttp.ClientSession, master: str) -> bool:
        """One connection from REGISTER to its end; whether the master took the agent."""
        url = f"http://{master}/localmesos/agent"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CALL_SECONDS, sock_read=_SILENCE_SECONDS)
        async with session.post(url, json=self._registration(), timeout=timeout, allow_redirects=False) as response:
            if response.status == 307:
                self._detector.redirected(urlsplit(response.headers["Location"], "http").netloc)
                return False
            if response.status == 403:
                raise RefusedError(await response.text())
            if response.status != 200:
                raise aiohttp.ClientError(f"HTTP status {response.status}: {await response.text()}")
            self.master = master
            helpers = [
                asyncio.create_task(self._send_calls(session, master, response)),
                asyncio.create_task(self._leave_when_moved(master, response)),
            ]
            try:
                await self._read(response)
            finally:
                await self._end(helpers)
        return True

    async def _leave_when_moved(self, master: str, stream: aiohttp.ClientResponse) -> None:
        await self._detector.moved_from(master)
        _LOG.info("%s leads no longer", master)
        stream.close()

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        decoder = Decoder()
        async for data in response.content.iter_any():
            for record in decoder.feed(data):
                event = json.loads(record)
                if event["type"] == "REGISTERED":
                    self._agent_id = event["registered"]["agent_id"]["value"]
                self._handle(event)
        _LOG.info("the master closed the connection")

    async def _end(self, helpers: list[asyncio.Task[None]]) -> None:
        self._agent_id, self.master = None, None
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)
        while not self._calls.empty():
            self._calls.get_nowait()
            self._calls.task_done()
        self._disconnected()

    async def _send_calls(self, session: aiohttp.ClientSession, master: str, stream: aiohttp.ClientResponse) -> None:
        url, timeout = f"http://{master}/localmesos/agent/call", aiohttp.ClientTimeout(total=_CALL_SECONDS)
        while True:
            call = await self._calls.get()
            try:
                async with session.post(url, json=call, timeout=timeout) as response:
                    if response.status != 202:
                        _LOG.warning("%s: HTTP status %d: %s", call["type"], response.status, await response.text())
                    if response.status == 403:
                        # A master that does not know the agent: begin again with REGISTER.
                        stream.close()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                _LOG.warning("%s did not reach the master: %s", call["type"], str(error) or type(error).__name__)
            finally:
                self._calls.task_done()
