"""The agent's memory on disk."""

from pathlib import Path

import pytest

from localmesos.agent.containers.checkpoint import (
    CheckpointError,
    ExecutorRecord,
    MetaStore,
    read_json,
    safe_component,
    write_json,
)
from localmesos.agent.containers.processes import Identity

INFO = {"hostname": "h", "id": {"value": "S0"}}


@pytest.fixture
def store(tmp_path: Path) -> MetaStore:
    store = MetaStore(tmp_path)
    store.save_agent(INFO)
    return store


def test_fresh_machine_knows_nothing(tmp_path: Path) -> None:
    store = MetaStore(tmp_path)
    assert store.load_agent() is None
    assert store.load_resources() == []
    with pytest.raises(CheckpointError, match="no id"):
        store.save_framework("f", {})


def test_everything_comes_back(store: MetaStore, tmp_path: Path) -> None:
    record = ExecutorRecord({"executor_id": {"value": "e"}}, "container", "/sandbox", True, Identity(1, 2, "boot"))
    store.save_resources([{"name": "disk"}])
    store.save_framework("f", {"id": {"value": "f"}})
    store.save_executor("f", "e", record)
    store.save_task("f", "e", {"task_id": {"value": "t"}})

    later = MetaStore(tmp_path)
    assert later.load_agent() == INFO
    assert later.load_resources() == [{"name": "disk"}]
    assert list(later.load_frameworks()) == [{"id": {"value": "f"}}]
    assert list(later.load_executors("f")) == [record]
    assert list(later.load_tasks("f", "e")) == [{"task_id": {"value": "t"}}]


def test_what_is_removed_is_gone(store: MetaStore) -> None:
    store.save_framework("f", {"id": {"value": "f"}})
    store.save_executor("f", "e", ExecutorRecord({}, "c", "/s", False))
    store.save_task("f", "e", {"task_id": {"value": "t"}})
    store.remove_task("f", "e", "t")
    assert list(store.load_tasks("f", "e")) == []
    store.remove_executor("f", "e")
    assert list(store.load_executors("f")) == []
    store.remove_framework("f")
    assert list(store.load_frameworks()) == []


def test_new_agent_id_keeps_the_machines_resources(store: MetaStore, tmp_path: Path) -> None:
    store.save_resources([{"name": "disk"}])
    (tmp_path / "meta/slaves/latest").unlink()
    later = MetaStore(tmp_path)
    assert later.load_agent() is None
    assert later.load_resources() == [{"name": "disk"}]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_id_cannot_leave_its_directory(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a directory"):
        safe_component(name)


def test_unreadable_file_is_never_taken_for_absent(store: MetaStore, tmp_path: Path) -> None:
    (tmp_path / "meta/slaves/S0/agent.json").write_text("{half")
    with pytest.raises(CheckpointError, match=r"agent\.json"):
        MetaStore(tmp_path).load_agent()


@pytest.mark.parametrize("durable", [False, True])
def test_file_is_replaced_in_one_step(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "deep" / "file.json"
    write_json(path, {"a": 1}, durable=durable)
    write_json(path, {"a": 2}, durable=durable)
    assert read_json(path) == {"a": 2}
    assert [p.name for p in path.parent.iterdir()] == ["file.json"]
