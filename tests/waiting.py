"""Waiting for what is to become true, with a deadline; and ports for what is to be started."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable


class NotInTimeError(AssertionError):
    """A condition that did not come true before its deadline."""


def wait_for(what: str, condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until the condition holds; NotInTimeError says what did not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise NotInTimeError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)


def free_port(ip: str = "127.0.0.1") -> int:
    """A port of that address on which nobody listens at the moment."""
    with socket.socket() as probe:
        probe.bind((ip, 0))
        port: int = probe.getsockname()[1]
        return port
