"""Which locations BACKUP_LOCATIONS allows."""

from __future__ import annotations

import pytest

from executor.s3.location import LocationError
from executor.s3.location import parse as parse_location
from scheduler.core.maintenance.backup_places import DEFAULT, SHAPE, parse, problem

PLACES = "s3://ours, s3://shared/cassandra, s3+https://Minio.example:9000/bucket, http://10.0.0.9, http://127.0.0.1:*"


def test_normalized() -> None:
    assert parse("") == DEFAULT == parse("s3://*")
    assert parse(PLACES) == (
        "s3://ours/", "s3://shared/cassandra/", "https://minio.example:9000/bucket/", "http://10.0.0.9:80/",
        "http://127.0.0.1:*/",
    )  # fmt: skip


@pytest.mark.parametrize("text", ["*", "ftp://x", "s3://a*", "https://user:pw@host", "http://", "https://h:x", "s3:/b"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="must be places parted by commas"):
        parse(text)
    assert SHAPE.startswith("must be")


@pytest.mark.parametrize(
    ("places", "location", "endpoint", "allowed"),
    [
        ("", "s3://any/prefix", None, True),
        ("", "http://minio:9000/bucket", None, False),
        ("", "s3://any", "https://minio:9000", False),
        (PLACES, "s3://ours", None, True),
        (PLACES, "s3://ours/deep/er", None, True),
        (PLACES, "s3://ours2", None, False),
        (PLACES, "s3://shared", None, False),
        (PLACES, "s3://shared/cassandra", None, True),
        (PLACES, "s3://shared/cassandra2", None, False),
        (PLACES, "https://minio.example:9000/bucket/x", None, True),
        (PLACES, "s3://bucket", "https://MINIO.example:9000", True),
        (PLACES, "https://minio.example/bucket", None, False),
        (PLACES, "http://minio.example:9000/bucket", None, False),
        (PLACES, "https://minio.example:9000/bucket2", None, False),
        (PLACES, "http://10.0.0.9:80/any", None, True),
        (PLACES, "http://10.0.0.9:8080/any", None, False),
        (PLACES, "http://10.0.0.90/any", None, False),
        (PLACES, "http://127.0.0.1:4711/any", None, True),
        (PLACES, "s3://ours/a*b/c=d", None, True),
        (PLACES, "http://127.0.0.1.evil.example:4711/any", None, False),
    ],
)
def test_scheduler_and_executor_agree(places: str, location: str, endpoint: str | None, allowed: bool) -> None:
    found = parse(places)
    request = {"external_location": location, "endpoint": endpoint}
    rule = problem(found, request)
    assert (rule is None) is allowed
    if allowed:
        parse_location({**request, "allowed": list(found)})
    else:
        assert rule is not None
        assert rule.startswith("must lie in one of the places that BACKUP_LOCATIONS allows: ")
        with pytest.raises(LocationError, match="in none of the places of BACKUP_LOCATIONS"):
            parse_location({**request, "allowed": list(found)})


def test_no_location() -> None:
    assert problem(DEFAULT, {"key_spaces": ["shop"]}) is None


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:169.254.169.254]"])
def test_metadata_addresses_are_never_allowed(host: str) -> None:
    with pytest.raises(ValueError, match="must not name a link-local address"):
        parse(f"http://{host}:80")
    for request in (
        {"external_location": f"http://{host}/bucket"},
        {"external_location": "s3://bucket", "endpoint": f"http://{host}:8080"},
    ):
        assert "must not be at a link-local address" in str(problem(("http://", "s3://"), request))
