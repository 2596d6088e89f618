"""A node that was started beside others: it joins the ring when the scheduler says that it is its turn.

Cassandra itself waits for nothing: `joinRing` of a node that has no seed in its gossip yet, or during another node's
join, fails and leaves it without a place in the ring until it is restarted.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from queue import SimpleQueue

from executor.jmx.jolokia import STORAGE_SERVICE, Jolokia, JolokiaError
from executor.jmx.status import STANDBY, STARTING
from executor.jobs.blocking import LONGEST_SECONDS
from executor.node.events import Event, JoinFailed
from executor.protocol import NodeLaunch, NodeStatus

_LOG = logging.getLogger(__name__)
_SERVE_SECONDS = 60.0


class Standby:
    """One launch with `standby`, while its Cassandra runs."""

    def __init__(self, launch: NodeLaunch, jolokia: Jolokia, events: SimpleQueue[Event]) -> None:
        self._launch = launch
        self._jolokia = jolokia
        self._events = events
        self._joins = False

    def add_to(self, status: NodeStatus) -> NodeStatus:
        """Return the status, with the mode STANDBY once the node can join and until it does."""
        meets_seed = any(seed in status.live for seed in self._launch.seeds)
        waits = not self._joins and status.mode == STARTING and status.gossip_initialized and meets_seed
        return replace(status, mode=STANDBY) if waits else status

    def join(self) -> None:
        """Let Cassandra join the ring, and then serve clients, on a thread of its own. A second call does nothing."""
        if self._joins:
            return
        self._joins = True
        _LOG.info("joining the ring, as the scheduler says")
        threading.Thread(target=self._join, name="join", daemon=True).start()

    def _join(self) -> None:
        step = "join"
        try:
            self._jolokia.execute(STORAGE_SERVICE, "joinRing", [], LONGEST_SECONDS)
            step = "native transport"
            if self._launch.options.get("start_native_transport", True) is not False:
                self._jolokia.execute(STORAGE_SERVICE, "startNativeTransport", [], _SERVE_SECONDS)
        except JolokiaError as error:
            self._events.put(JoinFailed(f"{step}: {error}"))
        except Exception as error:  # noqa: BLE001 a thread that just ended would leave the node as it is
            _LOG.exception("the join broke")
            self._events.put(JoinFailed(f"{step}: {type(error).__name__}: {str(error)!a}"))
