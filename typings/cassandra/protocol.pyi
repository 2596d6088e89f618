from collections.abc import Mapping
from typing import IO, Any

class ErrorMessage(Exception): ...
class SyntaxException(ErrorMessage): ...

def read_int(f: IO[bytes]) -> int: ...
def read_short(f: IO[bytes]) -> int: ...
def read_string(f: IO[bytes]) -> str: ...

class ResultMessage:
    opcode: int
    column_names: list[str]
    column_types: list[Any]
    column_metadata: list[Any] | None
    parsed_rows: list[tuple[Any, ...]]
    schema_change_event: Mapping[str, Any] | None
    @classmethod
    def read_type(cls, f: IO[bytes], user_type_map: Any) -> Any: ...
    def recv_results_schema_change(self, f: IO[bytes], protocol_version: int) -> None: ...
    def recv_results_metadata(self, f: IO[bytes], user_type_map: Any) -> None: ...
    @staticmethod
    def recv_row(f: IO[bytes], colcount: int) -> list[bytes | None]: ...
    def recv_results_rows(
        self,
        f: IO[bytes],
        protocol_version: int,
        user_type_map: Any,
        result_metadata: Any,
        column_encryption_policy: Any,
    ) -> None: ...

class ProtocolHandler:
    message_types_by_opcode: Mapping[int, type[Any]]

class PrepareMessage:
    def __init__(self, query: str, keyspace: str | None = None) -> None: ...
