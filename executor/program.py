"""The executor's process: its log, its signals, and the node that it runs."""

from __future__ import annotations

import logging
import os
import pwd
import resource
import signal
import sys
from queue import SimpleQueue
from types import FrameType

from executor.agent.connection import Agent
from executor.agent.environment import TOKEN, MesosEnvironmentError, parse
from executor.cassandra import late_bundle
from executor.cassandra.install import Surroundings
from executor.cassandra.late_bundle import LateBundle
from executor.node.events import Event, Shutdown
from executor.node.lifecycle import Node
from executor.untrusted import log_entry

_SHARED_USERS = frozenset({"nobody"})


class Formatter(logging.Formatter):
    """An entry of the log on standard error, which holds words of Cassandra, of Mesos and of S3."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the entry."""
        return log_entry(super().format(record))


def main(bundle: LateBundle | None = None) -> int:
    """Run until the task has ended; `bundle` is being unpacked.

    Returns:
        The process' exit code: 2 if no Mesos agent started it, 3 if the agent refuses this executor, else 0.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    try:
        environment = parse(os.environ)
    except MesosEnvironmentError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    # For all that executor and Cassandra write: data, logs, configuration, dumps.
    os.umask(0o027)
    # Their memory has passwords and keys, and anyone who may read the sandbox could read a core dump of it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    if (name := _user()) in _SHARED_USERS:
        logging.warning("nodes run as %s, which other tasks may run as too: give SERVICE_USER a user of its own", name)
    os.environ.pop(late_bundle.VARIABLE, None)
    os.environ.pop(TOKEN, None)  # Cassandra and other child processes must not inherit it
    events: SimpleQueue[Event] = SimpleQueue()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        events.put(Shutdown(f"the executor received {signal.Signals(number).name}", None))

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    agent = Agent(environment, events)
    surroundings = Surroundings(environment.sandbox, environment.address, os.environ, late_bundle=bundle)
    node = Node(agent, surroundings, events)
    agent.open()
    try:
        node.run(environment.recovery_timeout)
    finally:
        agent.close()
    return 3 if agent.refused else 0


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
