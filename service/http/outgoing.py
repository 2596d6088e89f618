"""What is still to be sent to one client, and whether it takes it fast enough."""

from __future__ import annotations

import os
from collections import deque

from service.http.channel import Channel
from service.http.descriptors import lift
from service.http.limits import Limits


class FilePart:
    """A part of an open file; it has a descriptor of its own, as the application closes the file at once."""

    def __init__(self, descriptor: int, offset: int, count: int) -> None:
        self._descriptor = lift(descriptor)
        self._offset = offset
        self._left = count

    @property
    def done(self) -> bool:
        """Whether all is sent."""
        return self._left <= 0

    def send(self, channel: Channel, most: int) -> int:
        """Send at most so many bytes; raises OSError if the file has become shorter."""
        sent = channel.send_file(self._descriptor, self._offset, min(most, self._left))
        if sent == 0:
            raise OSError("the file has become shorter while it is sent")
        self._offset += sent
        self._left -= sent
        return sent

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)


class BytesPart:
    """Bytes, which are never copied: answers that many clients read exist once."""

    def __init__(self, data: bytes) -> None:
        self._view = memoryview(data)

    @property
    def done(self) -> bool:
        """Whether all is sent."""
        return not self._view

    def send(self, channel: Channel, most: int) -> int:
        """Send at most so many bytes."""
        sent = channel.send(self._view[:most])
        self._view = self._view[sent:]
        return sent

    def close(self) -> None:
        """Let go of the bytes."""
        self._view.release()


class Outgoing:
    """The parts that are to be sent, in order."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parts: deque[BytesPart | FilePart] = deque()
        self._period = 0.0
        self._taken = 0

    def __bool__(self) -> bool:
        return bool(self._parts)

    @property
    def files(self) -> int:
        """How many descriptors are open for it."""
        return sum(isinstance(part, FilePart) for part in self._parts)

    def put(self, part: BytesPart | FilePart, now: float) -> None:
        """Add a part."""
        if not self._parts:
            self._period, self._taken = now, 0
        self._parts.append(part)

    def send(self, channel: Channel) -> int:
        """Send what the client takes now, up to the bytes of one turn.

        Returns:
            How many bytes need no memory any more.

        Raises:
            OSError: the client is gone.
        """
        turn, freed = channel.turn_bytes, 0
        while self._parts and turn > 0:
            part = self._parts[0]
            if part.done:
                self._parts.popleft().close()
                continue
            try:
                sent = part.send(channel, turn)
            except (BlockingIOError, InterruptedError):
                break
            turn -= sent
            self._taken += sent
            freed += sent if isinstance(part, BytesPart) else 0
        while self._parts and self._parts[0].done:
            self._parts.popleft().close()
        return freed

    def stalled(self, now: float) -> bool:
        """Return whether the client took too little in the period that has ended; then begin the next one."""
        if not self._parts or now - self._period < self._limits.send_seconds:
            return False
        slow = self._taken < self._limits.send_rate * self._limits.send_seconds
        self._period, self._taken = now, 0
        return slow

    def close(self) -> None:
        """Close and forget all parts."""
        while self._parts:
            self._parts.popleft().close()
