from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .cluster import Session
from .query import PreparedStatement, Statement

class ExecutionResult(NamedTuple):
    success: bool
    result_or_exc: Any

def execute_concurrent_with_args(
    session: Session,
    statement: str | Statement | PreparedStatement,
    parameters: Iterable[Sequence[Any]],
    concurrency: int = 100,
    raise_on_first_error: bool = True,
) -> list[ExecutionResult]: ...
