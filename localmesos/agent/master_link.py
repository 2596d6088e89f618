"""An agent's connection to the leading master: registers, reads events, sends calls in order, reconnects."""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from localmesos.election.detector import Detector
from localmesos.protocol.streams import Decoder, RecordError
from localmesos.protocol.tls import client_context, scheme

Json = dict[str, Any]

_BACKOFF_SECONDS = 0.5
_BACKOFF_MAX_SECONDS = 5.0
_SILENCE_SECONDS = 75.0
"""A master that sends nothing, not even a PING, for this long (15 s times 5 in Mesos) is looked for again."""
_CALL_SECONDS = 10.0

_LOG = logging.getLogger(__name__)


class RefusedError(Exception):
    """A master that does not accept this agent; the text is its reason."""


class MasterLink:
    """The connection as one task (``run``); ``send`` never waits.

    `registration` returns the REGISTER body, `handle` takes each event, `disconnected` is called when a connection
    ends; once `wanted` returns False, no new connection is made.
    """

    def __init__(
        self,
        detector: Detector,
        registration: Callable[[], Json],
        handle: Callable[[Json], None],
        disconnected: Callable[[], None],
        wanted: Callable[[], bool],
    ) -> None:
        self._detector = detector
        self._registration = registration
        self._handle = handle
        self._disconnected = disconnected
        self._wanted = wanted
        self._calls: asyncio.Queue[Json] = asyncio.Queue()
        self._open = False
        self._scheme = scheme(os.environ)
        self._agent_id: asyncio.Future[str] | None = None

    def send(self, call_type: str, body: Json) -> None:
        """Queue a call for the master; dropped without one (its sender keeps calls that must arrive).

        After REGISTER is written, calls are kept until the master has answered it: they carry changes that it does not
        contain.
        """
        if self._open:
            self._calls.put_nowait({"type": call_type, call_type.lower(): body})

    async def flush(self, seconds: float) -> None:
        """Wait until queued calls are sent, at most `seconds`."""
        try:
            await asyncio.wait_for(self._calls.join(), seconds)
        except TimeoutError:
            _LOG.warning("some calls did not reach the master")

    async def run(self) -> None:
        """Stay registered as long as that is wanted.

        Raises:
            RefusedError: the master does not accept the agent.
        """
        backoff = _BACKOFF_SECONDS
        connector = aiohttp.TCPConnector(ssl=client_context(os.environ) or True)
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            while self._wanted():
                try:
                    if await self._connect(session, await self._detector.leader()):
                        backoff = _BACKOFF_SECONDS
                except (aiohttp.ClientError, OSError, TimeoutError, RecordError) as error:
                    _LOG.info("no master: %s", str(error) or type(error).__name__)
                finally:
                    self._close()
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _BACKOFF_MAX_SECONDS)

    async def _connect(self, session: aiohttp.ClientSession, master: str) -> bool:
        """Keep one connection from REGISTER to its end and return whether the master accepted the agent."""
        url = f"{self._scheme}://{master}/localmesos/agent"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CALL_SECONDS, sock_read=_SILENCE_SECONDS)
        self._open, self._agent_id = True, asyncio.get_running_loop().create_future()
        body = self._registration()
        async with session.post(url, json=body, timeout=timeout, allow_redirects=False) as response:
            if response.status == 307:
                self._detector.redirected(urlsplit(response.headers["Location"], "http").netloc)
                return False
            if response.status == 403:
                raise RefusedError(await response.text())
            if response.status != 200:
                raise aiohttp.ClientError(f"HTTP status {response.status}: {await response.text()}")
            helpers = [
                asyncio.create_task(self._send_calls(session, master, response, self._agent_id)),
                asyncio.create_task(self._leave_when_moved(master, response)),
            ]
            try:
                await self._read(response)
            finally:
                for helper in helpers:
                    helper.cancel()
                await asyncio.gather(*helpers, return_exceptions=True)
                self._disconnected()
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
                if event["type"] == "REGISTERED" and self._agent_id is not None and not self._agent_id.done():
                    self._agent_id.set_result(event["registered"]["agent_id"]["value"])
                self._handle(event)
        _LOG.info("the master closed the connection")

    def _close(self) -> None:
        self._open = False
        if self._agent_id is not None:
            self._agent_id.cancel()
        while not self._calls.empty():
            self._calls.get_nowait()
            self._calls.task_done()

    async def _send_calls(
        self,
        session: aiohttp.ClientSession,
        master: str,
        stream: aiohttp.ClientResponse,
        agent_id: asyncio.Future[str],
    ) -> None:
        url, timeout = f"{self._scheme}://{master}/localmesos/agent/call", aiohttp.ClientTimeout(total=_CALL_SECONDS)
        own_id = {"value": await agent_id}
        while True:
            call = await self._calls.get()
            try:
                async with session.post(url, json={**call, "agent_id": own_id}, timeout=timeout) as response:
                    if response.status != 202:
                        _LOG.warning("%s: HTTP status %d: %s", call["type"], response.status, await response.text())
                    if response.status == 403:
                        # The master does not know the agent: begin again with REGISTER.
                        stream.close()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                _LOG.warning("%s did not reach the master: %s", call["type"], str(error) or type(error).__name__)
                # The next REGISTER reports the content of this call to the master.
                stream.close()
            finally:
                self._calls.task_done()
