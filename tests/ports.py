"""TCP ports for the programs that tests start, each claimed by one test process of the machine.

A port that is free when a test looks can be taken before its program listens: by another test process, or by the kernel
for an outgoing connection. The claim excludes the first, the range the second.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from pathlib import Path

# Below the ports that Linux takes for outgoing connections (from 32768) and those that agents offer to tasks (31000).
RANGE = range(20000, 31000)


class Claims:
    """The ports that this process has claimed in a file; the kernel drops the claims when the process ends.

    The lock of the file's byte n is the claim on port n: thousands of claims need one descriptor.
    """

    def __init__(self, file: Path, ports: range = RANGE) -> None:
        self._file = file
        self._process = 0
        self._descriptor = -1
        # Processes begin at different ports, so that a straggler of one run seldom meets the programs of the next.
        begin = os.getpid() * 101 % len(ports)
        self._ahead = itertools.chain(ports[begin:], ports[:begin])

    def claim(self, ip: str) -> int:
        """Claim a port that no process has claimed and on which no program listens.

        Raises:
            RuntimeError: all ports of the range are claimed or in use.
        """
        if self._process != os.getpid():  # a forked child inherits the descriptor, but not the locks
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._process = os.getpid()
        port = next((port for port in self._ahead if self._lock(port) and can_listen(ip, port)), None)
        if port is None:
            raise RuntimeError(f"{self._file}: every port is claimed or in use; end some test processes")
        return port

    def _lock(self, port: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except (BlockingIOError, PermissionError):  # POSIX allows both if another process holds the lock
            return False
        return True


def can_listen(ip: str, port: int) -> bool:
    """Return whether a program could listen on the port now."""
    with socket.socket() as probe:
        # As the programs do: connections in TIME_WAIT do not hold a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ip, port))
        except OSError:
            return False
    return True


_CLAIMS = Claims(Path(tempfile.gettempdir()) / f"cassandra-mesos-test-ports-{os.getuid()}")


def free_port(ip: str = "127.0.0.1") -> int:
    """Return a free port of that address, which no other test process gets while this one runs."""
    return _CLAIMS.claim(ip)
