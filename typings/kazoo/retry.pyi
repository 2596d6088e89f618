from collections.abc import Callable
from typing import Any, TypeVar

from .exceptions import KazooException

_T = TypeVar("_T")

class ForceRetryError(Exception): ...
class RetryFailedError(KazooException): ...
class InterruptedError(RetryFailedError): ...

class KazooRetry:
    def __init__(
        self,
        max_tries: int = 1,
        delay: float = 0.1,
        backoff: int = 2,
        max_jitter: float = 0.4,
        max_delay: float = 60.0,
        ignore_expire: bool = True,
        sleep_func: Callable[[float], None] = ...,
        deadline: float | None = None,
        interrupt: Callable[[], bool] | None = None,
    ) -> None: ...
    def __call__(self, func: Callable[..., _T], *args: Any, **kwargs: Any) -> _T: ...
