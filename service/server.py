"""The server: gunicorn with one worker process, whose event loop and threads run API and scheduler.

The arbiter, gunicorn's parent process, starts a killed worker again. The new one waits for the lock until the session
of the dead one ends. When the scheduler ends with an exit code, both processes end with it.
"""

from __future__ import annotations

import gc
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
from scheduler.metrics import Metrics
from scheduler.settings import Settings
from service.certificate import ApiCertificate
from service.certificate_source import certificate_source
from service.http.worker import Worker
from service.logs import recent
from service.startup import Service

GRACEFUL_SECONDS = 15
SWITCH_SECONDS = 0.0005


class Server(BaseApplication):
    """The server of one process; `run` does not return.

    Raises:
        UnusableCertificate: The files of the API's certificate have changed since the settings were checked.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._code = multiprocessing.Value("i", 0)
        self._service: Service | None = None
        self._gateway = LoopGateway(lambda: uuid.uuid4().hex)
        self._metrics = Metrics()
        source = certificate_source(settings, self._gateway)
        self._certificate = ApiCertificate(source) if source is not None else None
        super().__init__()

    def load_config(self) -> None:
        """Set gunicorn's options; none comes from files or the environment."""
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
        """Return the WSGI application, in the worker."""
        if self._certificate is None:
            return create_app(self._gateway, self._settings, self._metrics, recent_log=recent.entries)
        self._metrics.watch_certificate(self._certificate.seconds_left)
        certificate = self._certificate
        return create_app(
            self._gateway, self._settings, self._metrics, certificate.warnings, certificate.identity, recent.entries
        )

    def _begin(self, worker: Worker) -> None:
        self._speak_tls(worker)
        # SIGINT reaches the arbiter too, which ends this worker gracefully.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._end_streams_on_signal()
        share_the_interpreter()
        self._service = Service(self._settings, self._gateway, self._ended, metrics=self._metrics)
        self._service.start()

    def _speak_tls(self, worker: Worker) -> None:
        if self._certificate is not None:
            worker.identities = self._certificate.identity
            self._certificate.watch(self._gateway.note_certificate)

    def _end_streams_on_signal(self) -> None:
        """End the streams on SIGTERM: gunicorn would wait for them."""
        before = signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: FrameType | None) -> None:
            self._gateway.end()
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGTERM, end)

    def _ended(self, code: Exit) -> None:
        """Have the arbiter end both processes; the scheduler's thread calls this."""
        self._code.value = int(code)
        os.kill(os.getppid(), signal.SIGTERM)

    def _end(self, _arbiter: object, _worker: object) -> None:
        if self._certificate is not None:
            self._certificate.stop()
        if self._service is not None:
            self._service.stop()

    def _exit(self, _: object) -> None:
        if self._code.value:
            sys.exit(self._code.value)


def share_the_interpreter() -> None:
    """Keep requests from waiting: switch threads more often, and leave what start-up made out of garbage collections.

    The default interval is 5 ms, during a cycle. A whole collection stops all threads, and most objects are modules.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
