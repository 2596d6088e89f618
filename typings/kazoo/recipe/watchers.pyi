from collections.abc import Callable

from ..client import KazooClient
from ..protocol.states import ZnodeStat

class DataWatch:
    def __init__(
        self, client: KazooClient, path: str, func: Callable[[bytes | None, ZnodeStat | None], object] | None = None
    ) -> None: ...

class ChildrenWatch:
    def __init__(
        self,
        client: KazooClient,
        path: str,
        func: Callable[[list[str]], object] | None = None,
        allow_session_lost: bool = True,
    ) -> None: ...
