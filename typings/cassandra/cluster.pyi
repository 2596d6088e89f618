from collections.abc import Callable, Iterator, Mapping, Sequence
from ssl import SSLContext
from types import TracebackType
from typing import Any, Self

from .auth import AuthProvider
from .metadata import Metadata
from .policies import LoadBalancingPolicy, ReconnectionPolicy, RetryPolicy
from .query import PreparedStatement, Statement

EXEC_PROFILE_DEFAULT: object

class NoHostAvailable(Exception):
    errors: dict[Any, Any]
    def __init__(self, message: str, errors: dict[Any, Any]) -> None: ...

class DefaultConnection:
    def register_watchers(
        self, type_callback_dict: Mapping[str, Callable[..., object]], register_timeout: float | None = None
    ) -> None: ...

class ExecutionProfile:
    def __init__(
        self,
        load_balancing_policy: LoadBalancingPolicy | None = ...,
        retry_policy: RetryPolicy | None = None,
        consistency_level: int = ...,
        serial_consistency_level: int | None = None,
        request_timeout: float | None = 10.0,
        row_factory: Callable[..., Any] = ...,
    ) -> None: ...

class ResultSet:
    def __iter__(self) -> Iterator[Any]: ...
    def __getitem__(self, i: int) -> Any: ...
    def one(self) -> Any: ...
    def all(self) -> list[Any]: ...
    @property
    def was_applied(self) -> bool: ...

class ResponseFuture:
    def __init__(self, session: Session, message: object, query: object, timeout: float | None) -> None: ...
    def send_request(self) -> None: ...
    def result(self) -> ResultSet: ...
    def add_callbacks(self, callback: Callable[..., object], errback: Callable[..., object]) -> None: ...

class Session:
    cluster: Cluster
    keyspace: str | None
    default_timeout: float | None
    default_consistency_level: int
    row_factory: Callable[..., Any]
    is_shutdown: bool
    client_protocol_handler: type[Any]
    def execute(
        self,
        query: str | Statement | PreparedStatement,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        timeout: float | None = ...,
        trace: bool = False,
        custom_payload: dict[str, bytes] | None = None,
        execution_profile: object = ...,
    ) -> ResultSet: ...
    def execute_async(
        self,
        query: str | Statement | PreparedStatement,
        parameters: Sequence[Any] | Mapping[str, Any] | None = None,
        trace: bool = False,
        custom_payload: dict[str, bytes] | None = None,
        timeout: float | None = ...,
        execution_profile: object = ...,
    ) -> ResponseFuture: ...
    def prepare(self, query: str) -> PreparedStatement: ...
    def set_keyspace(self, keyspace: str) -> None: ...
    def shutdown(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None: ...

class Cluster:
    def __init__(
        self,
        contact_points: Sequence[str] | None = ...,
        port: int = 9042,
        compression: bool | str = True,
        auth_provider: AuthProvider | None = None,
        load_balancing_policy: LoadBalancingPolicy | None = None,
        reconnection_policy: ReconnectionPolicy | None = None,
        default_retry_policy: RetryPolicy | None = None,
        *,
        protocol_version: int = ...,
        executor_threads: int = 2,
        max_schema_agreement_wait: float = 10,
        control_connection_timeout: float | None = 2.0,
        idle_heartbeat_interval: float = 30,
        idle_heartbeat_timeout: float = 30,
        connect_timeout: float = 5,
        connection_class: type[DefaultConnection] | None = None,
        execution_profiles: Mapping[object, ExecutionProfile] | None = None,
        ssl_context: SSLContext | None = None,
        monitor_reporting_enabled: bool = True,
        schema_metadata_enabled: bool = True,
        token_metadata_enabled: bool = True,
    ) -> None: ...
    @property
    def metadata(self) -> Metadata: ...
    def connect(self, keyspace: str | None = None, wait_for_all_pools: bool = False) -> Session: ...
    def shutdown(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None: ...
