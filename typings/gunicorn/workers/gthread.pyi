from typing import Any

from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.workers.workertmp import WorkerTmp

class ThreadWorker:
    alive: bool
    cfg: Config
    sockets: list[Any]
    wsgi: Any
    tmp: WorkerTmp
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
    def notify(self) -> None: ...
    def is_parent_alive(self) -> bool: ...
    def handle_request(self, req: Request, conn: Any) -> bool: ...
    def handle_error(self, req: Request | None, client: Any, addr: tuple[str, int], exc: BaseException) -> None: ...
