"""A proxy before a server that makes it slow, or has it hang: bytes go through at a pace, or not at all."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from devcluster.layout import Address

_CHUNK = 16 * 1024


@dataclass
class SlowProxy:
    """`rate` is in bytes per second, for all connections together, of what clients send; it may be changed."""

    target: Address
    address: Address
    rate: float
    _flows: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _open: list[socket.socket] = field(default_factory=list)

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Stop all traffic in both directions without ending a connection."""
        self._flows.clear()
        try:
            yield
        finally:
            self._flows.set()

    def accept(self, listener: socket.socket) -> None:
        """Serve until the listener is shut down."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((self.target.host, self.target.port))
                self._open += [client, server]
                for source, sink, paced in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pump, args=(source, sink, paced), daemon=True).start()

    def close(self) -> None:
        """End all connections."""
        self._flows.set()
        for item in self._open:
            with suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()

    def _pump(self, source: socket.socket, sink: socket.socket, paced: bool) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                self._flows.wait()
                if paced:
                    with self._turn:
                        time.sleep(len(data) / self.rate)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


@contextmanager
def slow_proxy(target: Address, rate: float) -> Iterator[SlowProxy]:
    """Run a proxy."""
    with socket.create_server((target.host, 0)) as listener:
        proxy = SlowProxy(target, Address(target.host, listener.getsockname()[1]), rate)
        proxy._flows.set()
        thread = threading.Thread(target=proxy.accept, args=(listener,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            proxy.close()
