"""Calls to Cassandra that block until its work is done, perhaps for hours: made on a thread that the job watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# The end of Cassandra closes the connection, which ends the call at once.
LONGEST_SECONDS = 7 * 24 * 3600.0
_POLL_SECONDS = 0.5
_FIRST_SECONDS = 0.02
# The time for Cassandra to end work that the job has cancelled.
_STOP_SECONDS = 60.0
_STOP_AGAIN_SECONDS = 0.1


@dataclass
class _Call:
    run: Callable[[], Any]
    result: Any = None
    error: Exception | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        try:
            self.result = self.run()
        except Exception as error:  # noqa: BLE001 the watching thread raises it: it must not pass for success
            self.error = error
        finally:
            self.ended.set()


def call_watched(run: Callable[[], Any], watch: Callable[[], None], stop: Callable[[], None] | None = None) -> Any:
    """Return the result of `run`, or raise its error.

    Args:
        run: The call, made on a thread of its own.
        watch: Called about twice a second; can raise to end the wait.
        stop: Called if `watch` raises, again and again until `run` has ended, for a minute at most. What
            Cassandra has queued for the call begins when its current work has been stopped.
    """
    begun = _Call(run)
    # A daemon: a call that is given up must not hold up the executor's end.
    threading.Thread(target=begun.work, name="cassandra call", daemon=True).start()
    pause = _FIRST_SECONDS
    while not begun.ended.wait(pause):
        try:
            watch()
        except BaseException:
            if stop is not None:
                _end(begun, stop)
            raise
        pause = min(_POLL_SECONDS, pause * 2)
    if begun.error is not None:
        raise begun.error
    return begun.result


def _end(begun: _Call, stop: Callable[[], None]) -> None:
    deadline = time.monotonic() + _STOP_SECONDS
    stop()
    while not begun.ended.wait(_STOP_AGAIN_SECONDS) and time.monotonic() < deadline:
        stop()
