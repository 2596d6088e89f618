"""ZooKeeper's answers: those that leave the outcome unknown, and those that refuse access."""

from __future__ import annotations

from typing import TypeVar

from kazoo.exceptions import (
    AuthFailedError,
    ConnectionClosedError,
    ConnectionLoss,
    InvalidACLError,
    KazooException,
    NoAuthError,
    OperationTimeoutError,
    SessionClosedRequireSaslError,
    SessionExpiredError,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.interfaces import IAsyncResult

from scheduler.errors import Exit, FatalError, StoreUnavailableError

Value = TypeVar("Value")

ANSWER_SECONDS = 10.0
# kazoo's errors; its time-out is not a KazooException.
CLIENT_ERRORS = (KazooException, KazooTimeoutError)
UNKNOWN_OUTCOME = (
    ConnectionLoss,
    ConnectionClosedError,
    SessionExpiredError,
    OperationTimeoutError,
    KazooTimeoutError,
)
# Another attempt would fail alike until an operator acts.
REFUSALS = (NoAuthError, AuthFailedError, InvalidACLError, SessionClosedRequireSaslError)

_WHAT_TO_DO = {
    NoAuthError: "its ACL grants this scheduler no access; the file of ZOOKEEPER_CREDENTIALS_FILE must hold the "
    "user:password that owns it",
    AuthFailedError: "it does not accept the credentials; allow the scheme digest in ZooKeeper, or correct "
    "ZOOKEEPER_CREDENTIALS_FILE",
    InvalidACLError: "it does not accept the ACL with the user of ZOOKEEPER_CREDENTIALS_FILE; allow the scheme digest "
    "in ZooKeeper",
    SessionClosedRequireSaslError: "it demands a scheme of authentication that this scheduler does not have; allow "
    "the scheme digest in ZooKeeper, and set ZOOKEEPER_CREDENTIALS_FILE",
}


def refusal(path: str, error: Exception) -> FatalError:
    """Return the error that ends the process after one of REFUSALS.

    Args:
        path: The whole path of the znode.
        error: ZooKeeper's answer.
    """
    words = next(words for kind, words in _WHAT_TO_DO.items() if isinstance(error, kind))
    name = type(error).__name__.removesuffix("Error")
    return FatalError(Exit.UNAUTHORIZED, f"ZooKeeper refuses access to {path} ({name}): {words}.")


def take_answer(result: IAsyncResult[Value], path: str) -> Value:
    """Wait for the answer to a request about a znode.

    Raises:
        StoreUnavailableError: No answer came.
        FatalError: ZooKeeper refuses access.
        NoNodeError: The znode does not exist.
    """
    try:
        return result.get(timeout=ANSWER_SECONDS)
    except REFUSALS as error:
        raise refusal(path, error) from error
    except UNKNOWN_OUTCOME as error:
        raise StoreUnavailableError(f"ZooKeeper did not answer a request for {path}: {error!r}") from error
