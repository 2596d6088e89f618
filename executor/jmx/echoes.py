"""Peers that stay down in a Cassandra's view although they are up: it is made to ask them again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from executor.jmx.java_agent import attach
from executor.jmx.jolokia import Jolokia

_NAME = "Echoes"
_SECONDS = 60.0
# Longer than a question waits for its answer: 10 seconds, by request_timeout, if the operator has not raised it.
PATIENCE_SECONDS = 30.0


class Watch:
    """Looks after the peers that have been down for long; `Echoes.java` says why Cassandra forgets them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: dict[str, float] = {}

    def retry(self, jolokia: Jolokia, unreachable: Iterable[str]) -> tuple[str, ...]:
        """Note which peers are down; return those that Cassandra asks again, as their question got no answer.

        A peer is looked after each time that it has been down for PATIENCE_SECONDS more. Raises JolokiaError.
        """
        now = self._clock()
        self._due = {peer: self._due.get(peer, now + PATIENCE_SECONDS) for peer in unreachable}
        late = [peer for peer, due in self._due.items() if due <= now]
        if not late:
            return ()
        self._due.update(dict.fromkeys(late, now + PATIENCE_SECONDS))
        return tuple(map(str, jolokia.execute(attach(jolokia, _NAME), "forget", [late], _SECONDS)))
