"""How a start turns stored records and settings into the state to begin with."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

import pytest

from scheduler.core import codec
from scheduler.errors import Exit, FatalError
from scheduler.loop import Sources
from scheduler.service import begin, framework
from scheduler.settings import Settings, parse
from scheduler.store import Memory, MemoryStore


def settings(directory: Path, **more: str) -> Settings:
    for name in ("executor.tar.gz", "cassandra-5.0.8.tar.gz"):
        (directory / name).write_bytes(b"")
    return parse({"ARTIFACTS_DIR": str(directory), "MESOS_MASTER": "127.0.0.1:5050", **more})


def sources() -> Sources:
    numbers = count()
    return Sources(now=lambda: 1000.0, new_id=lambda: f"id-{next(numbers)}")


def settled(memory: Memory) -> dict[str, tuple[int, bytes]]:
    """The records but for the journal, which tells of every start."""
    return {path: record for path, record in memory.records.items() if not path.startswith("events/")}


def test_a_first_start_stores_its_configuration_and_makes_it_the_target(tmp_path: Path) -> None:
    memory = Memory()
    state = begin(MemoryStore(memory), settings(tmp_path), sources())
    assert state.target.id == "id-0"
    assert set(memory.records) == {"configurations/id-0", "target", "cluster-id", "events/000000000001"}
    assert state.cluster_id == "id-1"


def test_the_same_settings_again_change_nothing(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    before = settled(memory)
    state = begin(MemoryStore(memory), settings(tmp_path), sources())
    assert settled(memory) == before
    assert state.target.id == "id-0"


def test_a_cluster_of_an_earlier_version_gets_an_id_once(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    del memory.records["cluster-id"]
    assert begin(MemoryStore(memory), settings(tmp_path), sources()).cluster_id == "id-0"
    numbers = count(7)
    later = Sources(now=lambda: 2000.0, new_id=lambda: f"id-{next(numbers)}")
    assert begin(MemoryStore(memory), settings(tmp_path), later).cluster_id == "id-0"


def test_an_allowed_change_becomes_the_target_and_the_old_one_stays(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    numbers = count(1)
    later = Sources(now=lambda: 2000.0, new_id=lambda: f"id-{next(numbers)}")
    state = begin(MemoryStore(memory), settings(tmp_path, NODES="5"), later)
    assert state.target.id == "id-1"
    assert set(state.configurations) == {"id-0", "id-1"}


def test_a_refused_change_keeps_the_cluster_and_says_why(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    before = settled(memory)
    state = begin(
        MemoryStore(memory),
        settings(tmp_path, CASSANDRA_DISK_MB="20480", SERVICE_ROLE="other"),
        sources(),
    )
    assert settled(memory) == before
    assert len(state.configuration_errors) == 2
    assert any("disk size" in error for error in state.configuration_errors)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        pytest.param("nodes/node-0", b"{", id="not JSON"),
        pytest.param("nodes/node-0", b'{"index": 0, "schema_version": 99}', id="newer"),
        pytest.param("target", json.dumps({"configuration": "gone", "schema_version": 1}).encode(), id="dangling"),
        pytest.param("plans/deploy", b'{"name": "other", "schema_version": 1}', id="at a wrong place"),
    ],
)
def test_a_record_that_cannot_be_read_stops_the_start_and_names_it(tmp_path: Path, path: str, content: bytes) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    memory.records[path] = (0, content)
    before = dict(memory.records)
    with pytest.raises(FatalError, match=path) as raised:
        begin(MemoryStore(memory), settings(tmp_path), sources())
    assert raised.value.code is Exit.STATE
    assert memory.records == before


def test_the_framework_id_that_was_stored_is_used_again(tmp_path: Path) -> None:
    memory = Memory()
    begin(MemoryStore(memory), settings(tmp_path), sources())
    memory.records[codec.FRAMEWORK_ID] = (0, codec.encode_record(codec.FrameworkId("framework-7")))
    assert begin(MemoryStore(memory), settings(tmp_path), sources()).framework_id == "framework-7"


def test_the_secret_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("top-secret\n")
    made = framework(settings(tmp_path, SERVICE_SECRET_FILE=str(secret)))
    assert made.secret == "top-secret"
    assert "top-secret" not in json.dumps(made.info(None))
    assert "top-secret" not in repr(made)
