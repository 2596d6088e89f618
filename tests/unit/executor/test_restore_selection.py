from __future__ import annotations

from collections.abc import Mapping

import pytest

from executor.restore.selection import SelectionError, TableName, select

STORED = {
    "shop": ["user", "users", "orders"],
    "shopping": ["users"],
    "system_auth": ["roles"],
    "system_schema": ["tables"],
    "system_traces": ["events"],
    "empty": [],
}


def targets(key_spaces: list[str], tables: list[str], rename: Mapping[str, str]) -> dict[str, str]:
    return {str(old): str(new) for old, new in select(STORED, key_spaces, tables, rename).targets.items()}


@pytest.mark.parametrize(
    ("key_spaces", "tables", "rename", "expected"),
    [
        pytest.param(
            [], [], {},
            {name: name for name in ("shop.orders", "shop.user", "shop.users", "shopping.users")},
            id="all of users, nothing of the system's",
        ),
        pytest.param(["shop"], ["user"], {}, {"shop.user": "shop.user"}, id="a name that begins another one"),
        pytest.param(
            [], ["users"], {}, {"shop.users": "shop.users", "shopping.users": "shopping.users"}, id="in each key space"
        ),
        pytest.param([], ["shop.users"], {}, {"shop.users": "shop.users"}, id="in one key space"),
        pytest.param(["system_auth"], [], {}, {"system_auth.roles": "system_auth.roles"}, id="system_auth when named"),
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
        (["nope"], [], {}, "the backup has no key space nope; it has empty, shop, "),
        (["system_schema"], [], {}, "system_schema belongs to the cluster itself and is never restored"),
        (["shop"], ["user", "nope"], {}, "the backup has no table nope in shop"),
        (["shopping"], ["shop.user"], {}, "the backup has no table shop.user in shopping"),
        (["shop"], [], {"shopping": "x"}, "rename: shopping is not among what is to be restored"),
        (["shop"], ["user"], {"shop.users": "x.y"}, "rename: shop.users is not among what is to be restored"),
        (["shop"], ["user"], {"shop": "a-b"}, "'a-b' is no name of letters and digits"),
        (["shop"], ["user"], {"shop.user": "a.b.c"}, "'b.c' is no name of letters and digits"),
        (["shop"], ["user"], {"shop": "x" * 49}, "is no name of letters and digits"),
        (["shop"], ["user"], {"shop": "system"}, "shop.user cannot become system.user: the key space belongs to"),
        (["shop"], ["user", "users"], {"shop.user": "shop.users"}, "shop.user and shop.users would both become"),
    ],
)
def test_refused(key_spaces: list[str], tables: list[str], rename: dict[str, str], message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        select(STORED, key_spaces, tables, rename)
    assert message in str(caught.value)


def test_what_is_wanted() -> None:
    selection = select(STORED, ["shop", "shopping"], ["users", "user"], {"shop.user": "other.u"})
    assert selection.key_spaces() == ["shop", "shopping"]
    assert selection.target_key_spaces("shop") == ["other", "shop"]
    assert selection.partial
    assert not select(STORED, ["shop"], [], {}).partial
    assert TableName("shop", "users") in selection.targets
