"""The roles of a cluster and their permissions, as a document of a backup, from which a restore makes statements.

Files of system_auth cannot restore them: later changes have newer cells, which take precedence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cassandra import InvalidRequest
from cassandra.cluster import Session

from executor.backup.format import document

_RESOURCE = "roles/"


@dataclass(frozen=True)
class Permission:
    """A role's permissions on a resource, which has Cassandra's stored name: `data/shop/users`."""

    resource: str
    permissions: tuple[str, ...]


@dataclass(frozen=True)
class Role:
    """One role. `salted_hash` is that of its password, None without one.

    `data_centers` and `cidr_groups` are None if its logins are not limited to any.
    """

    name: str
    can_login: bool
    is_superuser: bool
    salted_hash: str | None = field(repr=False)
    member_of: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()
    data_centers: tuple[str, ...] | None = None
    cidr_groups: tuple[str, ...] | None = None
    identities: tuple[str, ...] = ()


@dataclass(frozen=True)
class Roles:
    """All roles, and the groups of networks by name, each as `address/bits`."""

    roles: tuple[Role, ...]
    cidr_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def read_roles(data: bytes, what: str) -> Roles:
    """Parse the document; `what` names it in errors. Raises DocumentError."""
    return document.read(Roles, data, what)


def roles(session: Session) -> Roles:
    """Return the current roles. Raises what the driver raises: Unauthorized if the login cannot read system_auth."""
    permissions: dict[str, list[Permission]] = {}
    for row in session.execute("SELECT role, resource, permissions FROM system_auth.role_permissions"):
        granted = tuple(sorted(row.permissions or ()))
        permissions.setdefault(row.role, []).append(Permission(row.resource, granted))
    # Of all tables, this one alone has the names of the roles' resources: `roles/app`.
    limits = _limits(session, "SELECT role, dcs AS found FROM system_auth.network_permissions")
    data_centers = {resource.removeprefix(_RESOURCE): found for resource, found in limits.items()}
    groups = _limits(session, "SELECT role, cidr_groups AS found FROM system_auth.cidr_permissions")
    identities: dict[str, list[str]] = {}
    for row in _newer(session, "SELECT identity, role FROM system_auth.identity_to_role"):
        identities.setdefault(row.role, []).append(row.identity)
    found = [
        Role(
            name=row.role,
            can_login=bool(row.can_login),
            is_superuser=bool(row.is_superuser),
            salted_hash=row.salted_hash or None,
            member_of=tuple(sorted(row.member_of or ())),
            permissions=tuple(sorted(permissions.get(row.role, ()), key=lambda one: one.resource)),
            data_centers=data_centers.get(row.role),
            cidr_groups=groups.get(row.role),
            identities=tuple(sorted(identities.get(row.role, ()))),
        )
        for row in session.execute(
            "SELECT role, can_login, is_superuser, salted_hash, member_of FROM system_auth.roles"
        )
    ]
    networks = {
        row.cidr_group: tuple(sorted(f"{address}/{bits}" for address, bits in row.cidrs or ()))
        for row in _newer(session, "SELECT cidr_group, cidrs FROM system_auth.cidr_groups")
    }
    return Roles(tuple(sorted(found, key=lambda role: role.name)), networks)


def _limits(session: Session, query: str) -> dict[str, tuple[str, ...]]:
    return {row.role: tuple(sorted(row.found)) for row in _newer(session, query) if row.found}


def _newer(session: Session, query: str) -> list[Any]:
    """Return the rows of a table that older versions of Cassandra lack; then there are none."""
    try:
        return list(session.execute(query))
    except InvalidRequest:
        return []
