"""The executor of a command task: runs the command, reports its end, kills it on request.

A program of its own over the v1 executor API, standard library only, started by the agent; it survives the agent's
restart like any other executor.
"""

import base64
import json
import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

Json = dict[str, Any]

_PATH = "/api/v1/executor"
_TOKEN = "MESOS_EXECUTOR_AUTHENTICATION_TOKEN"
_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_DEFAULT_KILL_GRACE_SECONDS = 3.0
_ACKNOWLEDGE_SECONDS = 5.0
_HTTP_SECONDS = 10.0


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return how to connect to an agent with TLS; None without TLS."""
    if environ.get("LIBPROCESS_SSL_ENABLED", "").lower() not in ("1", "true"):
        return None
    context = ssl.create_default_context(cafile=environ.get("LIBPROCESS_SSL_CA_FILE"))
    context.check_hostname = False
    context.set_ciphers("DEFAULT")
    return context


class Agent:
    """The connection to the agent: one stream of events, one request for each call."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        host, _, port = environ["MESOS_AGENT_ENDPOINT"].rpartition(":")
        self._host, self._port = host, int(port)
        self._ids = {
            "framework_id": {"value": environ["MESOS_FRAMEWORK_ID"]},
            "executor_id": {"value": environ["MESOS_EXECUTOR_ID"]},
        }
        token = environ.get(_TOKEN)
        self._headers = _HEADERS if token is None else {**_HEADERS, "Authorization": f"Bearer {token}"}
        self._tls = _tls(environ)

    def send_call(self, call_type: str, body: Json) -> bool:
        """Send a call and return whether the agent accepted it."""
        connection = self._connect(_HTTP_SECONDS)
        try:
            value = {"type": call_type, **self._ids, call_type.lower(): body}
            connection.request("POST", _PATH, json.dumps(value), self._headers)
            return connection.getresponse().status == 202
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _connect(self, seconds: float | None) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=seconds)
        return HTTPSConnection(self._host, self._port, timeout=seconds, context=self._tls)

    def events(self, subscribe: Json) -> Iterator[Json]:
        """Subscribe and yield events until the connection ends.

        Raises:
            OSError, HTTPException: the connection breaks.
        """
        connection = self._connect(None)
        try:
            value = {"type": "SUBSCRIBE", **self._ids, "subscribe": subscribe}
            connection.request("POST", _PATH, json.dumps(value), self._headers)
            response = connection.getresponse()
            if response.status != 200:
                raise HTTPException(f"{response.status} {response.read()!r}")
            while line := response.readline():
                yield json.loads(response.read(int(line)))
        finally:
            connection.close()


def exit_words(returncode: int) -> str:
    """Return Mesos' message on the end of a command: ``Command exited with status 3``."""
    if returncode < 0:
        return f"Command terminated with signal {signal.strsignal(-returncode)}"
    return f"Command exited with status {returncode}"


def _nanoseconds(value: Json | None) -> float | None:
    return None if value is None else value["nanoseconds"] / 1e9


