"""What each kind of operation may be asked for, and the sentence for every request that is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler.core.kinds import KINDS
from scheduler.core.locations import SECRET_LENGTH
from scheduler.core.requests import (
    DEFAULT_THROTTLE,
    KeySpace,
    Request,
    check,
    check_location,
    check_tuning,
    names_tables,
    schema_in,
    schema_of,
)

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


def accepted(kind: str, body: dict[str, Any]) -> Request:
    found = check(kind, body, NODES, SCHEMA)
    assert isinstance(found, Request), found
    return found


def place(**more: Any) -> dict[str, Any]:
    return {"backup_name": "monday", "external_location": "s3://bucket", **more}


def test_every_kind_has_its_check() -> None:
    for kind in KINDS:
        assert check(kind, {"nonsense": 1}, NODES, SCHEMA)


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


def test_restore_under_other_names() -> None:
    rename = {"shop": "shop2", "log.lines": "log.old_lines"}
    found = accepted("restore", place(rename=rename, column_families=["shop.user", "lines"])).request
    assert (found["rename"], found["parallelism"]) == (rename, 0)


_KINDS = "known: nodes, key_spaces, column_families, parallelism."
_NODES = "there are node-0, node-1, node-10."
_NAME = (
    "backup_name must be 1 to 128 letters, digits, dots, dashes and underscores, "
    "and must not begin with a dot or a dash, not "
)
_USER = "external_location must not hold a user or a password: give s3_access_key and s3_secret_key."
_BOTH = "s3_access_key and s3_secret_key must be given both, or none of them."
_ONE = "backup_name must be given, or keep_last, keep_days or both of these, but not both kinds."
_BUCKET = "external_location names no valid bucket: 3 to 63 letters, digits, dots, dashes and underscores, not "

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("cleanup", {"nodes": []}, 'nodes must not be empty: ["*"] for all, or names such as node-0.'),
    ("cleanup", {"nodes": ["node-7"]}, f"nodes: there is no node node-7; {_NODES}"),
    ("cleanup", {"nodes": ["node-00", True, 2]}, f"nodes: there is no node node-00, True, 2; {_NODES}"),
    ("cleanup", {"nodes": ["*", "node-0"]}, "nodes must hold * alone, or names."),
    ("cleanup", {"nodes": {"a": 1}}, "nodes must be a list, not {'a': 1}."),
    ("cleanup", {"node": ["*"]}, f"The field node is unknown; {_KINDS}"),
    (
        "cleanup",
        {"key_spaces": ["shops"]},
        "key_spaces: there is no key space shops in the cluster; there are log, shop.",
    ),
    (
        "cleanup",
        {"key_spaces": ["system"]},
        "key_spaces: system is local to each node, and no maintenance is done on it.",
    ),
    ("cleanup", {"key_spaces": [1]}, "key_spaces must be a list of names, 1 is none."),
    (
        "cleanup",
        {"column_families": ["use"]},
        "column_families: there is no table use in any key space in the cluster.",
    ),
    (
        "cleanup",
        {"key_spaces": ["log"], "column_families": ["user"]},
        "column_families: there is no table user in log.",
    ),
    (
        "cleanup",
        {"column_families": ["local"]},
        "column_families: there is no table local in any key space in the cluster.",
    ),
    (
        "cleanup",
        {"column_families": ["shop.user"]},
        "column_families: there is no table shop.user in any key space in the cluster.",
    ),
    ("cleanup", {"parallelism": 0}, "parallelism must be at least 1 and at most 10000, not 0."),
    ("cleanup", {"parallelism": "2"}, "parallelism must be a whole number, not 2."),
    ("cleanup", {"parallelism": True}, "parallelism must be a whole number, not True."),
    ("repair", {"parallelism": "wild"}, "parallelism must be sequential, parallel or dc_parallel, not wild."),
    ("repair", {"incremental": "yes"}, "incremental must be true or false, not yes."),
    ("backup", {"external_location": "s3://bucket"}, "backup_name must be given."),
    ("backup", place(backup_name="a/b"), f"{_NAME}a/b."),
    ("backup", place(backup_name=".."), f"{_NAME}..."),
    ("backup", place(backup_name="-x"), f"{_NAME}-x."),
    ("backup", place(backup_name="ä"), f"{_NAME}ä."),
    ("backup", place(backup_name="a\nb"), f"{_NAME}a?b."),
    ("backup", place(backup_name="x" * 129), f"{_NAME}{'x' * 60}…."),
    ("backup", place(backup_name=7), "backup_name must be a text."),
    ("backup", place(external_location="s3://b"), f"{_BUCKET}b."),
    ("backup", place(external_location="s3://my..bucket"), f"{_BUCKET}my..bucket."),
    ("backup", place(external_location="http://host/b?c=1"), f"{_BUCKET}b?c=1."),
    ("backup", place(external_location="s3://key:secret@bucket"), _USER),
    ("backup", place(external_location="https://key:secret@host/bucket"), _USER),
    (
        "backup",
        place(external_location="https://ho st/bucket"),
        "external_location names no valid endpoint: a host, or host:port, not ho st.",
    ),
    (
        "backup",
        place(external_location="http://host:70000/bucket"),
        "external_location names no valid endpoint: a host, or host:port, not host:70000.",
    ),
    (
        "backup",
        place(endpoint="https://key:secret@host"),
        "endpoint must not hold a user or a password: give s3_access_key and s3_secret_key.",
    ),
    (
        "backup",
        place(endpoint="https://host/path"),
        "endpoint must be http(s)://host or http(s)://host:port, without a path.",
    ),
    (
        "backup",
        place(external_location="http://host/bucket", endpoint="http://other"),
        "endpoint must not be given, as external_location names one.",
    ),
    ("backup", place(region="eu west"), "region must be letters, digits and dashes, not eu west."),
    ("backup", place(tls_ca="-----BEGIN PRIVATE KEY-----"), "tls_ca must be certificates in PEM and nothing else."),
    (
        "backup",
        place(tls_ca=PEM + "-----BEGIN PRIVATE KEY-----"),
        "tls_ca must be certificates in PEM and nothing else.",
    ),
    ("backup", place(tls_ca=PEM.replace("QUJD", "QUJ")), "tls_ca holds a certificate that is not base64."),
    ("backup", place(tls_ca=PEM, endpoint="http://host"), "tls_ca is for https://, not for http://."),
    ("backup", place(azure_account="me"), "azure_account must be empty: Azure is not supported."),
    ("backup", place(s3_access_key="a"), _BOTH),
    ("backup", place(s3_secret_key="a"), _BOTH),
    ("backup", place(s3_session_token="a"), "s3_session_token needs s3_access_key and s3_secret_key."),
    (
        "backup",
        place(s3_access_key="a", s3_secret_key="b\nc"),
        "s3_secret_key must be printable characters without blanks.",
    ),
    (
        "backup",
        place(s3_access_key="a", s3_secret_key="b" * (SECRET_LENGTH + 1)),
        "s3_secret_key must be at most 4096 characters long.",
    ),
    (
        "backup",
        place(cassandra_username="a"),
        "cassandra_username and cassandra_password must be given both, or none of them.",
    ),
    ("backup", place(nodes=["node-1"]), 'nodes must be ["*"]: a backup is of the whole cluster, not of node-1 alone.'),
    ("backup", place(throttle=-1), "throttle must be at least 0 and at most 1000000000000, not -1."),
    ("backup", place(upload_parallelism=0), "upload_parallelism must be at least 1 and at most 10000, not 0."),
    ("backup", place(count_rows=1), "count_rows must be true or false, not 1."),
    ("backup", place(restore_type="old"), "restore_type must be existing, new or empty, not old."),
    (
        "backup",
        place(key_spaces=["system"]),
        "key_spaces: system is local to each node, and no maintenance is done on it.",
    ),
    ("backup-delete", {"external_location": "s3://bucket"}, _ONE),
    ("backup-delete", place(keep_last=1), _ONE),
    (
        "backup-delete",
        {"external_location": "s3://bucket", "keep_last": 0},
        "keep_last must be at least 1 and at most 1000000, not 0.",
    ),
    (
        "restore",
        place(key_spaces=["shops"]),
        "key_spaces: there is no key space shops in the backup; there are log, shop.",
    ),
    (
        "restore",
        place(key_spaces=["system"]),
        "key_spaces: system belongs to the cluster itself and is never restored.",
    ),
    (
        "restore",
        place(column_families=["use"]),
        "column_families: there is no table use in any key space in the backup.",
    ),
    (
        "restore",
        place(rename=["a"]),
        'rename must be an object such as {"shop": "shop2", "shop.users": "shop.old_users"}.',
    ),
    (
        "restore",
        place(rename={"shop": "shop.x"}),
        "rename: shop cannot become shop.x: "
        "a key space becomes a key space, and keyspace.table becomes keyspace.table.",
    ),
    (
        "restore",
        place(rename={"shop": "sh op"}),
        "rename: shop cannot become sh op: a name is 1 to 48 letters, digits and underscores.",
    ),
    (
        "restore",
        place(rename={"shop": "system"}),
        "rename: shop cannot become system: that key space belongs to the cluster itself.",
    ),
    ("restore", place(rename={"shops": "x"}), "rename: shops is not among what is to be restored."),
    ("restore", place(key_spaces=["log"], rename={"shop": "x"}), "rename: shop is not among what is to be restored."),
    (
        "restore",
        place(column_families=["users"], rename={"shop.user": "shop.x"}),
        "rename: shop.user is not among what is to be restored.",
    ),
]


@pytest.mark.parametrize(("kind", "body", "problem"), WRONG, ids=[f"{kind} {body}"[:60] for kind, body, _ in WRONG])
def test_wrong_requests(kind: str, body: dict[str, Any], problem: str) -> None:
    assert check(kind, body, NODES, SCHEMA) == (problem,)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "ftp://x",
        "azure://container",
        "s3:",
        "s3://",
        "s3:///prefix",
        "http://host",
        "s3://bucket//a",
        "s3://bucket/../x",
        "s3://bucket/a?b",
        "bucket",
        "S3://bucket",
        f"s3://bucket/{'x' * 600}",
        "http:///bucket",
        "s3://bucket/a\nb",
    ],
)
@pytest.mark.parametrize("kind", STORED)
def test_places_that_are_none(kind: str, location: str) -> None:
    problems = check(kind, place(external_location=location), NODES, SCHEMA)
    assert isinstance(problems, tuple)
    (problem,) = problems
    assert problem.startswith("external_location ")


def test_all_problems_are_told_at_once() -> None:
    problems = check("backup", {"backup_name": "/", "extra": 1, "throttle": "x"}, NODES, SCHEMA)
    assert isinstance(problems, tuple)
    assert [text.split()[0] for text in problems] == ["The", "backup_name", "external_location", "throttle"]


def test_names_are_not_looked_up_while_the_schema_is_not_known() -> None:
    assert isinstance(check("cleanup", {"key_spaces": ["anything"]}, NODES), Request)


def test_no_problem_repeats_a_secret() -> None:
    secret = "top\tsecret"
    for field in ("s3_access_key", "s3_secret_key", "s3_session_token", "tls_ca", "azure_key", "cassandra_password"):
        problems = check("backup", place(**{field: secret}), NODES, SCHEMA)
        assert isinstance(problems, tuple)
        assert problems
        assert not [text for text in problems if "top" in text]


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
