from typing import Any

class Config:
    graceful_timeout: int
    limit_request_line: int
    threads: int
    def __init__(self, usage: str | None = None, prog: str | None = None) -> None: ...
    def set(self, name: str, value: Any) -> None: ...
