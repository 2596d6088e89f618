"""The wait of a node that starts beside its seed: Cassandra asks the seeds once, and ends if none answers soon."""

from __future__ import annotations

import socket
import time

from executor.cassandra.install import LaunchError
from executor.protocol import NodeLaunch

# A seed that has been launched listens within a minute; one that never does was moved to another address.
PATIENCE_SECONDS = 300.0
_PAUSE_SECONDS = 0.05
_CONNECT_SECONDS = 1.0


def await_seed(launch: NodeLaunch, patience: float = PATIENCE_SECONDS) -> None:
    """Wait until a seed listens on its storage port, for `patience` seconds at most. Raises LaunchError."""
    deadline = time.monotonic() + patience
    while not any(_listens(seed, launch.ports.storage) for seed in launch.seeds):
        if time.monotonic() >= deadline:
            where = ", ".join(f"{seed}:{launch.ports.storage}" for seed in launch.seeds)
            raise LaunchError("seeds", f"no seed has listened for {patience:.0f} s: {where}")
        time.sleep(_PAUSE_SECONDS)


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), _CONNECT_SECONDS):
            return True
    except OSError:
        return False
