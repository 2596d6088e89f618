"""gunicorn around API and scheduler: one worker process, with an event loop and threads, and with the scheduler.

The arbiter, gunicorn's parent process, starts the worker again if it is killed; the lock in ZooKeeper then waits for
the dead one's session. When the scheduler ends for a reason, both processes end, with that reason's code.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import uuid
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication

from api import create_app
from scheduler.errors import Exit
from scheduler.loop.gateway import LoopGateway
from scheduler.settings import Settings
from service.http.worker import Worker
from service.startup import Service

GRACEFUL_SECONDS = 15
SWITCH_SECONDS = 0.0005


class Server(BaseApplication):
    """Serves until told to end; `run` does not return."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._code = multiprocessing.Value("i", 0)
        self._service: Service | None = None
        self._gateway = LoopGateway(lambda: uuid.uuid4().hex)
        super().__init__()

    def load_config(self) -> None:
        """gunicorn's options; none is taken from files or the environment."""
        settings = self._settings
        options: dict[str, Any] = {
            "bind": f"{_bracketed(settings.api_host)}:{settings.api_port}",
            "workers": 1,
            "worker_class": Worker,
            # gunicorn would take a faster one if it happens to be installed; the audited one is this.
            "http_parser": "python",
            "threads": settings.api_threads,
            "graceful_timeout": GRACEFUL_SECONDS,
            "timeout": 120,
            "keepalive": 5,
            "loglevel": "warning",
            "proc_name": "cassandra-scheduler",
            "control_socket_disable": True,
            "post_worker_init": self._begin,
            "worker_exit": self._end,
            "on_exit": self._exit,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> object:
        """The WSGI application, in the worker."""
        return create_app(self._gateway, self._settings)

    def _begin(self, _: object) -> None:
        # SIGINT reaches the arbiter too, which ends this worker in order.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._listen()
        share_the_interpreter()
        self._service = Service(self._settings, self._gateway, self._ended)
        self._service.start()

    def _listen(self) -> None:
        """Have streams end as soon as this process is told to: gunicorn would wait for them."""
        before = signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: FrameType | None) -> None:
            self._gateway.end()
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGTERM, end)

    def _ended(self, code: Exit) -> None:
        """On the scheduler's thread: have the arbiter end everything."""
        self._code.value = int(code)
        os.kill(os.getppid(), signal.SIGTERM)

    def _end(self, _arbiter: object, _worker: object) -> None:
        if self._service is not None:
            self._service.stop()

    def _exit(self, _: object) -> None:
        if self._code.value:
            sys.exit(self._code.value)


def share_the_interpreter() -> None:
    """Let requests in more often while a cycle computes: by default a thread waits 5 ms for its turn, several times."""
    sys.setswitchinterval(SWITCH_SECONDS)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
