"""A backup goes onto a new cluster with other tokens: every row is there. More and fewer nodes: tests/feature/."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devcluster import s3
from tests.cluster import tables
from tests.cluster.world import World, make_layout, make_world
from tests.ports import free_network

pytestmark = [pytest.mark.cassandra, pytest.mark.timeout(900)]

KEYSPACE = "moved"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A new cluster with tokens of its own, which may not be deployed yet."""
    layout = make_layout(tmp_path_factory.mktemp("other") / "local", nodes=3, network=free_network())
    cluster = make_world(layout)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture(scope="module")
def before(world: World, other: World) -> dict[str, list[tuple[object, ...]]]:
    """What the first cluster held when its backup was made."""
    with world.cql() as session:
        tables.create(session, KEYSPACE, replicas=2)
        held = tables.read(session, KEYSPACE)
    world.run("backup", {"backup_name": "moving", "external_location": world.location, "key_spaces": [KEYSPACE]})
    return held


def test_every_row_is_there(world: World, before: dict[str, list[tuple[object, ...]]], other: World) -> None:
    other.wait_deployed()
    place = {"external_location": f"http://{world.layout.s3}/{s3.BUCKET}"}
    listed = other.read(f"/v1/backups?external_location={place['external_location']}")["backups"]
    assert [item["signature"] for item in listed if item["backup_name"] == "moving"] == ["foreign"]
    code, answer = other.put("/v1/restore/start", {"backup_name": "moving", **place})
    assert (code, "which this service does not have" in answer["message"]) == (400, True), answer
    status = other.run("restore", {"backup_name": "moving", **place, "trust": True}, 300.0)
    assert "trusted as requested: the backup moving is signed with the key" in status["message"]
    with other.cql() as session:
        assert tables.read(session, KEYSPACE) == before
        # The restored cluster takes writes like any other.
        tables.fill(session, KEYSPACE, [5_000])
    assert status["nodes"]
    assert other.run("backup", {"backup_name": "of-the-new", **place})["state"] == "COMPLETE"
