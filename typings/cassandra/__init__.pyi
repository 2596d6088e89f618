from typing import Final

class ConsistencyLevel:
    ANY: Final = 0
    ONE: Final = 1
    TWO: Final = 2
    THREE: Final = 3
    QUORUM: Final = 4
    ALL: Final = 5
    LOCAL_QUORUM: Final = 6
    EACH_QUORUM: Final = 7
    SERIAL: Final = 8
    LOCAL_SERIAL: Final = 9
    LOCAL_ONE: Final = 10

class DriverException(Exception): ...
class RequestExecutionException(DriverException): ...

class Unavailable(RequestExecutionException):
    required_replicas: int

class Timeout(RequestExecutionException): ...

class CoordinationFailure(RequestExecutionException):
    error_code_map: dict[str, int] | None

class ReadFailure(CoordinationFailure):
    def __init__(
        self,
        message: str,
        data_retrieved: bool | None = ...,
        *,
        consistency: int | None = ...,
        required_responses: int | None = ...,
        received_responses: int | None = ...,
        failures: int | None = ...,
        error_code_map: dict[str, int] | None = ...,
    ) -> None: ...

class ReadTimeout(Timeout): ...
class WriteTimeout(Timeout): ...
class RequestValidationException(DriverException): ...
class AlreadyExists(RequestValidationException): ...
class InvalidRequest(RequestValidationException): ...
class Unauthorized(RequestValidationException): ...
class AuthenticationFailed(DriverException): ...
class OperationTimedOut(DriverException): ...
