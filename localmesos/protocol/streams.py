"""An event stream to a scheduler or an agent: sending never waits, a writer empties the queue."""

import asyncio
import json
from typing import Any

from aiohttp import web

from localmesos.recordio import encode

Json = dict[str, Any]


class EventStream:
    """One subscription. ``send`` after ``close`` is dropped; ``closed`` tells."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.closed = False

    def send(self, event: Json) -> None:
        if not self.closed:
            self._queue.put_nowait(encode(json.dumps(event, separators=(",", ":")).encode()))

    def close(self) -> None:
        """End the stream after what was sent."""
        if not self.closed:
            self.closed = True
            self._queue.put_nowait(None)

    async def write_to(self, response: web.StreamResponse) -> None:
        """Write events until the stream is closed; OSError or cancellation when the other side is gone."""
        while (record := await self._queue.get()) is not None:
            await response.write(record)
        await response.write_eof()
