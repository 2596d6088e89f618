"""A stand-in for the server's part of a stream."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Outlet:
    """The rest of an answer, as a server offers it: what was pushed, and whether it has ended."""

    pushed: list[bytes] = field(default_factory=list)
    busy: bool = False
    gone: bool = False
    ended: bool = False

    def detach(self) -> None:
        """Nothing to let go of."""

    def push(self, data: bytes) -> bool:
        """Take bytes."""
        if not self.gone:
            self.pushed.append(data)
        return not self.gone

    def end(self) -> None:
        """Note the end."""
        self.ended = True

    def has(self, text: str) -> bool:
        """Return whether a part with this text has come."""
        return any(data.startswith(b"event: part") and text.encode() in data for data in self.pushed)

    def ids(self) -> list[str]:
        """Return the ids of the events that have come."""
        lines = b"".join(self.pushed).decode().splitlines()
        return [line.removeprefix("id: ") for line in lines if line.startswith("id: ")]
