import socket

class KazooTimeoutError(Exception): ...

class SequentialThreadingHandler:
    timeout_exception: type[KazooTimeoutError]
    def __init__(self) -> None: ...
    def create_connection(
        self,
        address: tuple[str, int],
        hostname: str | None = None,
        timeout: float | None = None,
        **options: object,
    ) -> socket.socket: ...
    def select(
        self,
        rlist: list[socket.socket],
        wlist: list[socket.socket],
        xlist: list[socket.socket],
        timeout: float | None = None,
    ) -> tuple[list[socket.socket], list[socket.socket], list[socket.socket]]: ...
