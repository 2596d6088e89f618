"""Which statements bring a backup's roles back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from executor.backup.format import document
from executor.backup.roles import Permission, Role, Roles, read_roles
from executor.key_spaces import SERVICE_ROLES
from executor.restore.roles.statements import (
    ALTERED,
    CREATED,
    EQUAL,
    LEFT,
    outcome,
    protected_roles,
    refusals,
    resource,
    statements,
    summarise,
    unknown,
)

HASH = "$2a$10$d2nlxp/YWQqfHr9g/DfcH.Xvx9kdn24pj5C5hcdZ9sTHXHisAzHDW"
APP = Role(
    name="app",
    can_login=True,
    is_superuser=False,
    salted_hash=HASH,
    member_of=("readers",),
    permissions=(Permission("data/shop/users", ("MODIFY", "SELECT")),),
    data_centers=("dc1",),
    cidr_groups=("office",),
    identities=("spiffe://app",),
)
READERS = Role("readers", can_login=False, is_superuser=False, salted_hash=None)
ADMIN = Role("admin", can_login=True, is_superuser=True, salted_hash="x", member_of=("admins",))
ADMINS = Role("admins", can_login=False, is_superuser=True, salted_hash=None)
STORED = Roles((ADMIN, ADMINS, APP, READERS), {"office": ("10.0.0.0/8",)})


def texts(here: Roles, own: str | None = None, stored: Roles = STORED) -> list[str]:
    return [one.text for one in statements(stored, here, protected_roles(own, here))]


def test_a_role_that_was_dropped_is_made_again() -> None:
    here = Roles((ADMIN, ADMINS))
    assert texts(here, "admin") == [
        "INSERT INTO system_auth.cidr_groups (cidr_group, cidrs) VALUES ('office', {('10.0.0.0', 8)})",
        f"CREATE ROLE IF NOT EXISTS \"app\" WITH HASHED PASSWORD = '{HASH}' AND LOGIN = true AND SUPERUSER = false",
        "ALTER ROLE \"app\" WITH ACCESS TO DATACENTERS {'dc1'}",
        "ALTER ROLE \"app\" WITH ACCESS FROM CIDRS {'office'}",
        'CREATE ROLE IF NOT EXISTS "readers" WITH LOGIN = false AND SUPERUSER = false',
        'GRANT "readers" TO "app"',
        "ADD IDENTITY IF NOT EXISTS 'spiffe://app' TO ROLE 'app'",
        'GRANT MODIFY ON TABLE "shop"."users" TO "app"',
        'GRANT SELECT ON TABLE "shop"."users" TO "app"',
    ]
    assert outcome(STORED, here, protected_roles("admin", here)) == {
        "admin": LEFT, "admins": LEFT, "app": CREATED, "readers": CREATED,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(APP, [], id="as it was"),
        pytest.param(
            replace(APP, salted_hash="other"),
            [f"ALTER ROLE \"app\" WITH HASHED PASSWORD = '{HASH}' AND LOGIN = true AND SUPERUSER = false"],
            id="another password",
        ),
        pytest.param(replace(APP, member_of=()), ['GRANT "readers" TO "app"'], id="a membership that was revoked"),
        pytest.param(
            replace(APP, permissions=(Permission("data/shop/users", ("SELECT",)),)),
            ['GRANT MODIFY ON TABLE "shop"."users" TO "app"'],
            id="a permission that was revoked",
        ),
        pytest.param(
            replace(APP, permissions=(*APP.permissions, Permission("data", ("DROP",)))), [], id="one of since"
        ),
        pytest.param(
            replace(APP, data_centers=None, cidr_groups=None),
            [
                "ALTER ROLE \"app\" WITH ACCESS TO DATACENTERS {'dc1'}",
                "ALTER ROLE \"app\" WITH ACCESS FROM CIDRS {'office'}",
            ],
            id="limits that were lifted",
        ),
    ],
)
def test_a_role_that_was_changed(now: Role, expected: list[str]) -> None:
    here = replace(STORED, roles=(ADMIN, ADMINS, now, READERS))
    assert texts(here) == expected
    assert outcome(STORED, here, ())["app"] == (ALTERED if expected else EQUAL)


def test_limits_of_since_are_lifted() -> None:
    stored = replace(STORED, roles=(replace(APP, data_centers=None, cidr_groups=None),))
    assert texts(replace(STORED, roles=(APP,)), None, stored) == [
        'ALTER ROLE "app" WITH ACCESS TO ALL DATACENTERS',
        'ALTER ROLE "app" WITH ACCESS FROM ALL CIDRS',
    ]


def test_the_own_login_and_what_it_has_its_rights_from_is_left() -> None:
    roles = (replace(ADMIN, salted_hash="new"), replace(ADMINS, is_superuser=False), APP, READERS)
    here = Roles(roles, STORED.cidr_groups)
    assert texts(here, "admin") == []
    assert protected_roles("admin", here) == {"admin", "admins", *SERVICE_ROLES}
    assert protected_roles(None, here) == {*SERVICE_ROLES}


def test_a_group_of_networks_that_was_changed() -> None:
    here = replace(STORED, cidr_groups={"office": ("0.0.0.0/0",), "since": ("10.1.0.0/16",)})
    assert texts(here, "admin") == [
        "INSERT INTO system_auth.cidr_groups (cidr_group, cidrs) VALUES ('office', {('10.0.0.0', 8)})"
    ]


def test_a_group_of_networks_from_which_the_restore_logs_in_is_left() -> None:
    roles = (replace(ADMIN, cidr_groups=("office",)), ADMINS, APP, READERS)
    here = Roles(roles, {"office": ("192.168.0.0/16",)})
    (found,) = statements(STORED, here, protected_roles("admin", here))
    assert (found.role, found.does, found.text) == ("", "the CIDR group office", "")
    assert found.why == "admin logs in from it, and is left as it is"


def test_an_identity_that_another_role_has_now() -> None:
    """ADD IDENTITY IF NOT EXISTS does nothing then."""
    here = replace(
        STORED, roles=(ADMIN, ADMINS, replace(APP, identities=()), replace(READERS, identities=APP.identities))
    )
    assert texts(here, "admin") == [
        "DROP IDENTITY IF EXISTS 'spiffe://app'",
        "ADD IDENTITY IF NOT EXISTS 'spiffe://app' TO ROLE 'app'",
    ]


def test_an_identity_of_the_login_of_the_restore_is_left() -> None:
    here = replace(
        STORED, roles=(replace(ADMIN, identities=APP.identities), ADMINS, replace(APP, identities=()), READERS)
    )
    (found,) = statements(STORED, here, protected_roles("admin", here))
    assert (found.role, found.does, found.text) == ("app", "identity spiffe://app", "")
    assert found.why == "it is one of admin, which is left as it is"


def test_a_password_of_since_that_no_statement_removes() -> None:
    stored = Roles((replace(APP, salted_hash=None), replace(READERS, salted_hash=None)))
    here = Roles((APP, replace(READERS, salted_hash="new")))
    found = [(one.role, one.does, one.why) for one in statements(stored, here, ()) if not one.text]
    assert found == [("app", "a login without a password", "no statement removes the one that it has now")]


def test_the_users_of_the_service_are_left_whoever_logs_in() -> None:
    """Its passwords were rotated after the backup, and an operator sends a login of their own."""
    service = [replace(ADMIN, name=name, member_of=()) for name in SERVICE_ROLES]
    default = replace(ADMIN, name="cassandra", member_of=())
    stored = Roles((ADMIN, default, *service))
    here = Roles((ADMIN, replace(default, can_login=False), *(replace(role, salted_hash="new") for role in service)))
    left = protected_roles("admin", here)
    assert list(statements(stored, here, left)) == []
    owned = "left as it is: the service manages it"
    assert outcome(stored, here, left) == {"admin": LEFT, **dict.fromkeys(("cassandra", *SERVICE_ROLES), owned)}


def test_the_users_of_another_cluster_s_service_are_not_made_here() -> None:
    stored = Roles((replace(ADMIN, name=SERVICE_ROLES[0], member_of=()), replace(ADMIN, name="cassandra")))
    here = Roles((ADMIN,))
    assert [one.role for one in statements(stored, here, protected_roles("admin", here))] == ["cassandra", "cassandra"]


def test_roles_of_since_are_named() -> None:
    assert unknown(STORED, Roles((*STORED.roles, replace(APP, name="new")))) == ["new"]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("data", "ALL KEYSPACES"),
        ("data/Shop", 'KEYSPACE "Shop"'),
        ("data/shop/*", 'ALL TABLES IN KEYSPACE "shop"'),
        ("data/shop/users", 'TABLE "shop"."users"'),
        ("roles", "ALL ROLES"),
        ("roles/a/b", 'ROLE "a/b"'),
        ("functions", "ALL FUNCTIONS"),
        ("functions/shop", 'ALL FUNCTIONS IN KEYSPACE "shop"'),
        (
            "functions/shop/f[org.apache.cassandra.db.marshal.Int32Type^org.apache.cassandra.db.marshal.UTF8Type]",
            'FUNCTION "shop"."f"(int, text)',
        ),
        ("functions/shop/f[]", 'FUNCTION "shop"."f"()'),
        ("functions/shop/f[org.apache.cassandra.db.marshal.ListType(x)]", None),
        ("functions/shop/f[org.apache.cassandra.db.marshal.OtherType(org.apache.cassandra.db.marshal.UTF8Type)]", None),
        ("functions/shop/f[org.apache.cassandra.db.marshal.UserType(shop,xy)]", None),
        (
            "functions/shop/f[org.apache.cassandra.db.marshal.MapType(org.apache.cassandra.db.marshal.UTF8Type,"
            "org.apache.cassandra.db.marshal.FrozenType(org.apache.cassandra.db.marshal.ListType("
            "org.apache.cassandra.db.marshal.Int32Type)))^org.apache.cassandra.db.marshal.VectorType("
            "org.apache.cassandra.db.marshal.FloatType , 3)]",
            'FUNCTION "shop"."f"(map<text, frozen<list<int>>>, vector<float, 3>)',
        ),
        (
            "functions/shop/f[org.apache.cassandra.db.marshal.UserType(shop,5570,78:org.apache.cassandra.db.marshal."
            "TupleType(org.apache.cassandra.db.marshal.Int32Type,org.apache.cassandra.db.marshal.UTF8Type))]",
            'FUNCTION "shop"."f"("Up")',
        ),
        ("mbean", "ALL MBEANS"),
        ("mbean/a:type=b", "MBEAN 'a:type=b'"),
        ("mbean/a:*", "MBEANS 'a:*'"),
        ("other/x", None),
    ],
)
def test_resources(stored: str, expected: str | None) -> None:
    assert resource(stored) == expected


def test_the_document_holds_all_of_it_and_nothing_shows_a_hash() -> None:
    assert read_roles(document.write(STORED), "roles.json") == STORED
    assert HASH not in repr(STORED)
    assert not [one for one in statements(STORED, Roles(()), ()) if HASH in one.does]


def test_summary_of_each_role() -> None:
    assert summarise(
        {"app": CREATED, "b": EQUAL}, {"app": ["SELECT on data/x (no such keyspace)"], "": ["a group (no)"]}
    ) == {
        "app": "created; not given: SELECT on data/x (no such keyspace)",
        "b": "as in the backup",
        "": "a group (no)",
    }


def test_a_sentence_about_what_was_refused() -> None:
    assert refusals({}) == ""
    found = refusals({"app": [f"SELECT on data/x/{number} (no)" for number in range(7)], "": ["a group (no)"]})
    assert found == (
        "not all roles are those of the backup, because 8 statements were refused: a group (no);"
        " app: SELECT on data/x/0 (no); app: SELECT on data/x/1 (no); app: SELECT on data/x/2 (no);"
        " app: SELECT on data/x/3 (no); and 3 more"
    )
