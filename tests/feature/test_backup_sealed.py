"""Sealed backups of a real Cassandra: differential ones, a change of the key, and a restore under another name."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from executor.backup.jobs.questions import describe_backup, list_backups
from executor.jobs.context import JobError
from tests.feature.backup_jobs import BUCKET, SECRETS, Bucket, Operator, serve_bucket
from tests.feature.cassandra_ring import RingNode, running_ring

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(900)]

NODE = ["node-0"]
MARKER = "Ada Lovelace of 12 St James Square "
ROWS = 300
_REPLICATION = "WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


def keys(wrapping: str) -> dict[str, str]:
    """Return a signing key, and a wrapping key for each letter, as the scheduler gives them."""
    named = [("backup_signing_key", "s"), ("backup_wrapping_key", wrapping)]
    return {
        f"{name}.{number}": base64.urlsafe_b64encode(letter.encode() * 32).decode()
        for name, letters in named
        for number, letter in enumerate(letters)
    }


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    with running_ring(tmp_path_factory.mktemp("sealed"), ["127.0.52.1"]) as ring, serve_bucket() as bucket:
        yield Operator(ring, bucket, login=keys("w"), sealed=True)


def insert(node: RingNode, numbers: range) -> None:
    with node.cql() as session:
        for number in numbers:
            session.execute(f"INSERT INTO shop.people (id, name) VALUES ({number}, '{MARKER}{number}')")


def rows(node: RingNode, table: str) -> list[Any]:
    with node.cql() as session:
        return sorted(tuple(row) for row in session.execute(f"SELECT id, name FROM shop.{table}"))


def contents(bucket: Bucket, part: str = "") -> dict[str, bytes]:
    client = bucket.client()
    return {key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in bucket.keys(part)}


def verify(operator: Operator, name: str) -> Any:
    number = f"v{next(operator.counter)}"
    return operator.run("verify", operator.nodes[0], number, {"backup_name": name, "sources": NODE})


def files_below(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def test_from_the_backup_to_the_restore(operator: Operator) -> None:
    node, bucket = operator.nodes[0], operator.bucket
    with node.cql() as session:
        session.execute(f"CREATE KEYSPACE shop {_REPLICATION}")
        session.execute("CREATE TABLE shop.people (id int PRIMARY KEY, name text)")
    insert(node, range(ROWS))
    operator.back_up("first", ["shop"])
    first = set(bucket.keys("/data/"))
    insert(node, range(ROWS, 2 * ROWS))
    wanted = rows(node, "people")
    operator.back_up("second", ["shop"])
    assert first < set(bucket.keys("/data/"))

    # The operator's key changes: the first backup with the new one sends no data again.
    before = contents(bucket, "/data/")
    operator.login = keys("nw")
    operator.back_up("third", ["shop"])
    assert contents(bucket, "/data/") == before
    operator.login = keys("n")
    for name in ("first", "second", "third"):
        assert verify(operator, name)["damaged"] == []

    # What the bucket, the node's own files and the questions tell.
    found = contents(bucket)
    for words in (MARKER.encode(), b"people", b"CREATE TABLE"):
        assert not [key for key, content in found.items() if words in content or words.decode() in key]
    every = {**keys("w"), **keys("n")}.values()
    forms = [form for key in every for form in (key.encode(), base64.urlsafe_b64decode(key))]
    places = [*found.values(), *(path.read_bytes() for path in files_below(node.facts().scratch))]
    assert not [form for form in forms for content in places if form in content]
    asked = {"location": bucket.location, "secrets": {**SECRETS, **operator.login}}
    told = describe_backup(node.facts(), {**asked, "backup_name": "second"})
    assert (told["state"], told["signature"], told["key_spaces"]) == ("complete", "valid", {"shop": ["people"]})
    locked = list_backups(node.facts(), {**asked, "secrets": {**SECRETS, **keys("w")}})["backups"]
    assert {item["state"] for item in locked} == {"locked"}

    # The removal of one backup leaves the others readable.
    operator.run("delete", node, "d1", {"backup_name": "first"})
    assert verify(operator, "second")["damaged"] == []
    result = operator.restore("second", NODE, rename={"shop.people": "shop.people_before"})
    assert rows(node, "people_before") == wanted
    assert result["compare"]["tables"]["shop.people_before"] == {"backup": 2 * ROWS, "now": 2 * ROWS}


def test_a_writer_of_the_bucket(operator: Operator) -> None:
    client, bucket, node = operator.bucket.client(), operator.bucket, operator.nodes[0]
    key = next(key for key, content in contents(bucket, "/data/").items() if len(content) > 1000)
    sealed = client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    client.put_object(Bucket=BUCKET, Key=key, Body=sealed[:-1] + bytes([sealed[-1] ^ 1]))
    with pytest.raises(JobError, match="it cannot be opened: it was changed, cut or moved"):
        operator.restore("third", NODE, rename={"shop.people": "shop.people_forged"})
    assert rows(node, "people_forged") == []
    client.put_object(Bucket=BUCKET, Key=key, Body=sealed)

    signature = f"{bucket.keys('third/signature.json')[0]}"
    client.delete_object(Bucket=BUCKET, Key=signature)
    with pytest.raises(JobError, match="signature: the backup third has no signature"):
        operator.restore("third", NODE, rename={"shop.people": "shop.people_unsigned"})
    result = operator.restore("third", NODE, rename={"shop.people": "shop.people_trusted"}, trust=True)
    assert "trusted as requested: the backup third has no signature" in result["check"]["node-0"]["message"]
    assert len(rows(node, "people_trusted")) == 2 * ROWS
