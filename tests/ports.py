"""TCP ports and networks for the programs that tests start, each claimed by one test process of the machine.

A port that is free when a test looks can be taken before its program listens: by another test process, or by the kernel
for an outgoing connection. The claim excludes the first, the range the second.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

# Below the ports that Linux takes for outgoing connections (from 32768) and those that agents offer to tasks (31000).
RANGE = range(20000, 31000)
# 127.0.<n> for a cluster; other tests have networks of their own below.
NETWORKS = range(200, 250)
_NATIVE_PORT = 9042


class Claims:
    """The numbers that this process has claimed in a file; the kernel drops the claims when the process ends.

    The lock of the file's byte n is the claim on number n: thousands of claims need one descriptor.
    """

    def __init__(self, file: Path, numbers: range = RANGE) -> None:
        self._file = file
        self._process = 0
        self._descriptor = -1
        # Processes begin at different numbers, so that a straggler of one run seldom meets the programs of the next.
        begin = os.getpid() * 101 % len(numbers)
        self._ahead = itertools.chain(numbers[begin:], numbers[:begin])

    def claim(self, is_free: Callable[[int], bool]) -> int:
        """Claim a number that no process has claimed and that is free.

        Raises:
            RuntimeError: all numbers of the range are claimed or in use.
        """
        if self._process != os.getpid():  # a forked child inherits the descriptor, but not the locks
            self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._process = os.getpid()
        number = next((number for number in self._ahead if self._lock(number) and is_free(number)), None)
        if number is None:
            raise RuntimeError(f"{self._file}: every number is claimed or in use; end some test processes")
        return number

    def _lock(self, number: int) -> bool:
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
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


def _claims(kind: str, numbers: range) -> Claims:
    return Claims(Path(tempfile.gettempdir()) / f"cassandra-mesos-test-{kind}-{os.getuid()}", numbers)


_PORTS, _NETWORKS = _claims("ports", RANGE), _claims("networks", NETWORKS)


def free_port(ip: str = "127.0.0.1") -> int:
    """Return a free port of that address, which no other test process gets while this one runs."""
    return _PORTS.claim(lambda port: can_listen(ip, port))


def free_network() -> str:
    """Return a network such as 127.0.200, which no other test process gets while this one runs."""
    return f"127.0.{_NETWORKS.claim(lambda number: can_listen(f'127.0.{number}.2', _NATIVE_PORT))}"
