"""Backups that are signed and sealed, in a real S3 server, and what a writer of the bucket can do with them."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from executor.backup.catalog import Catalog
from executor.backup.format import document, layout
from executor.backup.seal.cipher import is_sealed
from executor.jobs.context import JobError, QuestionError
from executor.node.questions import QUESTIONS
from executor.s3.store import Store
from tests.unit.executor.backup.s3_server import SECRETS, Server
from tests.unit.executor.backup.small_cluster import SmallCluster, location_content
from tests.unit.executor.backup.volume import sstable

SECRET_WORDS = b"a customer's name and address, "
NOISE = os.urandom(3000)
FILES = {
    "node-1": {"user": sstable(1, NOISE, Statistics=b""), "users": sstable(1, SECRET_WORDS * 2000)},
    "node-10": {"user": sstable(1, SECRET_WORDS + NOISE)},
}
MORE = {**FILES, "node-10": {"user": {**sstable(1, SECRET_WORDS + NOISE), **sstable(2, b"new" * 1000)}}}
OBJECTS = 4


def keys(signing: str = "", wrapping: str = "") -> dict[str, str]:
    """Return secrets with a key for each letter."""
    named = {"backup_signing_key": signing, "backup_wrapping_key": wrapping}
    return {
        f"{name}.{number}": base64.urlsafe_b64encode(letter.encode() * 32).decode()
        for name, letters in named.items()
        for number, letter in enumerate(letters)
    }


@pytest.fixture
def cluster(server: Server, bucket: str, tmp_path: Path) -> SmallCluster:
    return SmallCluster(tmp_path / "cluster", server.location(bucket, "a/prefix"), keys=keys("s", "w"), sealed=True)


def ask(cluster: SmallCluster, subject: str, **content: Any) -> Mapping[str, Any]:
    asked = {"location": location_content(cluster.location), "secrets": {**SECRETS, **cluster.keys}, **content}
    return QUESTIONS[subject](cluster.nodes["node-1"], asked)


def everything(store: Store) -> dict[str, bytes]:
    return {item.key: store.get(item.key) or b"" for item in store.objects("")}


def put_back(store: Store, before: Mapping[str, bytes]) -> None:
    store.delete([item.key for item in store.objects("")])
    for key, content in before.items():
        store.put(key, content)


@contextmanager
def with_keys(cluster: SmallCluster, given: Mapping[str, str]) -> Any:
    before = cluster.keys
    cluster.keys = given
    try:
        yield
    finally:
        cluster.keys = before


def test_sealed_backups_share_objects(cluster: SmallCluster, store: Store) -> None:
    first = cluster.back_up(store, "b1", FILES)
    assert first["node-1"]["sent_objects"] == 3
    assert cluster.verify("b1")["objects"] == OBJECTS
    second = cluster.back_up(store, "b2", MORE)
    assert [found["sent_objects"] for found in second.values()] == [0, 1]
    assert cluster.delete(backup_name="b1")["objects"] == 0
    assert cluster.verify("b2")["objects"] == OBJECTS + 1
    assert cluster.delete(backup_name="b2")["objects"] == OBJECTS + 1
    assert [item.key for item in store.objects("")] == ["vaults/c-1.json"]


def test_a_reader_of_the_bucket_learns_no_content(cluster: SmallCluster, store: Store) -> None:
    cluster.back_up(store, "b1", FILES)
    plain = SmallCluster(cluster.directory / "plain", cluster.location, id="c-2")
    plain.back_up(store, "p1", FILES)
    found = everything(store)
    own = {key: content for key, content in found.items() if "c-2" not in key and "p1" not in key}
    readable = {"backups/b1/started.json", "backups/b1/signature.json", "vaults/c-1.json"}
    assert {key for key, content in own.items() if not is_sealed(content)} == readable
    for words in (SECRET_WORDS, b"CREATE KEYSPACE", b"users", b"s" * 32, b"w" * 32):
        assert not [key for key, content in own.items() if words in content]
    # The names of equal contents differ, so that nobody can compare them with a content of his own.
    names = [
        {Path(key).name.partition(".")[0] for key in found if key.startswith(f"data/{c}/")} for c in ("c-1", "c-2")
    ]
    assert len(names[0]) == len(names[1]) == OBJECTS
    assert not names[0] & names[1]


def test_what_was_sent_in_plain_text_is_sent_again(cluster: SmallCluster, store: Store) -> None:
    cluster.sealed = False
    cluster.back_up(store, "plain", FILES)
    cluster.sealed = True
    sealed = cluster.back_up(store, "sealed", FILES)
    assert [found["sent_objects"] for found in sealed.values()] == [3, 1]
    for name in ("plain", "sealed"):
        assert cluster.verify(name)["damaged"] == []
    assert cluster.delete(backup_name="plain")["objects"] == OBJECTS
    assert cluster.verify("sealed")["damaged"] == []


def test_the_operators_key_is_rotated_without_sending_data(cluster: SmallCluster, store: Store) -> None:
    cluster.back_up(store, "b1", FILES)
    old = store.get("vaults/c-1.json")
    with with_keys(cluster, keys("s", "nw")):
        second = cluster.back_up(store, "b2", FILES)
        assert [found["sent_objects"] for found in second.values()] == [0, 0]
    assert store.get("vaults/c-1.json") != old
    with with_keys(cluster, keys("s", "n")):
        for name in ("b1", "b2"):
            assert cluster.verify(name)["damaged"] == []
    with pytest.raises(JobError, match="add that line to BACKUP_ENCRYPTION_KEY_FILE"):
        cluster.verify("b1")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (keys("s"), "the backup is sealed, and BACKUP_ENCRYPTION_KEY_FILE is not set"),
        (keys("s", "x"), "the data key of the cluster c-1 was wrapped with the key [0-9a-f]{16}: add that line to"),
    ],
)
def test_without_the_right_key(cluster: SmallCluster, store: Store, given: dict[str, str], words: str) -> None:
    cluster.back_up(store, "b1", FILES)
    with with_keys(cluster, given):
        with pytest.raises(JobError, match=words) as refused:
            cluster.verify("b1")
        assert refused.value.hopeless
        with pytest.raises(QuestionError, match=words):
            ask(cluster, "backup", backup_name="b1")
        (listed,) = ask(cluster, "backups")["backups"]
        assert (listed["state"], listed["cluster_name"], listed["nodes"]) == ("locked", "small", None)
        with pytest.raises(JobError, match=words.replace("the backup is sealed", "the backup is to be sealed")):
            cluster.upload("b2", cluster.operation())
        cluster.sealed = False
        # It is not taken for an abandoned one, and its objects stay.
        assert cluster.delete(keep_last=1)["backups"] == []
    assert cluster.verify("b1")["damaged"] == []


def test_a_neighbour_without_the_key_cleans_up_what_is_its_own(cluster: SmallCluster, store: Store) -> None:
    cluster.back_up(store, "b1", FILES)
    other = SmallCluster(cluster.directory / "other", cluster.location, id="c-2")
    other.back_up(store, "o1", FILES)
    deleted = other.delete(backup_name="o1")
    assert (deleted["objects"], deleted.get("put_off")) == (OBJECTS, None)
    assert cluster.verify("b1")["damaged"] == []


def test_questions(cluster: SmallCluster, store: Store) -> None:
    cluster.back_up(store, "b1", FILES)
    (listed,) = ask(cluster, "backups")["backups"]
    assert (listed["state"], listed["signature"], listed["objects"]) == ("complete", "valid", OBJECTS)
    found = ask(cluster, "backup", backup_name="b1")
    assert found["key_spaces"] == {"shop": ["user", "users"]}
    assert (found["signature"], found.get("refusal")) == ("valid", None)


# A writer of the bucket.


def _data_keys(store: Store) -> list[str]:
    return [item.key for item in store.objects("data/")]


@pytest.mark.parametrize("how", ["changed", "cut", "swapped", "in plain text"])
def test_a_sealed_object_in_other_hands(cluster: SmallCluster, store: Store, how: str) -> None:
    cluster.back_up(store, "b1", FILES)
    own = sorted((key for key in _data_keys(store) if "/node-1/" in key), key=lambda key: -(store.size(key) or 0))
    one, other = own[:2]
    content = store.get(one) or b""
    changed = {
        "changed": content[:-1] + bytes([content[-1] ^ 1]),
        "cut": content[:-20],
        "swapped": store.get(other) or b"",
        "in plain text": NOISE,
    }[how]
    store.put(one, changed)
    with pytest.raises(JobError, match="1 of 4 objects differ from the backup"):
        cluster.verify("b1")


@pytest.mark.parametrize("name", ["manifest.json", "schema.json", "nodes/node-1.json", "signature.json"])
def test_a_changed_document(cluster: SmallCluster, store: Store, name: str) -> None:
    cluster.back_up(store, "b1", FILES)
    key = f"backups/b1/{name}"
    content = bytearray(store.get(key) or b"")
    content[-3] ^= 1
    store.put(key, bytes(content))
    with pytest.raises(JobError):
        cluster.verify("b1")


def test_a_sealed_backup_under_another_name(cluster: SmallCluster, store: Store) -> None:
    """A copy of last year's backup as this week's."""
    cluster.back_up(store, "b1", FILES)
    for key, content in everything(store).items():
        if key.startswith("backups/b1/"):
            store.put(key.replace("b1", "b2"), content)
    with pytest.raises(JobError, match=r"backups/b2/manifest\.json cannot be opened"):
        cluster.verify("b2")


def forge(store: Store, name: str, **changes: Any) -> None:
    """Change a plain manifest, as a writer of the bucket can."""
    key = layout.manifest_key(name)
    store.put(key, json.dumps({**json.loads(store.get(key) or b""), **changes}).encode())


def test_signed_backups_without_sealing(cluster: SmallCluster, store: Store) -> None:
    cluster.sealed = False
    cluster.back_up(store, "b1", FILES)
    assert not is_sealed(store.get("backups/b1/manifest.json") or b"")
    assert ask(cluster, "backup", backup_name="b1")["signature"] == "valid"
    with with_keys(cluster, keys("ts")):
        assert cluster.verify("b1")["damaged"] == []
    before = everything(store)

    forge(store, "b1", finished_at=9e9)
    with pytest.raises(JobError, match="signature: the backup b1 was changed after it was signed") as changed:
        cluster.verify("b1")
    assert changed.value.hopeless
    assert ask(cluster, "backup", backup_name="b1")["signature"] == "changed"
    assert "was changed after it was signed" in cluster.verify("b1", trust=True)["message"]

    put_back(store, before)
    store.delete(["backups/b1/signature.json"])
    with pytest.raises(JobError, match=r'the backup b1 has no signature: .*; give "trust": true'):
        cluster.verify("b1")
    with with_keys(cluster, {}):
        assert "message" not in cluster.verify("b1")

    put_back(store, before)
    with with_keys(cluster, keys("t")):
        with pytest.raises(JobError, match=r"signed with the key [0-9a-f]{16}, which this service does not have"):
            cluster.verify("b1")
        assert ask(cluster, "backups")["backups"][0]["signature"] == "foreign"


def test_a_signature_of_another_backup(cluster: SmallCluster, store: Store) -> None:
    cluster.sealed = False
    cluster.back_up(store, "b1", FILES)
    cluster.back_up(store, "b2", MORE)
    whole = json.loads(store.get("backups/b1/manifest.json") or b"")
    forged = json.dumps(whole).replace("backups/b1/", "backups/b2/").replace('"b1"', '"b2"')
    for key in ("nodes/node-1.json", "nodes/node-10.json", "schema.json", "signature.json"):
        store.put(f"backups/b2/{key}", store.get(f"backups/b1/{key}") or b"")
    store.put("backups/b2/manifest.json", forged.encode())
    with pytest.raises(JobError, match="the backup b2 was changed after it was signed"):
        cluster.verify("b2")
    store.put("backups/b2/manifest.json", json.dumps(whole).encode())
    with pytest.raises(JobError, match="is the manifest of the backup b1, not of b2"):
        cluster.verify("b2")


def test_forged_backups_displace_no_signed_one(cluster: SmallCluster, store: Store) -> None:
    """Retention would keep the newest: a writer of the bucket makes some of the year 2100."""
    cluster.sealed = False
    cluster.back_up(store, "real", FILES)
    whole = Catalog(cluster.opened(store)).manifest("real")
    assert whole is not None
    for name in ("forged-1", "forged-2"):
        content = document.write(replace(whole, backup_name=name, finished_at=4e9))
        store.put(layout.manifest_key(name), content.replace(b"backups/real/", f"backups/{name}/".encode()))
        for key in ("nodes/node-1.json", "nodes/node-10.json", "schema.json"):
            store.put(f"backups/{name}/{key}", store.get(f"backups/real/{key}") or b"")
    assert "real" not in cluster.delete(keep_last=1)["backups"]
    assert cluster.verify("real")["damaged"] == []
