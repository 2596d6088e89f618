"""An event stream to a scheduler or an agent: sending never waits, a writer empties the queue."""

import asyncio
import json
from typing import Any

from aiohttp import web

Json = dict[str, Any]

_MAX_LENGTH_DIGITS = 20


class EventStream:
    """One subscription. ``send`` after ``close`` is dropped; ``closed`` shows it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.closed = False

    def send(self, event: Json) -> None:
        """Queue an event."""
        if not self.closed:
            self._queue.put_nowait(encode(json.dumps(event, separators=(",", ":")).encode()))

    def close(self) -> None:
        """End the stream after the queued events."""
        if not self.closed:
            self.closed = True
            self._queue.put_nowait(None)

    async def write_to(self, response: web.StreamResponse) -> None:
        """Write events until the stream is closed.

        Raises:
            OSError: the other side is gone.
        """
        while (record := await self._queue.get()) is not None:
            await response.write(record)
        await response.write_eof()


class RecordError(ValueError):
    """A stream that is not RecordIO."""


def encode(record: bytes) -> bytes:
    """Return one record as it is sent: its length in decimal, a line feed and its bytes."""
    return b"%d\n%b" % (len(record), record)


class Decoder:
    """A cutter of a byte stream, fed in pieces of any size, into records."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Return the records that are complete with `data`.

        Raises:
            RecordError: a length is broken; the rest of the stream is lost.
        """
        self._buffer += data
        records = []
        while (record := self._take()) is not None:
            records.append(record)
        return records

    def _take(self) -> bytes | None:
        end = self._buffer.find(b"\n", 0, _MAX_LENGTH_DIGITS + 1)
        if end < 0:
            if len(self._buffer) > _MAX_LENGTH_DIGITS:
                raise RecordError(f"no record length in {bytes(self._buffer[:_MAX_LENGTH_DIGITS])!r}")
            return None
        digits = bytes(self._buffer[:end])
        if not digits.isdigit():
            raise RecordError(f"{digits!r} is not a record length")
        stop = end + 1 + int(digits)
        if len(self._buffer) < stop:
            return None
        record = bytes(self._buffer[end + 1 : stop])
        del self._buffer[:stop]
        return record
