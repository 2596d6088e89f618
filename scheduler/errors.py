"""Errors of the scheduler, and the exit codes of its process."""

from __future__ import annotations

from enum import IntEnum


class StoreUnavailableError(Exception):
    """ZooKeeper does not answer; the scheduler decides nothing that it cannot store."""


class StaleWriteError(Exception):
    """Another scheduler changed a record of the same state."""


class NotConnectedError(Exception):
    """Mesos does not have the framework subscribed, so the call was not sent."""


class Exit(IntEnum):
    """The process's exit codes. Marathon starts it again; the log tells the operator what to do."""

    OK = 0
    FAILED = 1  # an error of the program itself
    SETTINGS = 2  # the settings cannot be used
    STOPPED = 3  # a signal stopped an uninstall before its end
    LOCKED = 10  # another scheduler of that name holds the lock
    STATE = 11  # a stored record cannot be read, or is newer than this version
    SESSION_LOST = 12  # the ZooKeeper session, and with it the lock, is gone
    STALE = 13  # another process wrote to the state
    REMOVED = 14  # Mesos removed the framework
    FAILED_OVER = 15  # another scheduler subscribed with this framework id
    REFUSED = 16  # Mesos refuses the subscription (credentials, role, framework info)
    UNAUTHORIZED = 17  # ZooKeeper refuses access (credentials, ACL)


class FatalError(Exception):
    """An error that ends the process with `code`; the text is for the operator."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code
