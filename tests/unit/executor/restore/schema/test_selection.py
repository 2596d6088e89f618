from __future__ import annotations

from collections.abc import Mapping

import pytest

from executor.cql.names import TableName
from executor.restore.schema.selection import SelectionError, select

STORED = {
    "shop": ["user", "users", "orders"],
    "shopping": ["users"],
    "system_auth": ["roles"],
    "system_schema": ["tables"],
    "system_traces": ["events"],
    "empty": [],
    "systems": ["t"],
    "SYSTEM_AUTH": ["t"],
    "system_cluster_metadata": ["t"],
}


def targets(key_spaces: list[str], tables: list[str], rename: Mapping[str, str]) -> dict[str, str]:
    return {str(old): str(new) for old, new in select(STORED, key_spaces, tables, rename).targets.items()}


@pytest.mark.parametrize(
    ("key_spaces", "tables", "rename", "expected"),
    [
        pytest.param(
            [], [], {},
            {
                name: name
                for name in (
                    "SYSTEM_AUTH.t", "shop.orders", "shop.user", "shop.users", "shopping.users",
                    "system_cluster_metadata.t", "systems.t",
                )
            },
            id="all of users, nothing of the system's",
        ),
        pytest.param(["shop"], ["user"], {}, {"shop.user": "shop.user"}, id="a name that begins another one"),
        pytest.param(
            [], ["users"], {}, {"shop.users": "shop.users", "shopping.users": "shopping.users"}, id="in each key space"
        ),
        pytest.param([], ["shop.users"], {}, {"shop.users": "shop.users"}, id="in one key space"),
        pytest.param(["system_auth"], [], {}, {}, id="roles are never loaded as files"),
        pytest.param(
            ["system_auth"],
            [],
            {"system_auth": "looked"},
            {"system_auth.roles": "looked.roles"},
            id="but to be looked at",
        ),
        pytest.param([], [], {"shop.user": "shop.old"}, {"shop.user": "shop.old"}, id="rename alone selects a table"),
        pytest.param([], [], {"shopping": "s2"}, {"shopping.users": "s2.users"}, id="rename alone selects a key space"),
        pytest.param(
            [], ["shop.users"], {"shop.users": "shop.u"}, {"shop.users": "shop.u"}, id="the full name of one of two"
        ),
        pytest.param(
            ["shop"], ["user"], {"shop.user": f"{'k' * 48}.{'t' * 222}"}, {"shop.user": f"{'k' * 48}.{'t' * 222}"},
            id="the longest names",
        ),
        pytest.param(["systems"], [], {}, {"systems.t": "systems.t"}, id="a name that begins like Cassandra's own"),
        pytest.param(
            ["shop"], ["user", "users"], {"shop": "copy"}, {"shop.user": "copy.user", "shop.users": "copy.users"},
            id="a key space renamed",
        ),
        pytest.param(
            ["shop"], ["user"], {"shop.user": "shop.user_old"}, {"shop.user": "shop.user_old"}, id="a table renamed"
        ),
        pytest.param(["shop"], ["user"], {"shop.user": "user_old"}, {"shop.user": "shop.user_old"}, id="in its place"),
        pytest.param(
            ["shop"], ["user", "users"], {"shop": "copy", "shop.user": "other.u"},
            {"shop.user": "other.u", "shop.users": "copy.users"},
            id="a table's own name goes first",
        ),
        pytest.param(["empty"], [], {}, {}, id="a key space without tables"),
    ],
)  # fmt: skip
def test_select(key_spaces: list[str], tables: list[str], rename: dict[str, str], expected: dict[str, str]) -> None:
    assert targets(key_spaces, tables, rename) == expected


