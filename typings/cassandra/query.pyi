from collections.abc import Iterable
from typing import Any

from .policies import RetryPolicy

def tuple_factory(colnames: list[str], rows: Iterable[Any]) -> list[tuple[Any, ...]]: ...
def named_tuple_factory(colnames: list[str], rows: Iterable[Any]) -> list[Any]: ...
def dict_factory(colnames: list[str], rows: Iterable[Any]) -> list[dict[str, Any]]: ...

class Statement:
    consistency_level: int
    is_idempotent: bool
    fetch_size: int

class SimpleStatement(Statement):
    def __init__(
        self,
        query_string: str,
        retry_policy: RetryPolicy | None = None,
        consistency_level: int | None = None,
        routing_key: bytes | None = None,
        serial_consistency_level: int | None = None,
        fetch_size: int = ...,
        keyspace: str | None = None,
        custom_payload: dict[str, bytes] | None = None,
        is_idempotent: bool = False,
    ) -> None: ...

class PreparedStatement:
    consistency_level: int | None
    is_idempotent: bool
    def __init__(
        self,
        column_metadata: object,
        query_id: bytes,
        routing_key_indexes: object,
        query: str,
        keyspace: str | None,
        protocol_version: int,
        result_metadata: object,
        result_metadata_id: bytes | None,
    ) -> None: ...
    def bind(self, values: object) -> BoundStatement: ...

class BoundStatement(Statement):
    values: list[bytes | None]
    def __init__(self, prepared_statement: PreparedStatement) -> None: ...

class BatchStatement(Statement):
    def __init__(self, *, consistency_level: int | None = None) -> None: ...
    def add(self, statement: str | Statement | PreparedStatement, parameters: object = None) -> None: ...
