"""One suite over every store: what the loop relies on, in memory and on a real ZooKeeper."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from scheduler.core.state.record_kinds import FOLDERS, SINGLE
from scheduler.errors import Exit, FatalError, StaleWriteError, StoreUnavailableError
from scheduler.storage.port import Store, split
from scheduler.storage.zookeeper import ZooKeeper, ZooKeeperStore
from tests.contract.conftest import SESSION_SECONDS, Server
from tests.memory_store import Memory, MemoryStore
from tests.waiting import patient, wait_for


@dataclass(frozen=True)
class Shelf:
    """A place for records that several stores can be opened on."""

    open: Callable[[], Store]


@pytest.fixture(params=["memory", pytest.param("zookeeper", marks=pytest.mark.zookeeper)])
def shelf(request: pytest.FixtureRequest) -> Iterator[Shelf]:
    if request.param == "memory":
        memory = Memory()
        yield Shelf(lambda: MemoryStore(memory))
        return
    running: Server = request.getfixturevalue("running")
    root = f"/dcos-service-{uuid.uuid4().hex}"
    with ExitStack() as stack:

        def open_store() -> Store:
            connection = connect(running, root)
            stack.callback(connection.close)
            return ZooKeeperStore(connection)

        yield Shelf(open_store)


def connect(server: Server, root: str, on_lost: Callable[[], object] = lambda: None) -> ZooKeeper:
    connection = ZooKeeper(server.hosts, root, SESSION_SECONDS, on_lost)
    connection.connect(patient(15))
    return connection


def test_an_empty_store_has_no_records(shelf: Shelf) -> None:
    assert shelf.open().load() == {}


def test_what_was_committed_is_loaded_by_the_next(shelf: Shelf) -> None:
    store = shelf.open()
    store.load()
    writes = {
        "framework-id": b"{}",
        "cluster-id": b"{}",
        "nodes/node-0": b'{"a": 1}',
        "plans/deploy": b"{}",
        "configurations/x": b"{}",
        "steps/backup.Upload.node-0": b"{}",
        "history/backup.1700000000000": b"{}",
    }
    store.commit(writes)
    assert shelf.open().load() == writes


def test_wherever_a_record_may_lie_it_is_found(shelf: Shelf) -> None:
    writes: dict[str, bytes | None] = dict.fromkeys((*SINGLE, *(f"{folder}/one" for folder in FOLDERS)), b"{}")
    shelf.open().commit(writes)
    assert shelf.open().load() == writes


def test_whether_there_is_a_record(shelf: Shelf) -> None:
    store = shelf.open()
    store.commit({"uninstall": b"{}"})
    assert [shelf.open().has(path) for path in ("uninstall", "target", "nodes/node-0")] == [True, False, False]


def test_records_can_be_replaced_any_number_of_times(shelf: Shelf) -> None:
    store = shelf.open()
    store.load()
    for number in range(5):
        store.commit({"nodes/node-0": str(number).encode()})
    assert shelf.open().load() == {"nodes/node-0": b"4"}


def test_nothing_to_write_is_no_error(shelf: Shelf) -> None:
    store = shelf.open()
    store.load()
    store.commit({})


def test_records_are_removed_in_the_same_transaction(shelf: Shelf) -> None:
    store = shelf.open()
    store.load()
    store.commit({"nodes/node-0": b"0", "nodes/node-1": b"1"})
    store.commit({"nodes/node-0": None, "nodes/node-1": b"2", "nodes/node-2": None})
    assert shelf.open().load() == {"nodes/node-1": b"2"}
    store.commit({"nodes/node-0": b"again"})
    assert shelf.open().load() == {"nodes/node-0": b"again", "nodes/node-1": b"2"}


def test_a_record_that_somebody_else_removed_is_noticed(shelf: Shelf) -> None:
    one, other = shelf.open(), shelf.open()
    one.load()
    one.commit({"nodes/node-0": b"0"})
    other.load()
    one.commit({"nodes/node-0": None})
    for content in (b"1", None):
        with pytest.raises(StaleWriteError, match="nodes/node-0"):
            other.commit({"nodes/node-0": content})


def test_more_than_a_transaction_holds_is_refused_and_its_parts_are_taken(shelf: Shelf) -> None:
    store = shelf.open()
    store.load()
    writes = {f"nodes/node-{index}": b"x" * 2000 for index in range(1000)}
    with pytest.raises(ValueError, match="do not fit one transaction"):
        store.commit(writes)
    assert shelf.open().load() == {}
    parts = list(split(writes))
    assert len(parts) == 3
    for part in parts:
        store.commit(part)
    assert shelf.open().load() == writes


def test_two_writers_are_noticed_and_nothing_of_the_second_is_written(shelf: Shelf) -> None:
    one, other = shelf.open(), shelf.open()
    one.load()
    one.commit({"nodes/node-0": b"0"})
    other.load()
    one.commit({"nodes/node-0": b"1"})
    with pytest.raises(StaleWriteError, match="nodes/node-0"):
        other.commit({"nodes/node-1": b"new", "nodes/node-0": b"2"})
    assert shelf.open().load() == {"nodes/node-0": b"1"}


def test_a_record_that_somebody_else_created_is_noticed(shelf: Shelf) -> None:
    one, other = shelf.open(), shelf.open()
    one.load()
    other.load()
    one.commit({"target": b"1"})
    with pytest.raises(StaleWriteError, match="target"):
        other.commit({"target": b"2"})


def test_a_thousand_records_are_loaded_in_one_pass(shelf: Shelf) -> None:
    store = shelf.open()
    store.load()
    content = b"x" * 900
    for begin in range(0, 1000, 250):
        store.commit({f"nodes/node-{index}": content for index in range(begin, begin + 250)})
    loaded = shelf.open().load()
    assert len(loaded) == 1000
    assert set(loaded.values()) == {content}


@pytest.mark.zookeeper
def test_a_lost_connection_is_an_error_at_once_and_heals(running: Server) -> None:
    connection = connect(running, f"/{uuid.uuid4().hex}")
    try:
        store = ZooKeeperStore(connection)
        store.load()
        store.commit({"nodes/node-0": b"1"})
        running.kill()
        wait_for("the loss is noticed", lambda: connection.client.state != "CONNECTED")
        with pytest.raises(StoreUnavailableError):
            store.commit({"nodes/node-0": b"2"})
        with pytest.raises(StoreUnavailableError):
            store.load()
        assert connection.client.state != "CONNECTED", "neither waited for the server"
        running.start()
        wait_for("the connection is back", lambda: connection.client.state == "CONNECTED")
        store.commit({"nodes/node-0": b"3"})
        assert store.load() == {"nodes/node-0": b"3"}
    finally:
        connection.close()


@pytest.mark.zookeeper
@pytest.mark.parametrize("happened", [True, False])
def test_a_write_without_an_answer_is_settled_before_the_next(running: Server, happened: bool) -> None:
    root = f"/{uuid.uuid4().hex}"
    connection, helper = connect(running, root), connect(running, root)
    try:
        store = ZooKeeperStore(connection)
        store.load()
        store.commit({"nodes/node-0": b"1", "nodes/node-2": b"1"})
        # What the store knows after a write whose answer was lost; whether it happened is up to the other client.
        store.forget_answer({"nodes/node-0": b"2", "nodes/node-1": b"2", "nodes/node-2": None})
        if happened:
            helper.client.set(f"{root}/nodes/node-0", b"2")
            helper.client.create(f"{root}/nodes/node-1", b"2")
            helper.client.delete(f"{root}/nodes/node-2")
        store.commit({"nodes/node-0": b"3", "nodes/node-1": None, "nodes/node-2": b"3"})
        assert store.load() == {"nodes/node-0": b"3", "nodes/node-2": b"3"}
    finally:
        connection.close()
        helper.close()


@pytest.mark.zookeeper
def test_an_expired_session_is_told_and_frees_the_lock(running: Server) -> None:
    root = f"/{uuid.uuid4().hex}"
    lost = threading.Event()
    connection = connect(running, root, lost.set)
    other = connect(running, root)
    try:
        connection.take_lock(patient(5))
        session = connection.client.client_id
        assert session is not None
        # A second client with the same session that ends it: what ZooKeeper does when a session expires.
        thief = type(connection.client)(hosts=running.hosts, client_id=session, timeout=SESSION_SECONDS)
        thief.start(timeout=patient(10))
        thief.stop()
        thief.close()
        assert lost.wait(patient(20))
        other.take_lock(patient(10))
        # kazoo connects again by itself, with a session that holds nothing: no write may go through it.
        wait_for("a new session", lambda: connection.client.state == "CONNECTED")
        store = ZooKeeperStore(connection)
        with pytest.raises(StoreUnavailableError, match="is lost"):
            store.load()
        with pytest.raises(StoreUnavailableError, match="is lost"):
            store.commit({"nodes/node-0": b"1"})
    finally:
        connection.close()
        other.close()


@pytest.mark.zookeeper
def test_a_second_scheduler_is_refused_by_the_holders_name(running: Server) -> None:
    root = f"/{uuid.uuid4().hex}"
    one, other = connect(running, root), connect(running, root)
    try:
        one.take_lock(patient(5))
        with pytest.raises(FatalError, match=r"another scheduler.*pid \d+") as raised:
            other.take_lock(0.5)
        assert raised.value.code is Exit.LOCKED
        one.close()
        other.take_lock(patient(5))
    finally:
        one.close()
        other.close()


@pytest.mark.zookeeper
def test_the_lock_of_a_process_that_died_on_this_machine_is_free_at_once(running: Server) -> None:
    root = f"/{uuid.uuid4().hex}"
    holding = f"""
