"""Subscription, events and calls of Mesos, the only user of pymesos' scheduler driver.

This module handles the traps of pymesos:

- No callback can raise, and none tears the framework down.
- A call without a subscription raises. Calls carry the fields that pymesos drops.
- Three missed heartbeats cause a new connection. So does a failed call, because its offers are then unknown.
- An error event or a refusal ends the process with its reason instead of a loop.
"""

from __future__ import annotations

import logging
import math
import os
import re
import select
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any

from pymesos import MesosSchedulerDriver, Scheduler
from pymesos.process import Process

from executor.mesos_http import Stream, TlsError
from scheduler.core.mesos.updates import Disconnected
from scheduler.driver.calls import Calls
from scheduler.driver.detector import Detector
from scheduler.driver.framework_info import FrameworkSettings
from scheduler.driver.login import LoginError, make_login
from scheduler.driver.mesos_json import acknowledge_only, translate
from scheduler.driver.route import Route
from scheduler.errors import Exit, FatalError, NotConnectedError
from scheduler.loop.messages import Event, Fatal
from scheduler.storage.answers import CLIENT_ERRORS

logger = logging.getLogger(__name__)

# The import of pymesos redirects SIGINT for errors of its own thread, which this program reports otherwise.
signal.signal(signal.SIGINT, signal.default_int_handler)
# It also adds a handler to its logger; this program's handlers are on the root.
logging.getLogger("pymesos").handlers.clear()

DEFAULT_HEARTBEAT = 15.0
MISSED_HEARTBEATS = 3
DEFAULT_PORT = 5050
# A call without an answer within this time has failed.
CALL_SECONDS = 5.0
# After a failed call the stream can still bring the reason, for example that another scheduler took over.
LAST_WORDS_SECONDS = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 5.0
_SELECT_SECONDS = 0.5
_STATUS = re.compile(r"Failed with HTTP (\d+): (.*)", re.DOTALL)
_PASSING = {404, 408, 429, 500, 502, 503, 504}


class Driver(Calls):
    """Subscribes and sends. `post` receives every event; it is called on pymesos' thread and must not block."""

    def __init__(self, settings: FrameworkSettings, framework_id: str | None, post: Callable[[Event], object]) -> None:
        self._mesos = _Subscription(settings, framework_id, post)

    def start(self) -> None:
        """Start the thread that looks for a master and subscribes, until `stop`."""
        self._mesos.start()

    def stop(self) -> None:
        """End the connection. Mesos keeps every task for the failover timeout."""
        self._mesos.stop(failover=True)
        self._mesos.join()

    @property
    def connected(self) -> bool:
        """Whether Mesos has the framework subscribed."""
        return self._mesos.connected

    def _call(self, kind: str, **body: Any) -> None:
        self._mesos.call(kind, body)


