"""Peers that stay down in a Cassandra's view although they are up: it is made to ask them again."""

from __future__ import annotations

import time
from collections.abc import Callable

from executor.jmx.java_agent import attach
from executor.jmx.jolokia import FAILURE_DETECTOR, Attribute, Jolokia

_NAME = "Echoes"
_SECONDS = 60.0
_READ_SECONDS = 5.0
# All that gossip knows of. `UnreachableNodes` leaves out a new peer that has never been up.
_STATES = Attribute(FAILURE_DETECTOR, "SimpleStates")
_LOOK_SECONDS = 5.0
# Longer than a question waits for its answer: 10 seconds, by request_timeout. Where an operator has raised it, the
# answer to the first question counts for the second.
PATIENCE_SECONDS = 15.0


class Watch:
    """Looks after the peers that have been down for long; `Echoes.java` says why Cassandra forgets them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked: float | None = None
        self._due: dict[str, float] = {}

    def retry(self, jolokia: Jolokia) -> tuple[str, ...]:
        """Note which peers are down; return those that Cassandra asks again, as their question got no answer.

        It looks every few seconds. A peer is looked after each time that it has been down for PATIENCE_SECONDS more.
        Raises JolokiaError.
        """
        now = self._clock()
        if self._looked is not None and now - self._looked < _LOOK_SECONDS:
            return ()
        self._looked = now
        states = jolokia.read((_STATES,), _READ_SECONDS).get(_STATES)
        down = [_address(peer) for peer, state in states.items() if state == "DOWN"] if isinstance(states, dict) else []
        self._due = {peer: self._due.get(peer, now + PATIENCE_SECONDS) for peer in down}
        late = [peer for peer, due in self._due.items() if due <= now]
        if not late:
            return ()
        self._due.update(dict.fromkeys(late, now + PATIENCE_SECONDS))
        return tuple(map(str, jolokia.execute(attach(jolokia, _NAME), "forget", [late], _SECONDS)))


def _address(peer: str) -> str:
    """Return the address of "name/address", of which Java leaves out a name that it has not looked up."""
    return peer.rpartition("/")[2]