import sys, time
from scheduler.storage.zookeeper import ZooKeeper
connection = ZooKeeper({running.hosts!r}, {root!r}, 60.0, lambda: None)
connection.connect(60.0)
connection.take_lock(20.0)
print("held", flush=True)
time.sleep(60)
"""
    connection = connect(running, root)
    with subprocess.Popen([sys.executable, "-c", holding], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            with pytest.raises(FatalError, match=f"pid {other.pid}"):
                connection.take_lock(1.5)
            other.kill()
            connection.take_lock(40.0)
        finally:
            other.kill()
            connection.close()


@pytest.mark.zookeeper
def test_all_records_and_the_folder_go(running: Server) -> None:
    root = f"/{uuid.uuid4().hex}"
    connection, looking = connect(running, root), connect(running, root)
    try:
        connection.take_lock(patient(5))
        ZooKeeperStore(connection).commit({"framework-id": b"{}", "uninstall": b"{}", "nodes/node-0": b"{}"})
        connection.remove_all()
        assert looking.client.exists(root) is None
        connection.remove_all()
    finally:
        connection.close()
        looking.close()


@pytest.mark.zookeeper
def test_who_waits_for_the_lock_has_it_when_all_records_have_gone(running: Server) -> None:
    root = f"/{uuid.uuid4().hex}"
    connection, other = connect(running, root), connect(running, root)
    waiting = threading.Thread(target=other.take_lock, args=[patient(30)])
    try:
        connection.take_lock(patient(5))
        ZooKeeperStore(connection).commit({"framework-id": b"{}", "uninstall": b"{}"})
        waiting.start()
        wait_for("the other one waits", lambda: len(connection.client.get_children(f"{root}/lock")) == 2)
        connection.remove_all()
        waiting.join(patient(10))
        assert not waiting.is_alive()
        assert ZooKeeperStore(other).load() == {}
    finally:
        connection.close()
        other.close()


@pytest.mark.zookeeper
def test_no_server_is_a_clear_error() -> None:
    connection = ZooKeeper("127.0.0.1:1", "/x", SESSION_SECONDS, lambda: None)
    try:
        with pytest.raises(StoreUnavailableError, match="no connection to ZooKeeper"):
            connection.connect(0.5)
    finally:
        connection.close()


def test_an_unavailable_memory_writes_nothing() -> None:
    memory = Memory()
    store = MemoryStore(memory)
    store.load()
    memory.available = False
    with pytest.raises(StoreUnavailableError):
        store.commit({"target": b"1"})
    memory.available = True
    assert MemoryStore(memory).load() == {}
