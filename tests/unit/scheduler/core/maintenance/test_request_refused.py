"""The sentence for every request that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.core.maintenance.backup_location import SECRET_LENGTH
from scheduler.core.maintenance.request import Request
from scheduler.core.state.operation_kinds import KINDS
from tests.unit.scheduler.core.maintenance.test_request import NODES, PEM, SCHEMA, STORED, check_all, place

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
        "key_spaces: there is no keyspace shops in the cluster; there are log, shop.",
    ),
    (
        "cleanup",
        {"key_spaces": ["shops"], "column_families": ["t"]},
        "key_spaces: there is no keyspace shops in the cluster; there are log, shop.",
    ),
    (
        "cleanup",
        {"key_spaces": ["system"]},
        "key_spaces: system is local to each node and has no maintenance.",
    ),
    ("cleanup", {"key_spaces": [1]}, "key_spaces must be a list of names, and 1 is not a name."),
    (
        "cleanup",
        {"column_families": ["use"]},
        "column_families: there is no table use in any keyspace in the cluster.",
    ),
    (
        "cleanup",
        {"key_spaces": ["log"], "column_families": ["user"]},
        "column_families: there is no table user in log.",
    ),
    (
        "cleanup",
        {"column_families": ["local"]},
        "column_families: there is no table local in any keyspace in the cluster.",
    ),
    (
        "cleanup",
        {"column_families": ["shop.lines"]},
        "column_families: there is no table shop.lines in any keyspace in the cluster.",
    ),
    (
        "repair",
        {"key_spaces": ["log"], "column_families": ["shop.user"]},
        "column_families: there is no table shop.user in log.",
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
    ("restore", place(compare="some"), "compare must be none, count, sample or full, not some."),
    ("backup", place(restore_type="old"), "restore_type must be existing, new or empty, not old."),
    (
        "backup",
        place(key_spaces=["system"]),
        "key_spaces: system is local to each node and has no maintenance.",
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
        "key_spaces: there is no keyspace shops in the backup; there are log, shop.",
    ),
    (
        "restore",
        place(key_spaces=["system"]),
        "key_spaces: system belongs to the cluster itself and is never restored.",
    ),
    (
        "restore",
        place(column_families=["use"]),
        "column_families: there is no table use in any keyspace in the backup.",
    ),
    (
        "restore",
        place(rename=["a"]),
        'rename must be an object such as {"shop": "shop2", "shop.users": "shop.old_users"}.',
    ),
    (
        "restore",
        place(rename={"shop": "shop.x"}),
        "rename: shop cannot become shop.x: a keyspace becomes a keyspace, and keyspace.table becomes keyspace.table.",
    ),
    (
        "restore",
        place(rename={"shop": "sh op"}),
        "rename: shop cannot become sh op: a name is letters, digits and underscores.",
    ),
    (
        "restore",
        place(rename={"shop": "system"}),
        "rename: shop cannot become system: that keyspace belongs to the cluster itself.",
    ),
    (
        "restore",
        place(key_spaces=["shop"], rename={"shop.user": "shop.users"}),
        "rename: shop.user and shop.users would both become shop.users; give one of them another name.",
    ),
    (
        "restore",
        place(rename={"shop.user": "log.all", "log.lines": "log.all"}),
        "rename: log.lines and shop.user would both become log.all; give one of them another name.",
    ),
    (
        "restore",
        place(rename={"shop": "x" * 49}),
        f"rename: shop cannot become {'x' * 49}: {'x' * 49} has 49 characters, and Cassandra allows 48.",
    ),
    ("restore", place(rename={"shops": "x"}), "rename: shops is not among what is to be restored."),
    ("restore", place(key_spaces=["log"], rename={"shop": "x"}), "rename: shop is not among what is to be restored."),
    (
        "restore",
        place(column_families=["lines"], rename={"shop": "x"}),
        "rename: shop is not among what is to be restored.",
    ),
    (
        "restore",
        place(column_families=["users"], rename={"shop.user": "shop.x"}),
        "rename: shop.user is not among what is to be restored.",
    ),
]


@pytest.mark.parametrize(("kind", "body", "problem"), WRONG, ids=[f"{kind} {body}"[:60] for kind, body, _ in WRONG])
def test_wrong_requests(kind: str, body: dict[str, Any], problem: str) -> None:
    assert check_all(kind, body, NODES, SCHEMA) == (problem,)


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
    problems = check_all(kind, place(external_location=location), NODES, SCHEMA)
    assert isinstance(problems, tuple)
    (problem,) = problems
    assert problem.startswith("external_location ")


def test_all_problems_are_told_at_once() -> None:
    problems = check_all("backup", {"backup_name": "/", "extra": 1, "throttle": "x"}, NODES, SCHEMA)
    assert isinstance(problems, tuple)
    assert [text.split()[0] for text in problems] == ["The", "backup_name", "external_location", "throttle"]


def test_no_problem_repeats_a_secret() -> None:
    secret = "top\tsecret"
    for field in ("s3_access_key", "s3_secret_key", "s3_session_token", "tls_ca", "azure_key", "cassandra_password"):
        problems = check_all("backup", place(**{field: secret}), NODES, SCHEMA)
        assert isinstance(problems, tuple)
        assert problems
        assert not [text for text in problems if "top" in text]


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["*", "shop", "0"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    *("nodes", "key_spaces", "column_families", "parallelism", "incremental", "backup_name", "external_location"),
    *(
        "endpoint",
        "tls_ca",
        "s3_secret_key",
        "restore_type",
        "rename",
        "compare",
        "keep_last",
        "throttle",
        "count_rows",
    ),
]


@given(
    kind=st.sampled_from(sorted(name for name, found in KINDS.items() if not found.own)),
    body=st.dictionaries(st.sampled_from(FIELDS) | st.text(), VALUES),
)
def test_whatever_is_sent_is_taken_or_refused_in_sentences(kind: str, body: dict[str, Any]) -> None:
    found = check_all(kind, body, NODES, SCHEMA)
    if isinstance(found, Request):
        assert set(found.nodes) <= set(NODES)
        return
    assert found
    for problem in found:
        assert problem.endswith(".")
        assert problem.isprintable()
