"""What each kind of operation may be asked for, and the sentence for every request that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from scheduler.core.maintenance.request import (
    DEFAULT_THROTTLE,
    Request,
    check,
    check_location,
    check_names,
    check_tuning,
    names_tables,
)
from scheduler.core.maintenance.schema import KeySpace, Schema, schema_in, schema_of
from scheduler.core.state.operation_kinds import KINDS

NODES = ("node-0", "node-1", "node-10")
SCHEMA = {
    "shop": KeySpace(frozenset({"user", "users"})),
    "log": KeySpace(frozenset({"lines"})),
    "system": KeySpace(frozenset({"local"}), local=True),
}
PEM = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
KEYS = {"s3_access_key": "the-access-key", "s3_secret_key": "the-secret-key"}
TABLES = ("cleanup", "upgradesstables", "compact", "scrub", "flush", "garbagecollect", "repair")
STORED = ("backup", "backup-verify", "restore")


def check_all(kind: str, body: dict[str, Any], nodes: Sequence[str], schema: Schema) -> Request | tuple[str, ...]:
    """Check a request as the API does: its fields, then its names in the schema."""
    found = check(kind, body, nodes)
    return (check_names(kind, found, schema) or found) if isinstance(found, Request) else found


def accepted(kind: str, body: dict[str, Any]) -> Request:
    found = check_all(kind, body, NODES, SCHEMA)
    assert isinstance(found, Request), found
    return found


def place(**more: Any) -> dict[str, Any]:
    return {"backup_name": "monday", "external_location": "s3://bucket", **more}


def test_every_kind_has_its_check() -> None:
    for kind in (name for name, found in KINDS.items() if not found.own):
        assert check_all(kind, {"nonsense": 1}, NODES, SCHEMA)


@pytest.mark.parametrize(
    ("given", "nodes"),
    [
        pytest.param({"nodes": ["*"]}, NODES, id="all"),
        pytest.param({}, NODES, id="absent"),
        pytest.param({"nodes": None}, NODES, id="null"),
        pytest.param({"nodes": ["node-1"]}, ("node-1",), id="name"),
        pytest.param({"nodes": [10, "0", "node-0"]}, ("node-10", "node-0"), id="indices, each once, in their order"),
        pytest.param({"nodes": "node-1,0"}, ("node-1", "node-0"), id="text"),
        pytest.param({"nodes": "*"}, NODES, id="text of all"),
    ],
)
@pytest.mark.parametrize("kind", TABLES)
def test_nodes(kind: str, given: dict[str, Any], nodes: tuple[str, ...]) -> None:
    assert accepted(kind, given).nodes == nodes


@pytest.mark.parametrize("kind", [kind for kind in TABLES if kind != "repair"])
def test_work_on_tables_with_its_defaults(kind: str) -> None:
    found = accepted(kind, {"nodes": ["*"]})
    assert found.request == {"key_spaces": [], "column_families": [], "parallelism": 1}
    assert (found.tuning, found.secrets) == ({}, {})
    assert not names_tables(found)
    named = accepted(kind, {"key_spaces": "shop, log", "column_families": ["user", "lines", "user"], "parallelism": 2})
    assert named.request == {"key_spaces": ["shop", "log"], "column_families": ["user", "lines"], "parallelism": 2}
    assert names_tables(named)


@pytest.mark.parametrize("kind", [*TABLES, "backup", "restore"])
def test_a_table_is_named_alone_or_with_its_key_space(kind: str) -> None:
    body = {"column_families": ["shop.user", "lines"], **(place() if kind in STORED else {})}
    assert accepted(kind, body).request["column_families"] == ["shop.user", "lines"]


def test_repair_with_its_defaults() -> None:
    assert accepted("repair", {}).request == {
        "key_spaces": [],
        "column_families": [],
        "incremental": False,
        "primary_range": True,
        "parallelism": "sequential",
        "pending_compactions": 20,
        "stall_seconds": 1800,
        "segment_mb": 256,
    }


def test_backup_with_its_defaults() -> None:
    found = accepted("backup", place(**KEYS))
    assert found.request == {
        "backup_name": "monday",
        "external_location": "s3://bucket",
        "region": None,
        "endpoint": None,
        "tls_ca": None,
        "uses_emc": False,
        "key_spaces": [],
        "column_families": [],
        "upload_parallelism": 1,
        "count_rows": None,
        "absent": "wait",
        "max_snapshot_spread_s": 60,
    }
    assert found.tuning == {"throttle": DEFAULT_THROTTLE}
    assert found.secrets == KEYS
    assert found.nodes == NODES


def test_secrets_are_in_no_part_that_is_shown() -> None:
    secrets = {
        **KEYS,
        "s3_session_token": "the-token",
        "cassandra_username": "the user",
        "cassandra_password": "the pass",
    }
    found = accepted("restore", place(**secrets))
    assert found.secrets == secrets
    for value in secrets.values():
        assert value not in repr(found)


@pytest.mark.parametrize("password", [" word", "word ", "  two words  ", "   "])
def test_a_password_is_taken_as_it_is(password: str) -> None:
    """Cassandra refused the log-in with what was left of it."""
    for kind in ("repair", "backup", "restore"):
        given = {"cassandra_username": "user", "cassandra_password": password}
        body = given if kind == "repair" else place(**given)
        assert accepted(kind, body).secrets == given
    # The end of a line is of the file from which a script has it, and the keys of S3 have no blanks.
    line = {"cassandra_username": "user", "cassandra_password": "word\r\n"}
    assert accepted("repair", line).secrets["cassandra_password"] == "word"
    assert accepted("backup", place(**{name: f" {key}\n" for name, key in KEYS.items()})).secrets == KEYS


@pytest.mark.parametrize(
    "location",
    [
        "s3://bucket",
        "s3://my.bucket-1/a/b_c",
        "http://minio:9000/bucket",
        "https://s3.example.com/bucket/deep/prefix",
        "http://127.0.0.1:9090/backups",
        "http://[::1]:9000/bucket",
    ],
)
@pytest.mark.parametrize("kind", STORED)
def test_locations(kind: str, location: str) -> None:
    for variant in (location, f"{location}/"):
        assert accepted(kind, place(external_location=variant)).request["external_location"] == location


def test_what_the_original_command_line_sends_is_taken() -> None:
    """It sends flags that were not given as empty texts."""
    empty = dict.fromkeys(("s3_access_key", "s3_secret_key", "azure_account", "azure_key"), "")
    for kind in ("backup", "restore"):
        assert accepted(kind, place(**empty, restore_type="")).secrets == {}


def test_the_rest_of_a_location() -> None:
    found = accepted("restore", place(region="eu-west-1", endpoint="https://s3.local:9000/", tls_ca=PEM, uses_emc=True))
    assert {name: found.request[name] for name in ("region", "endpoint", "tls_ca", "uses_emc")} == {
        "region": "eu-west-1",
        "endpoint": "https://s3.local:9000",
        "tls_ca": PEM.strip(),
        "uses_emc": True,
    }


@pytest.mark.parametrize(
    ("body", "request_"),
    [
        pytest.param({"backup_name": "monday"}, {"backup_name": "monday"}, id="one"),
        pytest.param({"keep_last": 3}, {"backup_name": None, "keep_last": 3}, id="last"),
        pytest.param(
            {"keep_last": 3, "keep_days": 7}, {"backup_name": None, "keep_last": 3, "keep_days": 7}, id="last and days"
        ),
    ],
)
def test_what_is_to_be_deleted(body: dict[str, Any], request_: dict[str, Any]) -> None:
    found = accepted("backup-delete", {"external_location": "s3://bucket", **body}).request
    assert {name: found[name] for name in ("backup_name", "keep_last", "keep_days") if name in found} == request_


BACKED_UP = schema_in(
    {
        "key_spaces": {
            "shop": ["user", "log"],
            "log": ["log"],
            "types": [],
            "systems": ["t"],
            "system_auth": ["roles"],
        },
        "views": {"shop": {"by_name": "user"}},
    }
)
LONGEST = f"{'k' * 48}.{'t' * 222}"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"key_spaces": ["types"]}, id="a key space without tables"),
        pytest.param({"rename": {"types": "types2"}}, id="renamed"),
        pytest.param({"key_spaces": ["systems"]}, id="one that begins like Cassandra's own"),
        pytest.param({"rename": {"shop.user": LONGEST}}, id="the longest names"),
        pytest.param({"column_families": ["log"]}, id="a table of two key spaces"),
        pytest.param({"column_families": ["shop.log"], "rename": {"shop": "s2"}}, id="one of them by its full name"),
        pytest.param({"key_spaces": ["shop"], "column_families": ["log"], "rename": {"shop": "s2"}}, id="or key space"),
        pytest.param({"key_spaces": ["system_auth"]}, id="the roles"),
        pytest.param({"key_spaces": ["system_auth"], "rename": {"system_auth": "auth"}}, id="to be looked at"),
    ],
)
def test_what_can_be_restored(body: dict[str, Any]) -> None:
    assert isinstance(check_all("restore", place(**body), ["node-0"], BACKED_UP), Request)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (
            {"column_families": ["by_name"]},
            "by_name is a materialized view and is built from shop.user; name shop.user",
        ),
        ({"column_families": ["shop.by_name"]}, "shop.by_name is a materialized view and is built from shop.user"),
        ({"rename": {"shop.by_name": "shop.x"}}, "shop.by_name is a materialized view and is built from shop.user"),
        (
            {"column_families": ["log"], "rename": {"shop.log": "shop.old"}},
            "column_families: log also means log.log, which rename does not name: give key_spaces, or full names.",
        ),
        ({"rename": {"shop": "System"}}, "that keyspace belongs to the cluster itself."),
        # Cassandra makes such a keyspace, and refuses to create anything in it, and to drop it.
        ({"rename": {"shop": "SYSTEM_AUTH"}}, "that keyspace belongs to the cluster itself."),
        ({"rename": {"shop.user": f"x.{'y' * 223}"}}, "has 223 characters, and Cassandra allows 222."),
        ({"key_spaces": ["system_auth"], "column_families": ["roles"]}, "its roles are restored as statements"),
    ],
)
def test_what_cannot(body: dict[str, Any], problem: str) -> None:
    found = check_all("restore", place(**body), ["node-0"], BACKED_UP)
    assert isinstance(found, tuple)
    assert problem in " ".join(found)


def test_restore_under_other_names() -> None:
    rename = {"shop": "shop2", "log.lines": "log.old_lines"}
    found = accepted("restore", place(rename=rename, column_families=["shop.user", "lines"])).request
    assert (found["rename"], found["parallelism"]) == (rename, 0)


def test_names_are_not_looked_up_while_the_schema_is_not_known() -> None:
    assert isinstance(check("cleanup", {"key_spaces": ["anything"]}, NODES), Request)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        pytest.param({"throttle": 0}, {"throttle": 0}, id="none"),
        pytest.param({"throttle": 5_000_000}, {"throttle": 5_000_000}, id="5 MB/s"),
        pytest.param({}, ("throttle must be given: bytes per second and node, 0 for no limit.",), id="absent"),
        pytest.param({"throttle": 1.5}, ("throttle must be a whole number, not 1.5.",), id="broken"),
        pytest.param(
            {"throttle": 1, "parallelism": 2}, ("The field parallelism is unknown; known: throttle.",), id="other"
        ),
    ],
)
def test_tuning(body: dict[str, Any], outcome: object) -> None:
    assert check_tuning(body) == outcome


def test_where_backups_are_looked_for() -> None:
    found = check_location({"external_location": "s3://bucket", "region": "eu-west-1", **KEYS})
    assert isinstance(found, Request)
    assert (found.request["region"], found.secrets) == ("eu-west-1", KEYS)
    assert check_location({"external_location": "ftp://x"})


def test_schemas_as_nodes_tell_them() -> None:
    answer = {"key_spaces": {"shop": {"local": False, "tables": ["user"]}, "system": {"local": True, "tables": []}}}
    assert schema_of(answer) == {
        "shop": KeySpace(frozenset({"user"})),
        "system": KeySpace(frozenset(), local=True),
    }
    assert schema_in({"key_spaces": {"shop": ["user"]}}) == {"shop": KeySpace(frozenset({"user"}))}
