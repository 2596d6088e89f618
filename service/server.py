"""The server: gunicorn with one worker process, whose event loop and threads run API and scheduler.

The arbiter, gunicorn's parent process, starts a killed worker again. The new one waits for the lock until the session
of the dead one ends. When the scheduler ends with an exit code, both processes end with it. They do so too if the API
cannot listen, or if the worker cannot begin: gunicorn's own codes would mean something else.
"""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger

from api import create_app
from scheduler.errors import Exit
from scheduler.loop.gateway import LoopGateway
from scheduler.metrics import Metrics
from scheduler.security.sealing import KeyFileError
from scheduler.settings import Settings
from service.certificate import ApiCertificate
from service.certificate_source import certificate_source
from service.http.worker import Worker
from service.logs import recent
from service.startup import Service

logger = logging.getLogger(__name__)

GRACEFUL_SECONDS = 15
SWITCH_SECONDS = 0.0005


class ServerLog(Logger):
    """The log of gunicorn's two processes: its own handler would write to another stream, in a format of its own."""

    def setup(self, cfg: Config) -> None:
        """Hand all messages to the handler that `service.logs` has set up."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True


class Server(BaseApplication):
    """The server of one process; `run` does not return.

    Raises:
        UnusableCertificate: The files of the API's certificate have changed since the settings were checked.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._code = multiprocessing.Value("i", 0)
        self._service: Service | None = None
        self._listens = False
        self._arbiter = 0  # its process id, in the worker
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
            "logger_class": ServerLog,
            "proc_name": "cassandra-scheduler",
            "control_socket_disable": True,
            "when_ready": self._note_listening,
            "post_worker_init": self._begin,
            "worker_exit": self._end,
            "on_exit": self._exit,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Serve until the end of the process. Raises SystemExit with its code."""
        try:
            super().run()
        except SystemExit:
            if self._listens:
                raise
        given = self._settings
        why = _cannot_listen(given.api_host, given.api_port)
        logger.critical(
            "the scheduler ends with code %d (SETTINGS): API_HOST %s and API_PORT %d cannot be listened on%s",
            Exit.SETTINGS,
            given.api_host,
            given.api_port,
            why,
        )
        sys.exit(Exit.SETTINGS)

    def load(self) -> object:
        """Return the WSGI application, in the worker."""
        with self._ending_if_it_fails():
            return self._make_app()

    def _make_app(self) -> object:
        if self._certificate is None:
            return create_app(self._gateway, self._settings, self._metrics, recent_log=recent.entries)
        self._metrics.watch_certificate(self._certificate.seconds_left)
        certificate = self._certificate
        return create_app(
            self._gateway, self._settings, self._metrics, certificate.warnings, certificate.identity, recent.entries
        )

    def _note_listening(self, _: object) -> None:
        self._listens = True

    @contextmanager
    def _ending_if_it_fails(self) -> Iterator[None]:
        """End both processes if the worker cannot begin. Files can have changed since the settings were checked."""
        try:
            yield
        except (OSError, UnicodeDecodeError, KeyFileError) as error:
            code = Exit.SETTINGS
            logger.critical(
                "the scheduler ends with code %d (%s): a file that a setting names cannot be used any more: %s",
                code,
                code.name,
                error,
            )
        except Exception:  # the border of the worker's beginning: gunicorn's code for this would be STOPPED
            code = Exit.FAILED
            logger.critical("the scheduler ends with code %d: an error of the program", code, exc_info=True)
        else:
            return
        self._code.value = int(code)
        raise SystemExit(Arbiter.WORKER_BOOT_ERROR)  # with which the arbiter ends, instead of trying again

    def _begin(self, worker: Worker) -> None:
        self._arbiter = worker.ppid
        with self._ending_if_it_fails():
            self._begin_service(worker)

    def _begin_service(self, worker: Worker) -> None:
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
        # The parent of a worker whose arbiter was killed is a process that knows nothing of it.
        if os.getppid() == self._arbiter:
            os.kill(self._arbiter, signal.SIGTERM)

    def _end(self, _arbiter: object, _worker: object) -> None:
        if self._certificate is not None:
            self._certificate.stop()
        if self._service is not None:
            self._service.stop()

    def _exit(self, _: object) -> None:
        if self._code.value:
            sys.exit(self._code.value)


def _cannot_listen(host: str, port: int) -> str:
    """Return why a program cannot listen there, after a colon; empty if the reason has passed."""
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return ""
    except OSError as error:
        return f": {os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror}"


def share_the_interpreter() -> None:
    """Keep requests from waiting: switch threads more often, and leave what start-up made out of garbage collections.

    The default interval is 5 ms, during a cycle. A whole collection stops all threads, and most objects are modules.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
