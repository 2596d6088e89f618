"""The scheduler's own errors, and the codes with which its process ends."""

from __future__ import annotations

from enum import IntEnum


class StoreUnavailableError(Exception):
    """ZooKeeper does not answer now; nothing was decided on what could not be stored."""


class StaleWriteError(Exception):
    """A record was changed by somebody else: another scheduler writes to the same state."""


class NotConnectedError(Exception):
    """Mesos has no subscription of ours at the moment, so nothing was sent."""


class Exit(IntEnum):
    """Why the process ended. Marathon starts it again; the text in the log says what an operator has to do."""

    OK = 0
    FAILED = 1  # an error of the program itself
    SETTINGS = 2  # the settings cannot be used
    STOPPED = 3  # an uninstall was told to stop before it had ended
    LOCKED = 10  # another scheduler of that name holds the lock
    STATE = 11  # a stored record cannot be read, or is newer than this version
    SESSION_LOST = 12  # the ZooKeeper session, and with it the lock, is gone
    STALE = 13  # somebody else wrote to our state
    REMOVED = 14  # Mesos removed the framework
    FAILED_OVER = 15  # another scheduler subscribed with our framework id
    REFUSED = 16  # Mesos refuses the subscription (credentials, role, framework info)


class FatalError(Exception):
    """The process has to end with `code`; the text is for the operator."""

    def __init__(self, code: Exit, message: str) -> None:
        super().__init__(message)
        self.code = code
