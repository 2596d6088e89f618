"""`python -m scheduler uninstall`: one scheduler without an API, until nothing of the service is left."""

from __future__ import annotations

import logging
import queue
import signal
import uuid

from scheduler.errors import Exit
from scheduler.loop.gateway import LoopGateway
from scheduler.settings import Settings
from service.startup import Service

logger = logging.getLogger(__name__)


def uninstall(settings: Settings) -> Exit:
    """Run on the calling thread, the main one, until done or told to stop; what is done then can be gone on with."""
    codes: queue.SimpleQueue[Exit | None] = queue.SimpleQueue()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: codes.put(None))
    service = Service(settings, LoopGateway(lambda: uuid.uuid4().hex), codes.put, stays=False)
    service.start()
    code = codes.get()
    if code is None:
        logger.warning("stopped before the uninstall has ended: start it again to go on")
        service.stop()
        return Exit.STOPPED
    return code
