"""The preparation of a launch, on a thread of its own: certificate, checks, files, and the seed of a standby node."""

from __future__ import annotations

import logging
from queue import SimpleQueue

from executor.cassandra.install import LaunchError, Surroundings, hold, install
from executor.cassandra.seeds import await_seed
from executor.node.encryption import NodeEncryption
from executor.node.events import Event, Held, Installed
from executor.protocol import NodeLaunch

_LOG = logging.getLogger(__name__)


def prepare(launch: NodeLaunch, encryption: NodeEncryption, where: Surroundings, events: SimpleQueue[Event]) -> None:
    """Prepare a launch and put its one event: Installed, or Held for a paused node."""
    try:
        encryption.prepare()
        if launch.paused:
            events.put(Held(hold(launch, where, _LOG.info)))
            return
        installation = install(launch, where, _LOG.info)
        if launch.standby:
            await_seed(launch)
        events.put(Installed(installation))
    except LaunchError as error:
        events.put(Installed(error))
    except Exception as error:  # noqa: BLE001 - a thread that just ended would leave the task in TASK_STARTING
        _LOG.exception("the installation broke")
        events.put(Installed(LaunchError("installation", f"{type(error).__name__}: {str(error)!a}")))
