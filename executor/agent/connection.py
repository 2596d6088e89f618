"""The connection to the Mesos agent: the one user of pymesos' executor driver.

Things that pymesos 0.3.15 does and this module does not:

- It kills its whole process group some seconds after SHUTDOWN, or when it loses an agent without checkpointing. Here
  both are events, and Cassandra is drained and stopped in the time that is left.
- It waits up to 15 s between attempts to reach an agent, but a restarted agent gives its executors two seconds. It
  spins without a pause while an agent answers 503, and ends the process on any other answer.
- It forgets unacknowledged updates and tasks, drops the kill policy, and fails an assertion on a task sent twice.

An agent can be away for MESOS_RECOVERY_TIMEOUT, which its operator sets. After that time an executor must end: the
master marks the agent's tasks as lost and can offer its resources to others. So Cassandra is then drained and stopped.
An agent that answers but does not know this executor has disowned it, since its work directory or the framework is
gone. The consequence is the same.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import random
import select
import threading
import time
import uuid
from collections import deque
from http.client import HTTPConnection, HTTPException
from queue import SimpleQueue
from typing import Any

from pymesos import Executor, MesosExecutorDriver

from executor.agent.environment import MesosEnvironment
from executor.agent.outbox import Outbox
from executor.agent.tls import make_peer
from executor.mesos_http import Peer, Stream, TlsError, open_http
from executor.node.events import Event, Kill, Launch, Message, Shutdown, Subscribed
from executor.untrusted import clean_text

Json = dict[str, Any]

_LOG = logging.getLogger(__name__)
# The agent is on this host and gives little time after its restart, and an attempt costs nothing.
_LONGEST_PAUSE = 0.5
_RESEND_PAUSE = 0.5
_SELECT_SECONDS = 1.0
# An agent that is recovering can refuse its executors for a moment.
_REFUSED_SECONDS = 10.0
_MESSAGES = 64
_CALL_SECONDS = 10.0

logging.getLogger("pymesos").handlers.clear()


class Agent(MesosExecutorDriver):
    """The executor's driver: callbacks only put events on the queue, and one thread sends updates and messages."""

    def __init__(self, environment: MesosEnvironment, events: SimpleQueue[Event]) -> None:
        super().__init__(Executor(), http_timeout=_CALL_SECONDS)
        self.checkpoint = environment.checkpoint
        self._environment = environment
        self._events = events
        self._outbox = Outbox()
        self._messages: deque[str] = deque(maxlen=_MESSAGES)
        self._subscribed = self._was_taken = False
        self._away_since: float | None = None
        self._refused_since: float | None = None
        self._given_up = False
        self._peer: Peer | None = None
        self._insecure_words = ""
        self._wake = threading.Condition()
        self._sender = threading.Thread(target=self._send_all, name="agent sender", daemon=True)

    def open(self) -> None:
        """Connect, and stay connected until `close`."""
        self._master = self._environment.agent
        self.start()
        self._sender.start()

    def close(self) -> None:
        """End the connection; updates and messages that are still queued are dropped."""
        self.stop()
        with self._wake:
            self._wake.notify_all()
        self.join()
        self._sender.join()
        self._close_conn()

    @property
    def subscribed(self) -> bool:
        """Return whether the agent has accepted this executor and is still connected."""
        return self._subscribed

    @property
    def refused(self) -> bool:
        """Return whether the agent never accepted this executor and no more attempts are made."""
        return self._given_up and self._refused_since is not None and not self._was_taken

    def update(self, task_id: str, state: str, message: str | None = None, data: str | None = None) -> None:
        """Queue a status update, which is kept and sent again until the agent has acknowledged it.

        Args:
            task_id: The task's id.
            state: Mesos' name of the state, such as `TASK_RUNNING`.
            message: A sentence for the operator.
            data: The status' data, base64.
        """
        # An agent that cannot read an update refuses each subscription that carries it, too.
        words = None if message is None else clean_text(message)
        status: Json = {
            "task_id": {"value": task_id},
            "state": state,
            "source": "SOURCE_EXECUTOR",
            "uuid": base64.b64encode(uuid.uuid4().bytes).decode(),
            "timestamp": time.time(),
            "executor_id": self.executor_id,
        }
        status.update({key: value for key, value in (("message", words), ("data", data)) if value is not None})
        self._outbox.add_update({"status": status})
        self._wake_sender()

    def send(self, data: str) -> None:
        """Queue a framework message (base64); without a connection it can get lost, as any message of Mesos can."""
        self._messages.append(data)
        self._wake_sender()

    def is_settled(self) -> bool:
        """Return whether no wait is left: the agent has acknowledged every update, or no more attempts are made."""
        return self._outbox.is_empty() or (self._given_up and not self._subscribed)

    # pymesos calls these on its own thread.

    def gen_request(self) -> bytes:
        """Return the SUBSCRIBE request as bytes of HTTP."""
        call = {
            "type": "SUBSCRIBE",
            "framework_id": self.framework_id,
            "executor_id": self.executor_id,
            "subscribe": self._outbox.subscribe(),
        }
        body = json.dumps(call).encode()
        more = "".join(f"{name}: {value}\r\n" for name, value in self._authorization().items())
        head = (
            f"POST /api/v1/executor HTTP/1.1\r\nHost: {self._environment.agent}\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\nConnection: close\r\n"
            f"{more}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def on_event(self, event: Json) -> None:
        """Dispatch an event of the agent to its `on_…` method; log one that cannot be read."""
        try:
            super().on_event(event)
        except (LookupError, TypeError, ValueError):
            _LOG.exception("event %s of the agent ignored: it cannot be read", event.get("type"))

    def on_subscribed(self, info: Json) -> None:
        """Queue `Subscribed`, and let the sender continue."""
        _LOG.info("subscribed at agent %s", info["agent_info"].get("hostname"))
        self._subscribed = self._was_taken = True
        self._away_since = None
        self._events.put(Subscribed())
        self._wake_sender()

    def on_launch(self, event: Json) -> None:
        """Queue `Launch`, once for each task."""
        task = event["task"]
        task_id = task["task_id"]["value"]
        if self._outbox.add_task(task_id, task):
            self._events.put(Launch(task_id, task.get("data", "")))

    def on_launch_group(self, event: Json) -> None:
        """Queue `Launch` for each task of the group."""
        for task in event["task_group"]["tasks"]:
            self.on_launch({"task": task})

    def on_kill(self, event: Json) -> None:
        """Queue `Kill` with the kill policy's grace period in seconds, if there is one."""
        grace = event.get("kill_policy", {}).get("grace_period", {}).get("nanoseconds")
        self._events.put(Kill(event["task_id"]["value"], None if grace is None else grace / 1e9))

    def on_acknowledged(self, event: Json) -> None:
        """Forget the update and its task, which the agent has stored."""
        self._outbox.acknowledge(event["task_id"]["value"], event["uuid"])

    def on_message(self, event: Json) -> None:
        """Queue `Message`."""
        self._events.put(Message(event["data"]))

    def on_error(self, event: Json) -> None:
        """Log the agent's error."""
        _LOG.error("the agent reports: %s", event["message"])

    def on_shutdown(self) -> None:
        """Queue `Shutdown` with the agent's grace period."""
        self._events.put(Shutdown("the agent requested it", self._environment.shutdown_grace))

    def on_close(self) -> None:
        """Note the lost connection; give up at once if the framework does not checkpoint."""
        self._close_conn()
        was_subscribed, self._subscribed = self._subscribed, False
        if not was_subscribed:
            return
        _LOG.warning("the agent has closed the connection")
        if not self.checkpoint:
            self._give_up("the agent is gone, and the framework does not checkpoint")

    def _run(self) -> None:
        """Connect and read events until the executor ends; pymesos starts this on a thread."""
        assert self._wakeup_fds is not None
        wakeup = self._wakeup_fds[0]
        try:
            while self._started:
                try:
                    self._converse(wakeup)
                    self._refused_since = None
                except TlsError as error:
                    self._insecure(str(error))
                except RuntimeError as refusal:
                    self._refused(str(refusal))
                except OSError as error:
                    _LOG.debug("no connection to the agent: %s", error)
                except Exception:  # noqa: BLE001 - without this thread the agent would report Cassandra as lost
                    _LOG.exception("the connection to the agent broke")
                self._check_away()
                self._pause(wakeup)
        finally:
            self._forget_wakeup()

    def _insecure(self, words: str) -> None:
        if words != self._insecure_words:
            self._insecure_words = words
            _LOG.warning("no connection to the agent: %s", words)

    def _refused(self, words: str) -> None:
        now = time.monotonic()
        if "HTTP 401" in words or "HTTP 403" in words:
            token = "gave this one no token" if self._environment.token is None else "does not accept its token"
            words = f"it authenticates executors, and {token} ({words})"
        if self._refused_since is None:
            self._refused_since = now
            _LOG.warning("the agent refuses this executor: %s", words)
        if now - self._refused_since > _REFUSED_SECONDS:
            self._give_up(f"the agent refuses this executor: {words}")

    def _converse(self, wakeup: int) -> None:
        """Keep one connection from its start to its end. Raises RuntimeError if the agent refuses it, and OSError."""
        self.stream_id = None
        self._peer = make_peer(self._environment)
        connection = Stream(self._environment.agent, self, self._peer)
        try:
            stream = connection.fileno()
            select.select([], [stream], [], _SELECT_SECONDS)
            if problem := connection.handle_connect_event():
                raise OSError(problem)
            alive = True
            while alive and self._started:
                waiting = [stream] if connection.want_write() else []
                readable, writable, _ = select.select([stream, wakeup], waiting, [], _SELECT_SECONDS)
                if wakeup in readable:
                    os.read(wakeup, select.PIPE_BUF)
                if writable:
                    alive = connection.write()
                if alive and stream in readable:
                    alive = connection.read()
                if not self._subscribed:
                    self._check_away()
        finally:
            self.stream_id = None
            connection.close()

    def _pause(self, wakeup: int) -> None:
        longest = min(_LONGEST_PAUSE, self._environment.backoff_max)
        if self._started:
            select.select([wakeup], [], [], random.uniform(longest / 2, longest))

    def _check_away(self) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        if now - self._away_since > self._environment.recovery_timeout:
            self._give_up(f"the agent was away for longer than {self._environment.recovery_timeout:.0f} s")

    def _give_up(self, reason: str) -> None:
        if not self._given_up:
            self._given_up = True
            self._events.put(Shutdown(reason, None))

    def _forget_wakeup(self) -> None:
        with self._lock:
            if self._wakeup_fds is not None:
                for descriptor in self._wakeup_fds:
                    os.close(descriptor)
                self._wakeup_fds = None

    # Sending.

    def _get_conn(self) -> HTTPConnection | None:
        if self._conn is None:
            self._conn = open_http(self._environment.agent, _CALL_SECONDS, self._peer)
        return self._conn if self.connected else None

    def _send(
        self,
        body: Json | str,
        path: str = "/api/v1/executor",
        method: str = "POST",
        headers: dict[str, str] | None = None,
    ) -> Any:
        # pymesos' own default is a single dictionary for all drivers and calls.
        return super()._send(body, path, method, {**(headers or {}), **self._authorization()})

    def _authorization(self) -> dict[str, str]:
        """Return the header with this executor's token, if the agent authenticates its executors."""
        token = self._environment.token
        return {} if token is None else {"Authorization": f"Bearer {token}"}

    def _call(self, kind: str, **content: Json) -> None:
        self._send({"type": kind, "executor_id": self.executor_id, "framework_id": self.framework_id, **content})

    def _wake_sender(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def _send_all(self) -> None:
        while not self.aborted:
            if not (self._subscribed and self._send_one()):
                with self._wake:
                    self._wake.wait(_RESEND_PAUSE)

    def _send_one(self) -> bool:
        """Send the oldest update, else the oldest message; return False if there was none or it failed."""
        try:
            if update := self._outbox.next_unsent():
                self._call("UPDATE", update=update)
                self._outbox.mark_sent(update)
            elif self._messages:
                self._call("MESSAGE", message={"data": self._messages.popleft()})
            else:
                return False
        except (OSError, RuntimeError, HTTPException) as error:
            _LOG.warning("call to the agent failed: %s", error)
            return False
        return True

    def _close_conn(self) -> None:
        with self._lock:
            if self._conn is not None:
                self._conn.close()
                self._conn = None
