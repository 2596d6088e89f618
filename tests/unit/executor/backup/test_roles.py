"""The roles of a cluster, as its tables have them."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, cast

from cassandra import InvalidRequest
from cassandra.cluster import Session

from executor.backup.roles import Permission, Role, Roles, roles

Limit = namedtuple("Limit", ["role", "found"])
Login = namedtuple("Login", ["role", "can_login", "is_superuser", "salted_hash", "member_of"])
Granted = namedtuple("Granted", ["role", "resource", "permissions"])
TABLES: dict[str, list[Any]] = {
    "roles": [Login("app", True, False, "hash", {"readers"}), Login("roles/app", False, False, None, None)],
    "role_permissions": [Granted("app", "data/shop", {"SELECT", "MODIFY"})],
    # Cassandra writes the name of the resource here, and the name of the role everywhere else.
    "network_permissions": [Limit("roles/app", {"dc2", "dc1"}), Limit("roles/roles/app", {"dc3"}), Limit("app", None)],
    "cidr_permissions": [Limit("app", {"office"})],
}


class Tables:
    """In place of a session: a cluster without the tables of newer versions."""

    def execute(self, query: str) -> list[Any]:
        table = query.rpartition("system_auth.")[2]
        if table not in TABLES:
            raise InvalidRequest(f"table {table} does not exist")
        return TABLES[table]


def test_each_role_has_its_limits_and_permissions() -> None:
    permissions = (Permission("data/shop", ("MODIFY", "SELECT")),)
    assert roles(cast(Session, Tables())) == Roles(
        (
            Role("app", True, False, "hash", ("readers",), permissions, ("dc1", "dc2"), ("office",)),
            Role("roles/app", False, False, None, data_centers=("dc3",)),
        )
    )
