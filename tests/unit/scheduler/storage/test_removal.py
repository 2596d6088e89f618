"""The removal of all records while another client writes below the service's folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kazoo.exceptions import ConnectionLoss, NotEmptyError

from scheduler.errors import StoreUnavailableError
from scheduler.storage.zookeeper import ZooKeeper


@pytest.fixture
def zookeeper() -> Iterator[ZooKeeper]:
    made = ZooKeeper("127.0.0.1:1", "/service", 2.0, lambda: None)
    yield made
    made.close()


class Folder:
    """The service's folder: the znodes in it, and the errors of the next requests to remove one, by its name."""

    def __init__(self, zookeeper: ZooKeeper, patch: pytest.MonkeyPatch) -> None:
        self.left = ["framework-id", "lock", "nodes", "uninstall"]
        self.errors: dict[str, Exception] = {}
        self.released = 0
        patch.setattr(zookeeper.client, "exists", lambda _: True)
        patch.setattr(zookeeper.client, "get_children", lambda _: list(self.left))
        patch.setattr(zookeeper.client, "delete", self.delete)
        patch.setattr(zookeeper._lock, "release", self.release)

    def delete(self, path: str, recursive: bool = False) -> None:
        name = path.removeprefix("/service/")
        if (error := self.errors.pop(name, None)) is not None:
            raise error
        if name in self.left:
            self.left.remove(name)

    def release(self) -> bool:
        self.released += 1
        return True


@pytest.fixture
def folder(zookeeper: ZooKeeper, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(zookeeper, monkeypatch)


def test_a_znode_that_another_client_adds_meanwhile_does_not_end_the_removal(
    zookeeper: ZooKeeper, folder: Folder
) -> None:
    """It would leave `uninstall` behind, while the log says that all records are removed."""
    folder.errors["nodes"] = NotEmptyError()
    with pytest.raises(StoreUnavailableError, match="another client writes below /service"):
        zookeeper.remove_all()
    assert (folder.left, folder.released) == (["lock", "nodes", "uninstall"], 0)
    zookeeper.remove_all()
    assert (folder.left, folder.released) == ([], 1)


def test_what_the_next_holder_of_the_lock_writes_is_not_removed(zookeeper: ZooKeeper, folder: Folder) -> None:
    folder.errors["lock"] = ConnectionLoss()
    with pytest.raises(StoreUnavailableError):
        zookeeper.remove_all()
    assert (folder.left, folder.released) == (["lock"], 1)
    folder.left += ["framework-id", "nodes"]
    folder.errors["lock"] = NotEmptyError()
    zookeeper.remove_all()
    assert folder.left == ["lock", "framework-id", "nodes"]


def test_nothing_is_removed_in_a_session_without_the_lock(zookeeper: ZooKeeper, folder: Folder) -> None:
    zookeeper.lost = True
    with pytest.raises(StoreUnavailableError, match="the lock is lost"):
        zookeeper.remove_all()
    assert len(folder.left) == 4
