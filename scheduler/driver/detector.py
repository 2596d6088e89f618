"""Detection of Mesos' leading master in its ZooKeeper."""

from __future__ import annotations

from contextlib import suppress

from kazoo.client import KazooClient
from pymesos.detector import MasterDetector
from pymesos.scheduler import MesosSchedulerDriver

from scheduler.storage.client import RECONNECT, Connector

# As Mesos' own libraries have it.
_SESSION_SECONDS = 10.0


class Detector(MasterDetector):
    """Detector of pymesos that reports its end, closes its descriptors and reconnects without long pauses."""

    ended = False

    def __init__(self, uri: str, agent: MesosSchedulerDriver) -> None:
        super().__init__(uri, agent)
        self.zk.close()
        handler = Connector(None, _SESSION_SECONDS)
        self.zk = KazooClient(uri, timeout=_SESSION_SECONDS, connection_retry=RECONNECT, handler=handler)

    def start(self) -> None:
        """Start. It ends at once if no master has ever led: a watch on a missing znode never fires."""
        self.zk.start()
        if self.zk.exists("/") is None:
            self.stop()
        else:
            super().start()

    def stop(self) -> None:
        """Stop for good; can be called more than once."""
        self.ended = True
        super().stop()
        # kazoo refuses this for a client that does not end in time. Its descriptors are closed with it.
        with suppress(Exception):
            self.zk.close()
