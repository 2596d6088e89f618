"""A crew of threads that share work: whole files, and parts of files, which come first."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

Task = Callable[[], None]

# If processors are scarce, Cassandra's threads come first.
_NICENESS = 10
_POLL_SECONDS = 0.2
_LEAVE_SECONDS = 0.8


class StoppedError(Exception):
    """The crew stops: a task must end."""


class Crew:
    """Threads that run tasks until none is left, one has failed, or `stop` is called. Used once."""

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()
        self._parts: deque[Task] = deque()
        self._active = 0
        self._changed = threading.Condition()
        self._stopped = threading.Event()
        self._failure: BaseException | None = None

    def run(self, threads: int, tasks: Iterable[Task], tick: Callable[[], None]) -> None:
        """Run tasks on `threads` threads, and call `tick` several times a second.

        Threads that hang in a network call are left behind after a moment; they end with that call.

        Raises:
            BaseException: The first one that a task or `tick` raised.
        """
        self._tasks.extend(tasks)
        crew = [
            threading.Thread(target=self._work, name=f"crew-{number}", daemon=True)
            for number in range(min(threads, len(self._tasks)))
        ]
        for thread in crew:
            thread.start()
        try:
            for thread in crew:
                while thread.is_alive():
                    tick()
                    thread.join(_POLL_SECONDS)
        finally:
            self.stop()
            deadline = time.monotonic() + _LEAVE_SECONDS
            for thread in crew:
                thread.join(max(0.0, deadline - time.monotonic()))
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Make the threads end."""
        self._stopped.set()
        with self._changed:
            self._changed.notify_all()

    def check(self) -> None:
        """Raise StoppedError if the crew stops; tasks call this now and then."""
        if self._stopped.is_set():
            raise StoppedError

    def wait(self, seconds: float) -> None:
        """Wait for a number of seconds; raise StoppedError if the crew stops."""
        if self._stopped.wait(seconds):
            raise StoppedError

    def sleep(self, seconds: float) -> bool:
        """Wait for a number of seconds; return whether the crew stops."""
        return self._stopped.wait(seconds)

    def add(self, part: Task) -> None:
        """Add a part of the running task's file, for any thread."""
        with self._changed:
            self._parts.append(part)
            self._changed.notify()

    def help(self, most: int) -> None:
        """Run parts on the calling thread while more than `most` of them wait."""
        while True:
            with self._changed:
                if len(self._parts) <= most:
                    return
                part = self._parts.popleft()
            part()

    def _work(self) -> None:
        # For this thread alone. A program of low priority already, which Mesos can be told to start, stays there.
        os.nice(_NICENESS)
        while (task := self._next()) is not None:
            try:
                task()
            except StoppedError:
                return
            except BaseException as error:  # noqa: BLE001 `run` raises it again on its thread
                with self._changed:
                    # An error after `stop` is its consequence.
                    if self._failure is None and not self._stopped.is_set():
                        self._failure = error
                self.stop()
                return
            with self._changed:
                self._active -= 1
                self._changed.notify_all()

    def _next(self) -> Task | None:
        with self._changed:
            while not self._stopped.is_set():
                if self._parts or self._tasks:
                    self._active += 1
                    return self._parts.popleft() if self._parts else self._tasks.popleft()
                # A running task can still add parts.
                if self._active == 0:
                    return None
                self._changed.wait()
        return None
