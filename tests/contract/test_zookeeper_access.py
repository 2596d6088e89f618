"""Credentials and ACL on a real ZooKeeper, and in memory: who can read and write, and how an open tree is closed."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError
from kazoo.security import OPEN_ACL_UNSAFE, make_digest_acl

from scheduler.core.state.record_kinds import FOLDERS, SINGLE
from scheduler.errors import Exit, FatalError, StoreUnavailableError
from scheduler.security.zookeeper import OPEN, Access, Credentials
from scheduler.storage.port import Store
from scheduler.storage.zookeeper import ZooKeeper, ZooKeeperStore
from tests.contract.conftest import SESSION_SECONDS, Server
from tests.memory_store import Memory, MemoryStore
from tests.waiting import patient, wait_for

ALICE = Credentials("alice", "correct:horse:battery")
SECOND = Credentials("alice", "another-password")
OWNED = Access((ALICE,))
READABLE = Access((ALICE,), world_reads=True)
WRONG = Access((SECOND,))


def connect(server: Server, root: str, access: Access) -> ZooKeeper:
    connection = ZooKeeper(server.hosts, root, SESSION_SECONDS, lambda: None, access)
    connection.connect(patient(15))
    return connection


@dataclass(frozen=True)
class Tree:
    """The service's znodes on a real server; every connection is closed after the test."""

    server: Server
    root: str
    stack: ExitStack

    def connect(self, access: Access) -> ZooKeeper:
        connection = connect(self.server, self.root, access)
        self.stack.callback(connection.close)
        return connection

    def store(self, access: Access) -> ZooKeeperStore:
        return ZooKeeperStore(self.connect(access))

    def paths(self, client: KazooClient) -> list[str]:
        found = [self.root]
        for path in found:
            found += [f"{path}/{name}" for name in client.get_children(path)]
        return found


@pytest.fixture
def tree(running: Server) -> Iterator[Tree]:
    with ExitStack() as stack:
        yield Tree(running, f"/dcos-service-{uuid.uuid4().hex}", stack)


@pytest.fixture(params=["memory", pytest.param("zookeeper", marks=pytest.mark.zookeeper)])
def open_as(request: pytest.FixtureRequest) -> Callable[[Access], Callable[[Access], Store]]:
    """Return a function from the owner's access to a function that opens a store with another."""
    if request.param == "zookeeper":
        found: Tree = request.getfixturevalue("tree")
        return lambda _: found.store

    def own(owner: Access) -> Callable[[Access], Store]:
        memory = Memory("alice:correct", owner.world_reads)
        users = {ALICE: "alice:correct", SECOND: "alice:another", None: ""}
        return lambda access: MemoryStore(memory, users[access.owner])

    return own


@pytest.mark.parametrize("other", [OPEN, WRONG], ids=["no credentials", "wrong password"])
@pytest.mark.parametrize("owner", [OWNED, READABLE], ids=["closed", "readable"])
def test_only_the_owner_writes_and_the_world_reads_if_it_may(
    open_as: Callable[[Access], Callable[[Access], Store]], owner: Access, other: Access
) -> None:
    opened = open_as(owner)
    writes: dict[str, bytes | None] = dict.fromkeys((*SINGLE, *(f"{folder}/one" for folder in FOLDERS)), b"{}")
    opened(owner).commit(writes)
    store = opened(other)
    if owner.world_reads:
        assert store.load() == writes
        assert store.has("target")
    else:
        for read in (store.load, lambda: store.has("target")):
            with pytest.raises(FatalError, match="refuses access") as raised:
                read()
            assert raised.value.code is Exit.UNAUTHORIZED
    for change in ({"target": b"1"}, {"nodes/other": b"1"}, {"nodes/one": None}):
        if not owner.world_reads:
            break  # the store has not read, so that it knows no version to replace
        with pytest.raises(FatalError, match="refuses access") as raised:
            store.commit(change)
        assert raised.value.code is Exit.UNAUTHORIZED
    with pytest.raises(FatalError, match="refuses access"):
        opened(other).commit({"nodes/new": b"1"})
    assert opened(owner).load() == writes


