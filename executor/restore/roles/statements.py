"""The statements that restore a backup's roles and permissions. Pure.

What exists here and not in the backup stays: roles, memberships and permissions that were granted since. An identity
belongs to one role, and a group of networks has one meaning: these become those of the backup. The login of the restore
itself is never changed, nor the roles from which it has its permissions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from executor.backup.roles import Permission, Role, Roles
from executor.cql.tokenizer import quote
from executor.key_spaces import SERVICE_ROLES
from executor.restore.roles.argument_types import cql_type

CREATED, ALTERED, EQUAL, LEFT = "created", "altered", "as in the backup", "left as it is: the restore logs in with it"
OWNED = "left as it is: the service manages it"
# The service's users, and the one that it disables.
_SERVICES = frozenset({*SERVICE_ROLES, "cassandra"})
_NAMED = 5
_FUNCTION = re.compile(r"functions/(?P<key_space>[^/]+)/(?P<name>[^\[]+)\[(?P<types>.*)\]", re.DOTALL)


@dataclass(frozen=True)
class Statement:
    """One statement about a role, and its effect in words that hold no secret.

    `text` is empty if it cannot be made: `why` has the reason.
    """

    role: str
    does: str
    text: str
    why: str = ""


def protected_roles(own: str | None, here: Roles) -> frozenset[str]:
    """Return the restore's own login and all roles that it is a member of, directly or not, and the service's users.

    The login of the restore does not matter: the service could not log in with a password of the backup. Where it has
    users, it has disabled the default superuser, whose password is known to all. That one does not come back.
    """
    members = {role.name: role.member_of for role in here.roles}
    found: set[str] = set()
    open_ends = [own] if own else []
    while open_ends:
        name = open_ends.pop()
        if name not in found:
            found.add(name)
            open_ends += members.get(name, ())
    return _of_service(here) | found


def _of_service(here: Roles) -> frozenset[str]:
    is_served = any(role.name in SERVICE_ROLES for role in here.roles)
    return _SERVICES if is_served else frozenset(SERVICE_ROLES)


def outcome(stored: Roles, here: Roles, left: Collection[str]) -> dict[str, str]:
    """Return the outcome for each of the backup's roles.

    Args:
        stored: The backup's roles.
        here: The cluster's roles.
        left: The roles that must not be changed.
    """
    there, of_service = {role.name: role for role in here.roles}, _of_service(here)
    return {
        role.name: OWNED if role.name in of_service
        else LEFT if role.name in left
        else CREATED if role.name not in there
        else EQUAL if not list(_of_role(role, there[role.name]))
        else ALTERED
        for role in stored.roles
    }  # fmt: skip


def unknown(stored: Roles, here: Roles) -> list[str]:
    """Return the roles that exist here and not in the backup."""
    return sorted({role.name for role in here.roles} - {role.name for role in stored.roles})


def statements(stored: Roles, here: Roles, left: Collection[str]) -> Iterator[Statement]:
    """Yield the statements that give the roles here what the backup's had.

    The statements that create and alter roles come before those that name several roles.

    Args:
        stored: The backup's roles.
        here: The cluster's roles.
        left: The roles that must not be changed.
    """
    there = {role.name: role for role in here.roles}
    wanted = [role for role in stored.roles if role.name not in left]
    yield from _groups(stored, here, left)
    for role in wanted:
        yield from _options(role, there.get(role.name))
    holders = {identity: role.name for role in here.roles for identity in role.identities}
    for role in wanted:
        yield from _given(role, there.get(role.name), holders, left)


def _groups(stored: Roles, here: Roles, left: Collection[str]) -> Iterator[Statement]:
    """Yield the statements for groups of networks, except those from which a role that is left logs in."""
    for group, networks in stored.cidr_groups.items():
        if here.cidr_groups.get(group) == networks:
            continue
        does = f"the CIDR group {group}"
        users = sorted(role.name for role in here.roles if role.name in left and group in (role.cidr_groups or ()))
        if users:
            yield Statement("", does, "", f"{users[0]} logs in from it, and is left as it is")
        else:
            yield Statement("", does, _group(group, networks))


def _of_role(role: Role, here: Role) -> Iterator[Statement]:
    yield from _options(role, here)
    yield from _given(role, here, {}, ())


def _options(role: Role, here: Role | None) -> Iterator[Statement]:
    name = quote(role.name)
    if here is None or _login(role) != _login(here):
        options = [f"LOGIN = {_flag(role.can_login)}", f"SUPERUSER = {_flag(role.is_superuser)}"]
        if role.salted_hash is not None:
            options.insert(0, f"HASHED PASSWORD = {_text(role.salted_hash)}")
        verb = "CREATE ROLE IF NOT EXISTS" if here is None else "ALTER ROLE"
        yield Statement(role.name, "password, login and superuser", f"{verb} {name} WITH {' AND '.join(options)}")
    if here is not None and here.salted_hash is not None and role.salted_hash is None and role.can_login:
        yield Statement(role.name, "a login without a password", "", "no statement removes the one that it has now")
    if role.data_centers != (here.data_centers if here else None):
        access = "ALL DATACENTERS" if role.data_centers is None else f"DATACENTERS {_set(role.data_centers)}"
        yield Statement(role.name, "data centers", f"ALTER ROLE {name} WITH ACCESS TO {access}")
    if role.cidr_groups != (here.cidr_groups if here else None):
        access = "ALL CIDRS" if role.cidr_groups is None else f"CIDRS {_set(role.cidr_groups)}"
        yield Statement(role.name, "CIDR groups", f"ALTER ROLE {name} WITH ACCESS FROM {access}")


def _login(role: Role) -> tuple[bool, bool, str | None]:
    return role.can_login, role.is_superuser, role.salted_hash


def _given(
    role: Role, here: Role | None, holders: Mapping[str, str], left: Collection[str]
) -> Iterator[Statement]:  # fmt: skip
    name = quote(role.name)
    for other in sorted(set(role.member_of) - set(here.member_of if here else ())):
        yield Statement(role.name, f"member of {other}", f"GRANT {quote(other)} TO {name}")
    for identity in sorted(set(role.identities) - set(here.identities if here else ())):
        yield from _identity(role.name, identity, holders.get(identity), left)
    had = {one.resource: set(one.permissions) for one in here.permissions} if here else {}
    for permission in role.permissions:
        missing = sorted(set(permission.permissions) - had.get(permission.resource, set()))
        yield from (_grant(role.name, name, one, permission) for one in missing)


def _identity(role: str, identity: str, holder: str | None, left: Collection[str]) -> Iterator[Statement]:
    """Yield the statements that give an identity to a role. As long as another role has it, Cassandra does nothing."""
    does = f"identity {identity}"
    if holder is not None and holder in left:
        yield Statement(role, does, "", f"it is one of {holder}, which is left as it is")
        return
    if holder is not None:
        yield Statement(role, f"{does}, which {holder} had", f"DROP IDENTITY IF EXISTS {_text(identity)}")
    yield Statement(role, does, f"ADD IDENTITY IF NOT EXISTS {_text(identity)} TO ROLE {_text(role)}")


def _grant(role: str, name: str, what: str, permission: Permission) -> Statement:
    where = resource(permission.resource)
    does = f"{what} on {permission.resource}"
    if where is None:
        return Statement(role, does, "", "this executor cannot name the resource in a GRANT")
    return Statement(role, does, f"GRANT {what} ON {where} TO {name}")


def resource(stored: str) -> str | None:
    """Return a stored resource in the syntax of GRANT, such as `TABLE "shop"."users"`; None for an unknown one."""
    kind, *parts = stored.split("/")
    match kind, parts:
        case "data", []:
            return "ALL KEYSPACES"
        case "data", [key_space]:
            return f"KEYSPACE {quote(key_space)}"
        case "data", [key_space, "*"]:
            return f"ALL TABLES IN KEYSPACE {quote(key_space)}"
        case "data", [key_space, table]:
            return f"TABLE {quote(key_space)}.{quote(table)}"
        case "roles", []:
            return "ALL ROLES"
        case "roles", _:
            # The name of a role can contain a slash.
            return f"ROLE {quote(stored.removeprefix('roles/'))}"
        case "functions", []:
            return "ALL FUNCTIONS"
        case "functions", [key_space]:
            return f"ALL FUNCTIONS IN KEYSPACE {quote(key_space)}"
        case "functions", _:
            return _function(stored)
        case ("mbean", []) | ("mbeans", []):
            return "ALL MBEANS"
        case "mbean", _:
            pattern = stored.removeprefix("mbean/")
            return f"{'MBEANS' if '*' in pattern else 'MBEAN'} {_text(pattern)}"
    return None


def _function(stored: str) -> str | None:
    found = _FUNCTION.fullmatch(stored)
    if found is None:
        return None
    types = [cql_type(name) for name in found["types"].split("^") if name]
    if None in types:
        return None
    return f"FUNCTION {quote(found['key_space'])}.{quote(found['name'])}({', '.join(map(str, types))})"


def _group(name: str, networks: Sequence[str]) -> str:
    cidrs = ", ".join(f"({_text(address)}, {bits})" for address, _, bits in (one.partition("/") for one in networks))
    return f"INSERT INTO system_auth.cidr_groups (cidr_group, cidrs) VALUES ({_text(name)}, {{{cidrs}}})"


def _set(names: Sequence[str]) -> str:
    return "{" + ", ".join(map(_text, names)) + "}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def refusals(problems: Mapping[str, Sequence[str]]) -> str:
    """Return a sentence about the statements that were refused; empty if there were none."""
    if not problems:
        return ""
    every = [f"{name}: {why}" if name else why for name, found in sorted(problems.items()) for why in found]
    more = f"; and {len(every) - _NAMED} more" if len(every) > _NAMED else ""
    named = "; ".join(every[:_NAMED])
    number = f"{len(every)} statements were" if len(every) > 1 else "one statement was"
    return f"not all roles are those of the backup, because {number} refused: {named}{more}"


def summarise(results: Mapping[str, str], problems: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return a sentence about each role's outcome, with the statements that were refused."""
    found = {
        name: f"{what}; not given: {'; '.join(problems[name])}" if problems.get(name) else what
        for name, what in results.items()
    }
    return found | {name: "; ".join(why) for name, why in problems.items() if name not in results}
