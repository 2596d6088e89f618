"""Threads that answer complete requests: some for everything, a few for what must never wait."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable

from gunicorn.http.message import Request

# The paths that need no token (api.http.roles.OPEN), below any mount. None of them waits for the scheduler.
_QUICK = re.compile(r"/(admin/(ping|healthcheck)|v1/(health|certificates/authorities|artifacts/[^/]+))\Z")

Job = Callable[[], None]


def is_quick(request: Request) -> bool:
    """Return whether the request is for health, ping, an artifact or the authorities: none of these waits."""
    if request.method not in ("GET", "HEAD"):
        return False
    return _QUICK.search(re.sub("/{2,}", "/", request.path).rstrip("/")) is not None


class Lane:
    """Threads with one queue, in which each address has its turn: one with many requests delays only itself."""

    def __init__(self, name: str, threads: int) -> None:
        self._waiting: dict[str, deque[Job]] = {}
        self._changed = threading.Condition()
        self._ended = False
        # Daemons: a command that waits for the scheduler does not hold up the end of the process.
        self._threads = [threading.Thread(target=self._run, name=f"{name}-{i}", daemon=True) for i in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, address: str, job: Job) -> None:
        """Run `job` on a thread when it is the turn of `address`."""
        with self._changed:
            self._waiting.setdefault(address, deque()).append(job)
            self._changed.notify()

    def end(self) -> None:
        """Have the threads end after their present jobs; do not wait for them."""
        with self._changed:
            self._ended = True
            self._waiting.clear()
            self._changed.notify_all()

    def join(self, seconds: float) -> None:
        """Wait for the end of the threads."""
        for thread in self._threads:
            thread.join(seconds)

    def _run(self) -> None:
        while (job := self._take()) is not None:
            job()

    def _take(self) -> Job | None:
        with self._changed:
            while not self._waiting and not self._ended:
                self._changed.wait()
            if self._ended:
                return None
            address = next(iter(self._waiting))
            jobs = self._waiting.pop(address)
            job = jobs.popleft()
            if jobs:
                self._waiting[address] = jobs
            return job