@pytest.mark.parametrize(
    ("key_spaces", "tables", "rename", "message"),
    [
        (["nope"], [], {}, "the backup has no keyspace nope; it has SYSTEM_AUTH, empty, shop, "),
        (["system_schema"], [], {}, "system_schema belongs to the cluster itself and is never restored"),
        (["shop"], ["user", "nope"], {}, "the backup has no table nope in shop"),
        (["shopping"], ["shop.user"], {}, "the backup has no table shop.user in shopping"),
        (["shop"], [], {"shopping": "x"}, "rename: shopping is not part of the restore"),
        (["shop"], ["user"], {"shop.users": "x.y"}, "rename: shop.users is not part of the restore"),
        (["shop"], [], {"a": "x", "b": "y"}, "rename: a, b are not part of the restore"),
        (["shop"], ["user"], {"shop": "a-b"}, "'a-b' must consist of letters, digits and _"),
        (["shop"], ["user"], {"shop.user": "a.b.c"}, "'b.c' must consist of letters, digits and _"),
        (["shop"], ["user"], {"shop": "x" * 49}, "the name has 49 characters, at most 48 are allowed"),
        (["shop"], ["user"], {"shop.user": f"x.{'y' * 223}"}, "the name has 223 characters, at most 222 are allowed"),
        (["empty"], [], {"empty": "system"}, "empty cannot become system: the keyspace belongs to"),
        (["empty"], [], {"empty": "System_Views"}, "the keyspace belongs to the cluster itself"),
        (["empty"], [], {"empty": "System_Traces"}, "the keyspace belongs to the cluster itself"),
        ([], [], {"shop": "s2", "nope.t": "x.y"}, "the backup has no keyspace nope"),
        ([], [], {"shop.nope": "shop.x"}, "rename: shop.nope is not part of the restore"),
        ([], ["users"], {"shop": "s2"}, "column_families users is also shopping.users, which rename does not name"),
        ([], ["by_name"], {}, "shop.by_name is a materialized view of shop.user and is built from it: name shop.user"),
        (["shop"], [], {"shop.by_name": "shop.x"}, "shop.by_name is a materialized view of shop.user"),
        (["system_auth"], ["roles"], {}, "older roles do not override newer ones"),
        (["shop"], ["user"], {"shop": "system"}, "shop.user cannot become system.user: the keyspace belongs to"),
        (["shop"], ["user", "users"], {"shop.user": "shop.users"}, "shop.user and shop.users would both become"),
    ],
)
def test_refused(key_spaces: list[str], tables: list[str], rename: dict[str, str], message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select(STORED, key_spaces, tables, rename, {TableName("shop", "by_name"): TableName("shop", "user")})
    assert message in str(caught.value)


def test_what_is_wanted() -> None:
    selection = select(STORED, ["shop", "shopping"], ["users", "user"], {"shop.user": "other.u"})
    assert selection.key_spaces() == ["shop", "shopping"]
    assert selection.target_key_spaces("shop") == ["other", "shop"]
    assert selection.all_targets() == {"other", "shop", "shopping"}
    assert selection.whole == {}
    assert select(STORED, ["shop"], [], {}).whole == {"shop": "shop"}
    assert select(STORED, [], [], {"shop": "s2", "shopping.users": "shopping.u2"}).whole == {"shop": "s2"}
    assert TableName("shop", "users") in selection.targets


def test_a_key_space_without_tables_is_wanted() -> None:
    selection = select(STORED, [], [], {"empty": "copy"})
    assert (selection.key_spaces(), selection.target_key_spaces("empty")) == (["empty"], ["copy"])
    assert selection.all_targets() == {"copy"}


def test_roles_are_wanted_when_they_are_named() -> None:
    assert select(STORED, ["system_auth", "shop"], [], {}).roles
    assert not select(STORED, [], [], {}).roles
    assert not select(STORED, ["system_auth"], [], {"system_auth": "looked"}).roles


@pytest.mark.parametrize("stored", [{}, {"system_auth": ["roles"], "system_traces": ["events"]}])
def test_a_backup_of_nothing_of_users(stored: dict[str, list[str]]) -> None:
    with pytest.raises(SelectionError, match=r"the backup has nothing of users, only .*; to restore system_auth"):
        select(stored, [], [], {})
