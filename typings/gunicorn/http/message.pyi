from gunicorn.config import Config
from gunicorn.http.body import Body
from gunicorn.http.unreader import Unreader

class Request:
    method: str
    path: str
    scheme: str
    version: tuple[int, int]
    body: Body
    headers: list[tuple[str, str]]
    _expected_100_continue: bool
    def __init__(self, cfg: Config, unreader: Unreader, peer_addr: tuple[str, int], req_number: int = 1) -> None: ...
    def force_close(self) -> None: ...
    def should_close(self) -> bool: ...
