"""A manifest that names what no backup has written is refused, in one sentence, before anything is made of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from executor.backup.format import document, manifest
from executor.json_codec import DocumentError
from tests.unit.executor.backup.format.test_document import CLUSTER, ID, NODE, SCHEMA, SHA, STARTED

KEY = f"data/c/node-0/{ID}/{SHA}"


def changed(value: Any, path: str, new: object) -> bytes:
    """A document with another value at a path of fields and indexes."""
    found = plain = json.loads(document.write(value))
    *way, last = path.split("/")
    for part in way:
        found = found[int(part) if isinstance(found, list) else part]
    found[last] = new
    return json.dumps(plain).encode()


NAMES = [
    "../../../../../data/shop/users", "/etc", "..", ".", "", "a/b", "a\\b", "a\0b", "a\nb", "a b", "é", "a-b",
    "x" * 300,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_tables(name: str) -> None:
    with pytest.raises(DocumentError) as refused:
        manifest.read_node(changed(NODE, "tables/0/name", name), "it")
    assert "the backup b, node node-0, table 'ks." in str(refused.value)
    assert "the name of a table is 1 to 222 letters, digits and underscores" in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", [*NAMES, "x" * 49])
def test_names_of_key_spaces(name: str) -> None:
    rule = "the name of a keyspace is 1 to 48 letters, digits and underscores"
    for value, path, read in (
        (NODE, "tables/0/key_space", manifest.read_node),
        (SCHEMA, "tables/0/key_space", manifest.read_schema),
        (SCHEMA, "key_spaces/0/name", manifest.read_schema),
        (CLUSTER, "tables/0/key_space", manifest.read_cluster),
    ):
        with pytest.raises(DocumentError, match=rule):
            read(changed(value, path, name), "it")


@pytest.mark.parametrize(
    "name",
    [
        "../nb-1-big-Data.db", "/nb-1-big-Data.db", "nb-1-big-", "nb-1-big", "nb-1-big-../x", "nb-1-big-Data.db/x",
        "nb-1-big-Data.db\0", "nb-1-big-Data\\.db", "nb-1-big-..", "nb-1-big-.", "nb-2-big-Data.db", "backups",
        "nb-1-big-" + "D" * 300, "nb-1-big-data.db", "nb-1-big-Data..db", "nb-1-big-Data.db.unfinished",
    ],
)  # fmt: skip
def test_names_of_components(name: str) -> None:
    with pytest.raises(DocumentError, match="the name of a component is nb-1-big, a dash and a part"):
        manifest.read_node(changed(NODE, "tables/0/sstables/0/components/0/name", name), "it")


@pytest.mark.parametrize("name", ["Data.db", "Digest.crc32", "TOC.txt", "SAI+aa+by_mail+Meta.db", "SI_by_mail.db"])
def test_components_of_cassandra(name: str) -> None:
    found = manifest.read_node(changed(NODE, "tables/0/sstables/0/components/0/name", f"nb-1-big-{name}"), "it")
    assert found.tables[0].components[0].name == f"nb-1-big-{name}"


@pytest.mark.parametrize(
    ("path", "new", "words"),
    [
        pytest.param("node", "../x", "a name here is", id="node"),
        pytest.param("backup_name", "/x", "a name here is", id="backup"),
        pytest.param("cluster", "..", "a name here is", id="cluster"),
        pytest.param("operation", "a/b", "a name here is", id="operation"),
        pytest.param("tables/0/id", "../" + ID, "the id of a table is a UUID", id="id"),
        pytest.param("tables/0/id", ID.upper(), "the id of a table is a UUID", id="id-case"),
        pytest.param("tables/0/sstables/0/name", "../nb-1-big", "the name of an SSTable", id="sstable"),
        pytest.param("tables/0/sstables/0/directory", -1, "from 0 to 1023", id="directory"),
        pytest.param("tables/0/sstables/0/directory", 10**400, "from 0 to 1023", id="directory-digits"),
        pytest.param("tables/0/sstables/0/components/0/size", -1, "from 0 to 2.53", id="negative"),
        pytest.param("tables/0/sstables/0/components/0/size", 2**53 + 1, "from 0 to 2.53", id="size"),
        pytest.param("tables/0/sstables/0/components/0/sha256", "e3", "a SHA-256 has", id="sha"),
        pytest.param("tables/0/sstables/0/components/0/encoding", "xz", "none or zstd", id="encoding"),
        pytest.param("tables/0/sstables/0/components/0/key", "/etc/passwd", "its key is data/", id="key"),
        pytest.param("tables/0/sstables/0/components/0/key", f"data/../x/{ID}/{SHA}", "its key is data/", id="dots"),
        pytest.param("tables/0/sstables/0/components/0/key", f"{KEY}.zst", "its key is data/", id="key-encoding"),
        pytest.param("member/taken_at", -1.0, "a moment is", id="moment"),
        pytest.param("member/tokens", ["1"] * 16_385, "at most 16384 tokens", id="tokens"),
        pytest.param("member/cassandra_version", "9" * 5000, "at most 255 characters", id="version"),
        pytest.param("member/partitioner", "x" * 256, "at most 255 characters", id="partitioner"),
        pytest.param("member/address", "1" * 256, "at most 255 characters", id="address"),
    ],
)
def test_node(path: str, new: object, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        manifest.read_node(changed(NODE, path, new), "it")


@pytest.mark.parametrize(
    ("path", "new", "words"),
    [
        pytest.param("schema_key", "other/schema.json", "its key is backups/b/schema.json", id="schema"),
        pytest.param("schema_sha256", "", "a SHA-256 has", id="sha"),
        pytest.param("nodes", {"../x": {}}, "missing field", id="empty-node"),
        pytest.param("nodes/node-0/manifest_key", "backups/c/nodes/node-0.json", "its key is", id="manifest"),
        pytest.param("finished_at", 1e300, "before the year 10000", id="moment"),
        pytest.param("tables/0/rows", -7, "from 0 to", id="rows"),
        pytest.param("coverage", {"ks": {"ranges": -1, "fewer": 0, "none": 0}}, "from 0 to", id="coverage"),
        pytest.param("nodes/node-0/member/cassandra_version", "9" * 5000, "at most 255", id="version"),
    ],
)
def test_cluster(path: str, new: object, words: str) -> None:
    with pytest.raises(DocumentError, match=words):
        manifest.read_cluster(changed(CLUSTER, path, new), "it")


def test_names_of_nodes() -> None:
    plain = json.loads(document.write(CLUSTER))
    plain["nodes"] = {"../node": plain["nodes"]["node-0"]}
    with pytest.raises(DocumentError, match=r"the backup b: '\.\./node' is refused: a name here is"):
        manifest.read_cluster(json.dumps(plain).encode(), "it")


@pytest.mark.parametrize("name", ["described_at", "counted_at"])
@pytest.mark.parametrize("value", [-1.0, 1e300])
def test_moments(name: str, value: float) -> None:
    with pytest.raises(DocumentError, match="a moment is in seconds since 1970"):
        manifest.read_moments(changed(manifest.Moments(1.0, 2.0), name, value), "it")


def test_claim() -> None:
    with pytest.raises(DocumentError, match="a name here is"):
        manifest.read_started(changed(STARTED, "backup_name", "../x"), "it")


def test_a_name_stands_there_once() -> None:
    """Names of components that differ in case would be one file on some disks; tables lie apart by number."""
    plain = json.loads(document.write(NODE))
    [table] = plain["tables"]
    [sstable] = table["sstables"]
    [component] = sstable["components"]
    for items, item in ((plain["tables"], table), (table["sstables"], sstable), (sstable["components"], component)):
        items.append(item)
        with pytest.raises(DocumentError, match="stands there once"):
            manifest.read_node(json.dumps(plain).encode(), "it")
        items.pop()
    sstable["components"].append({**component, "name": component["name"].replace("A.db", "A.DB")})
    with pytest.raises(DocumentError, match="a component stands there once"):
        manifest.read_node(json.dumps(plain).encode(), "it")
    sstable["components"].pop()
    plain["tables"].append({**table, "name": table["name"].upper()})
    assert len(manifest.read_node(json.dumps(plain).encode(), "it").tables) == 2


def test_indexes_whose_names_differ_in_case() -> None:
    """Two columns can have such indexes; a restore takes no file of them."""
    plain = json.loads(document.write(NODE))
    [component] = plain["tables"][0]["sstables"][0]["components"]
    names = [f"nb-1-big-{form.format(name)}" for form in ("SAI+aa+{}+Meta.db", "SI_{}.db") for name in ("By_v", "by_v")]
    plain["tables"][0]["sstables"][0]["components"] = [{**component, "name": name} for name in names]
    found = manifest.read_node(json.dumps(plain).encode(), "it")
    assert [component.name for component in found.tables[0].components] == names


def test_an_sstable_has_few_components() -> None:
    plain = json.loads(document.write(NODE))
    [component] = plain["tables"][0]["sstables"][0]["components"]
    many = [{**component, "name": f"nb-1-big-A{number}.db"} for number in range(4_097)]
    plain["tables"][0]["sstables"][0]["components"] = many
    with pytest.raises(DocumentError, match="at most 4096 components"):
        manifest.read_node(json.dumps(plain).encode(), "it")