@pytest.mark.zookeeper
def test_every_znode_is_created_with_the_acl_lock_and_folders_included(tree: Tree) -> None:
    connection = tree.connect(OWNED)
    connection.take_lock(patient(5))
    ZooKeeperStore(connection).commit({"target": b"{}", "nodes/node-0": b"{}", "framework-id": b"{}"})
    paths = tree.paths(connection.client)
    assert len(paths) == 7
    for path in paths:
        assert connection.client.get_acls(path)[0] == [make_digest_acl(ALICE.user, ALICE.password, all=True)], path
    assert connection.protect() == 0
    stranger = tree.connect(OPEN).client
    for path in paths:
        for touch in (stranger.get, stranger.get_children, lambda path: stranger.set(path, b"x")):
            with pytest.raises(NoAuthError):
                touch(path)
        with pytest.raises(NoAuthError):
            stranger.create(f"{path}/new", b"")


@pytest.mark.zookeeper
def test_an_open_tree_is_closed_and_an_interrupted_migration_continues(
    tree: Tree, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = tree.store(OPEN)
    writes: dict[str, bytes | None] = {f"nodes/node-{number}": b"{}" for number in range(600)}
    before.commit(writes | {"target": b"{}"})
    connection = tree.connect(READABLE)
    connection.take_lock(patient(5))
    # As if an earlier one had ended here.
    acl = [make_digest_acl(ALICE.user, ALICE.password, all=True)]
    connection.client.set_acls(f"{tree.root}/nodes", acl)
    connection.client.set_acls(f"{tree.root}/nodes/node-7", acl)
    # The root, the target, the folder of the nodes and the nodes; folder of the lock and lock have the ACL already.
    assert connection.protect() == 3 + 600
    assert "603 of 605 znodes" in caplog.text
    assert "user alice; every client can read them" in caplog.text
    assert ALICE.password not in caplog.text
    with pytest.raises(FatalError, match=f"{tree.root}/target"):
        before.commit({"target": b"1"})
    assert len(tree.store(OPEN).load()) == 601
    closed = tree.connect(OWNED)
    connection.close()
    closed.take_lock(patient(5))
    assert closed.protect() == 604
    assert closed.protect() == 0


@pytest.mark.zookeeper
def test_a_new_password_takes_over_with_the_earlier_one_on_a_further_line(tree: Tree) -> None:
    first = tree.connect(OWNED)
    first.take_lock(patient(5))
    ZooKeeperStore(first).commit({"target": b"{}"})
    first.close()
    both = tree.connect(Access((SECOND, ALICE)))
    both.take_lock(patient(5))
    assert both.protect() == 3
    both.close()
    alone = tree.connect(WRONG)
    alone.take_lock(patient(5))
    assert alone.protect() == 0
    with pytest.raises(FatalError):
        tree.store(OWNED).load()


@pytest.mark.zookeeper
def test_znodes_of_somebody_else_are_named_and_the_others_are_closed(tree: Tree) -> None:
    stranger = tree.connect(OPEN).client
    bob = [make_digest_acl("bob", "secret-of-bob", all=True)]
    stranger.create(f"{tree.root}/nodes", makepath=True)
    stranger.create(f"{tree.root}/nodes/node-0", b"", acl=bob)
    stranger.create(f"{tree.root}/nodes/node-1", b"")
    for number in range(4):
        stranger.create(f"{tree.root}/foreign-{number}", b"", acl=bob)
    connection = tree.connect(OWNED)
    connection.take_lock(patient(5))
    with pytest.raises(FatalError) as raised:
        connection.protect()
    assert raised.value.code is Exit.UNAUTHORIZED
    shown = ", ".join(f"{tree.root}/foreign-{number}" for number in range(3))
    assert str(raised.value).startswith(f"{shown} and 2 more znodes cannot be protected: other credentials own them")
    with pytest.raises(NoAuthError):
        stranger.get(f"{tree.root}/nodes/node-1")
    # The owner of the folder can remove them, and start again.
    for path in ("nodes/node-0", *(f"foreign-{number}" for number in range(4))):
        connection.client.delete(f"{tree.root}/{path}")
    assert connection.protect() == 0


@pytest.mark.zookeeper
@pytest.mark.parametrize("owner", [OWNED, READABLE], ids=["closed", "readable"])
@pytest.mark.parametrize("other", [OPEN, WRONG], ids=["no credentials", "wrong password"])
def test_without_the_right_the_lock_is_refused_by_its_path_and_what_to_set(
    tree: Tree, owner: Access, other: Access
) -> None:
    connection = tree.connect(owner)
    connection.take_lock(patient(5))
    with pytest.raises(FatalError) as raised:
        tree.connect(other).take_lock(patient(5))
    assert raised.value.code is Exit.UNAUTHORIZED
    assert str(raised.value).startswith(f"ZooKeeper refuses access to {tree.root}/lock (NoAuth): its ACL grants")
    assert "ZOOKEEPER_CREDENTIALS_FILE" in str(raised.value)


@pytest.mark.zookeeper
def test_an_acl_that_changes_below_a_running_scheduler_ends_it(tree: Tree) -> None:
    store = tree.store(OPEN)
    store.commit({"target": b"{}"})
    admin = tree.connect(OPEN).client
    admin.set_acls(f"{tree.root}/target", [make_digest_acl("bob", "secret-of-bob", all=True)])
    admin.set_acls(tree.root, [make_digest_acl("bob", "secret-of-bob", all=True)])
    for commit in ({"target": b"1"}, {"nodes/node-0": b"1"}):
        with pytest.raises(FatalError, match="NoAuth") as raised:
            store.commit(commit)
        assert raised.value.code is Exit.UNAUTHORIZED


@pytest.mark.zookeeper
def test_an_uninstall_removes_what_the_credentials_own(tree: Tree) -> None:
    connection = tree.connect(OWNED)
    connection.take_lock(patient(5))
    ZooKeeperStore(connection).commit({"framework-id": b"{}", "uninstall": b"{}", "nodes/node-0": b"{}"})
    connection.remove_all()
    assert tree.connect(OPEN).client.exists(tree.root) is None


@pytest.mark.zookeeper
def test_an_uninstall_without_the_right_is_refused_and_not_tried_for_ever(tree: Tree) -> None:
    connection = tree.connect(OWNED)
    ZooKeeperStore(connection).commit({"nodes/node-0": b"{}"})
    with pytest.raises(FatalError, match=f"refuses access to {tree.root}"):
        tree.connect(WRONG).remove_all()


@pytest.mark.zookeeper
def test_a_folder_in_which_the_service_cannot_remove_stays_empty(tree: Tree, caplog: pytest.LogCaptureFixture) -> None:
    """The right to create and remove the root is that of its parent, which belongs to the administrators."""
    admin = tree.connect(Access((Credentials("admin", "admin-password"),))).client
    parent = f"/{uuid.uuid4().hex}"
    admin.create(parent, b"", acl=OPEN_ACL_UNSAFE)
    connection = connect(tree.server, f"{parent}/x", OWNED)
    tree.stack.callback(connection.close)
    connection.take_lock(patient(5))
    admin.set_acls(parent, [make_digest_acl("admin", "admin-password", all=True)])
    connection.remove_all()
    assert f"{parent}/x is empty but not removed" in caplog.text
    assert admin.get_children(parent) == ["x"]
    other = connect(tree.server, f"{parent}/y", OWNED)
    tree.stack.callback(other.close)
    with pytest.raises(FatalError, match=f"refuses access to {parent}/y/lock"):
        other.take_lock(patient(5))


@pytest.mark.zookeeper
def test_the_password_is_in_no_log_and_no_znode(tree: Tree, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    # Programs that tests have run before in this process can have raised the levels of its loggers.
    for name in ("kazoo", "kazoo.client"):
        caplog.set_level(logging.DEBUG, name)
    connection = tree.connect(OWNED)
    connection.take_lock(patient(5))
    ZooKeeperStore(connection).commit({"target": b"{}"})
    wait_for("requests are logged", lambda: "Auth(digest)" in caplog.text)
    assert ALICE.password not in caplog.text
    assert ALICE.password not in repr(OWNED)
    client = connection.client
    for path in tree.paths(client):
        assert ALICE.password.encode() not in client.get(path)[0]


def test_an_unavailable_memory_is_no_refusal() -> None:
    memory = Memory("alice")
    memory.available = False
    with pytest.raises(StoreUnavailableError):
        MemoryStore(memory, "bob").load()