class _Subscription(MesosSchedulerDriver):
    """pymesos' driver with its own thread loop and event handler."""

    def __init__(self, settings: FrameworkSettings, framework_id: str | None, post: Callable[[Event], object]) -> None:
        super().__init__(
            Scheduler(),
            settings.info(framework_id),
            settings.master,
            implicit_acknowledgements=False,
            failover=True,
            timeout=CALL_SECONDS,  # pymesos' default is a day
        )
        self._post = post
        self._route = Route(settings.tls)
        self._login = make_login(settings)
        self._home = None if settings.master.startswith("zk://") else _with_port(settings.master)
        self._reported_connected = False
        self._failed_at: float | None = None
        self._heartbeat = DEFAULT_HEARTBEAT
        self._heard_at = time.monotonic()

    @property
    def framework(self) -> dict[str, Any]:
        """The unchanged FrameworkInfo: pymesos would add GPU_RESOURCES."""
        return dict(self._framework)

    @property
    def connected(self) -> bool:
        """Whether Mesos has the framework subscribed, and every call since has arrived."""
        return self._failed_at is None and self.stream_id is not None

    def call(self, kind: str, body: Mapping[str, Any]) -> None:
        """Send one call.

        Raises:
            NotConnectedError: The call did not surely arrive; so does every call until there is a new connection.
        """
        framework_id = self.framework_id
        if not self.connected or not framework_id:
            raise NotConnectedError(f"{kind} was not sent: Mesos has no subscription of this framework")
        self._basic_credential = self._login.header()
        try:
            # The header dictionary is given because pymesos shares its default one between all drivers.
            self._send({"type": kind, "framework_id": {"value": framework_id}, **body}, headers={})
        except (RuntimeError, OSError, HTTPException) as error:
            self._failed_at = time.monotonic()
            if "Failed to send request 401" in str(error):
                self._login.refused()
            # Its further lines are the call itself.
            raise NotConnectedError(f"{kind} did not arrive: {str(error).partition(chr(10))[0]}") from error
        finally:
            # A kept connection that the master has closed meanwhile would lose the next call.
            with self._lock:
                self._close()

    def _get_conn(self) -> HTTPConnection | None:
        if self._conn is None and self.master:
            self._conn = self._route.open_http(self.master, CALL_SECONDS)
        return self._conn if self.connected else None

    def start(self) -> None:
        """Start the thread, which alone looks for the master."""
        Process.start(self)

    def stop(self, failover: bool = True) -> None:
        """End the thread; never tears down."""
        with self._lock:
            self._started = False
            detector, self.detector = self.detector, None
        if detector is not None:
            detector.stop()
        self._notify()

    def _get_version(self, master: str | None) -> None:
        """Skip the query of the version, for which pymesos would block."""

    def on_close(self) -> None:
        """Post Disconnected once for each lost connection."""
        with self._lock:
            self._close()
        if self._reported_connected:
            self._reported_connected = False
            self._post(Disconnected())

    def on_event(self, event: dict[str, Any]) -> None:
        """Post an event to the loop as a value. An event that cannot be parsed is logged and ignored."""
        self._heard_at = time.monotonic()
        try:
            translated = translate(event)
            if event.get("type") == "SUBSCRIBED":
                subscribed = event["subscribed"]
                self.framework_id = subscribed["framework_id"]["value"]
                self._heartbeat = _heartbeat(subscribed.get("heartbeat_interval_seconds"))
                self._reported_connected = True
        except Exception as error:  # noqa: BLE001 an event can have any shape: the subscription must go on
            logger.error("event of Mesos ignored: it cannot be parsed (%r): %.500s", error, event)
            translated = acknowledge_only(event)
        if translated is not None:
            self._post(translated)
            if isinstance(translated, Fatal):
                self.stop()

    def _run(self) -> None:
        """Keep a connection, a new one after each failure, until stopped. The thread runs this."""
        pause = FIRST_PAUSE
        try:
            while self._started:
                self._heard_at, self._failed_at = time.monotonic(), None
                self._find_master()
                well = self._connect_once() and self._failed_at is None
                pause = FIRST_PAUSE if well else min(LONGEST_PAUSE, pause * 2)
                self._pause(pause)
        except FatalError as error:
            self._post(Fatal(error))
        except Exception as error:  # the thread's border: without this the loop would wait for events for good
            logger.exception("the Mesos connection failed")
            self._post(Fatal(FatalError(Exit.FAILED, f"the Mesos connection failed: {error!r}")))
        finally:
            with self._lock:
                self._started = False
                fds, self._wakeup_fds = self._wakeup_fds, None
            for fd in fds or ():
                os.close(fd)

    def _pause(self, seconds: float) -> None:
        """Wait until the time is over, a stop or a new leading master. Earlier wake-ups do not count."""
        while select.select([self._wake_fd()], [], [], 0.0)[0]:
            self._drain_wakeups([self._wake_fd()])
        if self._started:
            readable, _, _ = select.select([self._wake_fd()], [], [], seconds)
            self._drain_wakeups(readable)

    def onNewMasterDetectedMessage(self, data: bytes) -> None:
        """Store the leading master; the detector's thread calls this."""
        with self._lock:
            self._route.note_announced(data)
            super().onNewMasterDetectedMessage(data)
            self._home = self._new_master

    def onNoMasterDetectedMessage(self) -> None:
        """Store that there is no leading master; the detector's thread calls this."""
        with self._lock:
            self._home = None
            super().onNoMasterDetectedMessage()

    def _find_master(self) -> None:
        """Look for the leading master, unless the detector has just named one."""
        if self._home is None and self.master_uri.startswith("zk://"):
            self._begin_to_detect()
        with self._lock:
            if self._new_master in (None, self._master):
                self._new_master = self._home

    def _begin_to_detect(self) -> None:
        if isinstance(self.detector, Detector) and not self.detector.ended:
            return
        detector = Detector(self.master_uri.removeprefix("zk://"), self)
        with self._lock:
            if not self._started:
                return
            self.detector = detector
        try:
            detector.start()
        except CLIENT_ERRORS as error:
            logger.warning("leading Mesos master not found: %r; trying again", error)
            detector.stop()

    def _connect_once(self) -> bool:
        """Serve one connection to the present master until it ends; return whether it was subscribed."""
        self._master = self._new_master
        if not self._master:
            self._wait_for_master()
            return not self._has_lost_detector()
        try:
            self._login.prepare()
            self._basic_credential = self._login.header()
            connection = self._route.open_stream(self._master, self)
        except LoginError as error:
            if error.refused:
                raise FatalError(Exit.REFUSED, str(error)) from error
            logger.warning("no connection to Mesos: %s", error)
            return False
        except (OSError, TlsError) as error:
            logger.warning("the Mesos master %s cannot be reached: %s", self._master, error)
            return False
        except (OverflowError, ValueError) as error:
            if self._master == self._home and not self.master_uri.startswith("zk://"):
                raise  # it is MESOS_MASTER itself
            logger.warning("%.200r is not the address of a Mesos master (host:port): %s", self._master, error)
            return False
        try:
            return self._serve(connection)
        except TlsError as error:
            logger.warning("no connection to Mesos: %s", error)
            self._route.note_failure(error)
            return self._reported_connected
        finally:
            self.stream_id = None
            connection.close()

    def _serve(self, connection: Stream) -> bool:
        while self._started and self._new_master == self._master:
            if self._is_silent() or self._is_doubtful():
                return self._reported_connected
            if self._reported_connected:
                self._login.renew()
            socket = connection.fileno()
            writers = [socket] if connection.want_write() or not connection.connected else []
            readable, writable, _ = select.select([socket, self._wake_fd()], writers, [], _SELECT_SECONDS)
            self._drain_wakeups(readable)
            if not connection.connected and (writable or socket in readable) and not self._finish_connect(connection):
                return False
            if socket in writable and not connection.write():
                return self._reported_connected
            if socket in readable and not self._read(connection):
                return self._reported_connected
        return self._reported_connected

    def _finish_connect(self, connection: Stream) -> bool:
        error = connection.handle_connect_event()
        if error:
            logger.warning("the Mesos master %s cannot be reached: %s", self._master, error)
        return not error

    def _read(self, connection: Stream) -> bool:
        try:
            return connection.read()
        except OSError as error:
            logger.warning("the connection to the Mesos master broke: %s", error)
        except (KeyError, ValueError) as error:
            logger.warning("answer of %s ignored: it is not that of a Mesos master: %r", self._master, error)
        except TlsError:
            raise
        except RuntimeError as error:
            found = _STATUS.match(str(error))
            if found is not None and found[1] == "401" and self._login.refused():
                logger.warning("the Mesos master %s does not accept the token any more; logging in again", self._master)
                return False
            if found is not None and int(found[1]) not in _PASSING:
                hint = f"; {self._login.hint}" if found[1] == "401" else ""
                raise self._refusal(f"HTTP {found[1]}: {found[2]}{hint}") from error
            logger.warning("the Mesos master %s answered: %s", self._master, error)
        return False

    def _refusal(self, words: str) -> FatalError:
        return FatalError(Exit.REFUSED, f"the Mesos master {self._master} refuses the subscription with {words}")

    def _is_doubtful(self) -> bool:
        failed_at = self._failed_at
        if failed_at is None or time.monotonic() - failed_at < LAST_WORDS_SECONDS:
            return False
        logger.warning("call to the Mesos master %s failed; connecting again", self._master)
        return True

    def _is_silent(self) -> bool:
        silence = time.monotonic() - self._heard_at
        if silence <= MISSED_HEARTBEATS * self._heartbeat:
            return False
        logger.warning("Mesos master %s silent for %.0f s; connecting again", self._master, silence)
        return True

    def _wait_for_master(self) -> None:
        logger.warning("no leading Mesos master; waiting for one")
        while self._started and not self._new_master and not self._has_lost_detector():
            readable, _, _ = select.select([self._wake_fd()], [], [], _SELECT_SECONDS)
            self._drain_wakeups(readable)

    def _has_lost_detector(self) -> bool:
        return isinstance(self.detector, Detector) and self.detector.ended

    def _wake_fd(self) -> int:
        assert self._wakeup_fds is not None
        return self._wakeup_fds[0]

    def _drain_wakeups(self, readable: Iterable[int]) -> None:
        if self._wake_fd() in readable:
            os.read(self._wake_fd(), 4096)


def _heartbeat(value: Any) -> float:
    """Return the seconds between two heartbeats, the default instead of NaN and infinity, which would never pass."""
    seconds = float(value or DEFAULT_HEARTBEAT)
    return seconds if math.isfinite(seconds) else DEFAULT_HEARTBEAT


def _with_port(master: str) -> str:
    return master if ":" in master else f"{master}:{DEFAULT_PORT}"