class CommandExecutor:
    """A runner of one task. Everything happens in ``run``'s thread; the others only put into its queue."""

    def __init__(self, agent: Agent, recovery_seconds: float, backoff_seconds: float) -> None:
        self._agent = agent
        self._recovery_seconds = recovery_seconds
        self._backoff_seconds = backoff_seconds
        self._inbox: queue.Queue[Json] = queue.Queue()
        self._updates: dict[str, Json] = {}
        self._task: Json | None = None
        self._task_acknowledged = False
        self._child: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._reason: str | None = None
        self._kill_sent = False
        self._killing_state = False
        self._shutting_down = False
        self._finished_at: float | None = None

    def run(self) -> int:
        """Run until the task's end is acknowledged or the agent stays away; return the program's exit status."""
        threading.Thread(target=self._subscribe, daemon=True).start()
        while True:
            try:
                self._handle(self._inbox.get(timeout=0.5))
            except queue.Empty:
                pass
            if self._finished_at is not None:
                waited = time.monotonic() - self._finished_at
                limit = _ACKNOWLEDGE_SECONDS if self._shutting_down else self._recovery_seconds
                if not self._updates or waited > limit:
                    return 0

    def _subscribe(self) -> None:
        deadline = time.monotonic() + self._recovery_seconds
        while True:
            tasks = [self._task] if self._task is not None and not self._task_acknowledged else []
            subscribe = {"unacknowledged_tasks": tasks, "unacknowledged_updates": list(self._updates.values())}
            try:
                for event in self._agent.events(subscribe):
                    deadline = time.monotonic() + self._recovery_seconds
                    self._inbox.put(event)
            except (OSError, HTTPException, ValueError) as error:
                sys.stderr.write(f"connection to the agent: {error}\n")
            if time.monotonic() >= deadline:
                self._inbox.put({"type": "SHUTDOWN"})
                return
            time.sleep(self._backoff_seconds)

    def _handle(self, event: Json) -> None:
        kind = event["type"]
        if kind == "SUBSCRIBED":
            capabilities = event["subscribed"]["framework_info"].get("capabilities", [])
            self._killing_state = any(c.get("type") == "TASK_KILLING_STATE" for c in capabilities)
        elif kind == "LAUNCH":
            self._launch(event["launch"]["task"])
        elif kind == "KILL":
            self._kill(_nanoseconds(event["kill"].get("kill_policy", {}).get("grace_period")))
        elif kind == "ACKNOWLEDGED":
            self._updates.pop(event["acknowledged"]["uuid"], None)
            self._task_acknowledged = True
        elif kind == "SHUTDOWN":
            self._shutting_down = True
            self._kill(None)
        elif kind == "EXITED":
            self._exited(event["returncode"])
        elif kind == "COMPLETION_TIME":
            self._reason = "REASON_MAX_COMPLETION_TIME_REACHED"
            self._kill(None)

    def _launch(self, task: Json) -> None:
        self._task = task
        self._update("TASK_STARTING")
        command = task["command"]
        variables = command.get("environment", {}).get("variables", [])
        inherited = {name: value for name, value in os.environ.items() if name != _TOKEN}
        environment = inherited | {v["name"]: v.get("value", "") for v in variables}
        shell = command.get("shell", True)
        arguments = ["sh", "-c", command["value"]] if shell else command.get("arguments") or [command["value"]]
        try:
            # A group of its own to signal, in this session still, so that the agent finds it when this program dies.
            self._child = subprocess.Popen(
                arguments,
                executable="/bin/sh" if shell else command["value"],
                env=environment,
                process_group=0,
            )
        except OSError as error:
            self._end("TASK_FAILED", f"Failed to execute command: {error}", None)
            return
        threading.Thread(target=self._wait, args=(self._child,), daemon=True).start()
        limit = _nanoseconds(task.get("max_completion_time"))
        if limit is not None:
            self._later(limit, {"type": "COMPLETION_TIME"})
        self._update("TASK_RUNNING")

    def _wait(self, child: subprocess.Popen[bytes]) -> None:
        self._inbox.put({"type": "EXITED", "returncode": child.wait()})

    def _later(self, seconds: float, event: Json) -> None:
        timer = threading.Timer(seconds, self._inbox.put, [event])
        timer.daemon = True
        timer.start()

    def _kill(self, grace: float | None) -> None:
        if self._child is None:
            self._finished_at = self._finished_at or time.monotonic()
            return
        if self._kill_sent or self._finished_at is not None:
            return
        assert self._task is not None
        self._kill_sent = True
        self._killed = self._reason is None
        if self._killing_state and self._killed:
            self._update("TASK_KILLING")
        if grace is None:
            grace = _nanoseconds(self._task.get("kill_policy", {}).get("grace_period"))
        self._signal(signal.SIGTERM)
        seconds = _DEFAULT_KILL_GRACE_SECONDS if grace is None else grace
        timer = threading.Timer(seconds, self._signal, [signal.SIGKILL])
        timer.daemon = True
        timer.start()

    def _signal(self, number: signal.Signals) -> None:
        # It is reaped only after its report, so that the group's number cannot mean another group.
        if self._child is not None and self._child.returncode is None:
            try:
                os.killpg(self._child.pid, number)
            except ProcessLookupError:
                pass

    def _exited(self, returncode: int) -> None:
        if self._reason is not None:
            state = "TASK_FAILED"
        elif self._killed:
            state = "TASK_KILLED"
        else:
            state = "TASK_FINISHED" if returncode == 0 else "TASK_FAILED"
        self._end(state, exit_words(returncode), self._reason)

    def _end(self, state: str, message: str, reason: str | None) -> None:
        self._finished_at = time.monotonic()
        self._update(state, message=message, **({"reason": reason} if reason else {}))

    def _update(self, state: str, **more: str) -> None:
        assert self._task is not None
        identifier = base64.b64encode(uuid.uuid4().bytes).decode()
        status = {
            "task_id": self._task["task_id"],
            "state": state,
            "source": "SOURCE_EXECUTOR",
            "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]},
            "timestamp": time.time(),
            "uuid": identifier,
            **more,
        }
        self._updates[identifier] = {"status": status}
        # An update that does not arrive goes with the next subscription.
        self._agent.send_call("UPDATE", {"status": status})


def _seconds(text: str) -> float:
    units = {"weeks": 604800.0, "days": 86400.0, "hrs": 3600.0, "mins": 60.0, "secs": 1.0, "ms": 1e-3, "us": 1e-6}
    for unit, seconds in units.items():
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * seconds
    return 0.0


def main() -> int:
    """Run the executor that the environment describes and return its exit status."""
    environ = os.environ
    recovery = _seconds(environ.get("MESOS_RECOVERY_TIMEOUT", "")) if environ.get("MESOS_CHECKPOINT") == "1" else 0.0
    # This is well within the time that a restarted agent waits for its executors.
    backoff = min(0.5, _seconds(environ.get("MESOS_SUBSCRIPTION_BACKOFF_MAX", "1secs")) / 4)
    return CommandExecutor(Agent(environ), recovery, backoff).run()


if __name__ == "__main__":
    sys.exit(main())
