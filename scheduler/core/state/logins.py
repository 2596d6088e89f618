"""The record of the service's own superusers of Cassandra."""

from __future__ import annotations

from dataclasses import dataclass, field

from scheduler.core.state.node import SCHEMA_VERSION


@dataclass(frozen=True)
class Login:
    """One superuser. `sealed` is its password, encrypted with the scheduler's key for the purpose `sealed_as`."""

    name: str
    sealed: str = field(repr=False)
    sealed_as: str


@dataclass(frozen=True)
class LoginsRecord:
    """The two superusers, stored under `logins`: they alternate, so one is valid while the other's password changes.

    `current` is the name of the one that jobs use. `made`: both exist in Cassandra, and its default superuser cannot
    log in. `replicas` is the number of replicas of system_auth that the scheduler has made last. `changed_at` is the
    last change of a password, in seconds since the epoch; None if it is not known.
    """

    users: tuple[Login, ...]
    current: str
    made: bool = False
    replicas: int = 0
    changed_at: float | None = None
    schema_version: int = SCHEMA_VERSION

    def login(self, name: str) -> Login:
        """Return the superuser of this name."""
        return next(user for user in self.users if user.name == name)

    @property
    def other(self) -> str:
        """Return the name of the superuser that is not the current one."""
        return next(user.name for user in self.users if user.name != self.current)
