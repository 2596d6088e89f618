"""Connection, lock and records in ZooKeeper, the only user of kazoo for this service's records.

While the connection is SUSPENDED, calls fail at once with StoreUnavailableError. When it is LOST, the lock is lost too
and another scheduler can run: `on_lost` is called, and the process must end.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from kazoo.client import TransactionRequest
from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    KazooException,
    LockTimeout,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState, ZnodeStat

from scheduler.core.state.record_kinds import FOLDERS, FRAMEWORK_ID, SINGLE, UNINSTALL
from scheduler.errors import Exit, FatalError, StaleWriteError, StoreUnavailableError
from scheduler.security.zookeeper import OPEN, Access
from scheduler.storage.acl import protect
from scheduler.storage.answers import ANSWER_SECONDS, CLIENT_ERRORS, REFUSALS, UNKNOWN_OUTCOME, refusal, take_answer
from scheduler.storage.client import ClientLog, make_client
from scheduler.storage.lock_holder import is_dead, parse_holder, this_process
from scheduler.storage.port import Writes, check_size

logger = logging.getLogger(__name__)

LOCK = "lock"
# Interval of the checks whether the holder has died.
LOCK_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class _Attempt:
    """A transaction with an unknown result: its writes, and the versions that they were to replace."""

    writes: Writes
    versions: Mapping[str, int]


class ZooKeeper:
    """The connection to ZooKeeper for one service; `root` is its folder."""

    def __init__(
        self,
        servers: str,
        root: str,
        session_seconds: float,
        on_lost: Callable[[], object],
        access: Access = OPEN,
    ) -> None:
        self.root = root
        self._access = access
        self._log = ClientLog()
        self._session_seconds = session_seconds
        self._on_lost = on_lost
        self._closing = False
        self._emptied = False
        self.lost = False
        self.client = make_client(servers, session_seconds, access, self._log)
        self.client.add_listener(self._listen)
        self._me = this_process()
        self._lock = self.client.Lock(f"{root}/{LOCK}", identifier=str(self._me))

    def connect(self, seconds: float) -> None:
        """Wait up to `seconds` for the first session.

        Raises:
            StoreUnavailableError: There is none; the text has the cause of the last failed attempt.
            FatalError: ZooKeeper refuses the credentials.
        """
        try:
            self.client.start(timeout=seconds)
        except KazooTimeoutError as error:
            cause = self._log.explain(self._access.tls) or "no server answers"
            raise self._failure(f"no connection to ZooKeeper after {seconds:.0f} s: {cause}") from error

    def take_lock(self, seconds: float) -> None:
        """Take the service's lock, for as long as this session lives.

        Raises:
            FatalError: Another scheduler, which the text names, still holds it after `seconds`, or ZooKeeper refuses
                access to it.
            StoreUnavailableError: ZooKeeper does not answer.
        """
        deadline = time.monotonic() + seconds
        try:
            while True:
                self._remove_dead()
                try:
                    self._lock.acquire(timeout=min(LOCK_LOOK_SECONDS, max(0.01, deadline - time.monotonic())))
                except LockTimeout:
                    if time.monotonic() >= deadline:
                        raise
                else:
                    return
        except LockTimeout as error:
            raise FatalError(
                Exit.LOCKED,
                f"another scheduler of this service runs: {self.holder()} has held {self.root}/{LOCK} for more than "
                f"the {seconds:.0f} s that a dead one's session can last. Stop one of them, or set another "
                "SERVICE_NAME for this one.",
            ) from error
        except REFUSALS as error:
            raise refusal(f"{self.root}/{LOCK}", error) from error
        except KazooException as error:
            raise self._failure(f"the lock could not be taken: {error!r}") from error

    def _failure(self, words: str) -> StoreUnavailableError | FatalError:
        """Return the error for calls that failed; after refused credentials, kazoo only says that it is closed."""
        cause = self._log.cause
        return refusal(self.root, cause) if isinstance(cause, AuthFailedError) else StoreUnavailableError(words)

    def protect(self) -> int:
        """Give the ACL of this scheduler's credentials to each znode that has another one; return how many.

        Needs the lock. Raises FatalError for znodes of other credentials, and StoreUnavailableError.
        """
        return protect(self.client, self.root, self._access)

    def _remove_dead(self) -> None:
        """Remove dead schedulers of this machine from the queue for the lock, instead of waiting for their sessions."""
        folder = f"{self.root}/{LOCK}"
        for name in self.client.get_children(folder) if self.client.exists(folder) else ():
            try:
                text = self.client.get(f"{folder}/{name}")[0].decode(errors="replace")
                holder = parse_holder(text)
                if holder is not None and is_dead(holder, self._me):
                    self.client.delete(f"{folder}/{name}")
                    logger.info("lock removed from a scheduler that has died: %s", text)
            except NoNodeError:
                continue  # its session has just ended

    def holder(self) -> str:
        """Return the holder of the lock as it identified itself."""
        try:
            contenders = self._lock.contenders()
        except KazooException as error:
            return f"an unknown scheduler ({error!r})"
        return contenders[0] if contenders else "no scheduler"

    def remove_all(self) -> None:
        """Remove every record, the framework's id first and `uninstall` last, then release the lock.

        Can be called again after StoreUnavailableError. A scheduler that waits for the lock can take it afterwards.
        """
        try:
            # Once the lock was released, what is there is of the scheduler that has taken it.
            if not self._emptied:
                self._remove_records()
                self._emptied = True
            self._lock.release()
            self._remove_folder()
        except (NotEmptyError, NoNodeError):
            logger.info("%s not removed: another scheduler of that name waits for its lock", self.root)
        except REFUSALS as error:
            raise refusal(self.root, error) from error
        except CLIENT_ERRORS as error:
            raise StoreUnavailableError(f"records not removed: {error!r}") from error

    def _remove_records(self) -> None:
        names = self.client.get_children(self.root) if self.client.exists(self.root) else []
        try:
            for name in sorted(set(names) - {LOCK, UNINSTALL}, key=lambda name: (name != FRAMEWORK_ID, name)):
                self._remove_tree(name)
            if UNINSTALL in names:
                self._remove_tree(UNINSTALL)
        except NotEmptyError as error:
            raise StoreUnavailableError(f"records not removed: another client writes below {self.root}") from error

    def _remove_tree(self, name: str) -> None:
        if self.lost:  # a new session, which kazoo makes by itself, does not hold the lock
            raise StoreUnavailableError("records not removed: the ZooKeeper session that held the lock is lost")
        self.client.delete(f"{self.root}/{name}", recursive=True)

    def _remove_folder(self) -> None:
        self.client.delete(f"{self.root}/{LOCK}")
        try:
            self.client.delete(self.root)
        except NoAuthError:
            # The right to remove a znode is its parent's, which is not of this service.
            logger.warning("%s is empty but not removed: ZooKeeper refuses it (NoAuth); remove it by hand", self.root)

    def close(self) -> None:
        """Release the lock and end the session. Can be called more than once."""
        self._closing = True
        try:
            if self.client.state == KazooState.CONNECTED and self._lock.is_acquired:
                self._lock.release()
        except KazooException as error:
            logger.warning("lock not released: %r; it ends with the session", error)
        self.client.stop()
        self.client.close()

    def _listen(self, state: str) -> None:
        # Called on kazoo's own thread, which must not be blocked.
        if self._closing:
            return
        level = logging.INFO if state == KazooState.CONNECTED else logging.WARNING
        logger.log(level, "the connection to ZooKeeper is %s", state)
        if state == KazooState.LOST:
            # kazoo continues with a new session, which does not hold the lock, so nothing must be written with it.
            self.lost = True
            self._on_lost()


class ZooKeeperStore:
    """The records of one service. Versions are those that this store last read or wrote."""

    def __init__(self, zookeeper: ZooKeeper) -> None:
        self._zookeeper = zookeeper
        self._client = zookeeper.client
        self._versions: dict[str, int] = {}
        self._folders: set[str] = set()
        self._doubtful: _Attempt | None = None

    def load(self) -> Mapping[str, bytes]:
        """Load every record, in one pass of concurrent requests."""
        self._check_connected()
        found = self._read(self._paths())
        self._versions = {path: stat.version for path, (_, stat) in found.items()}
        return {path: content for path, (content, _) in found.items()}

    def has(self, path: str) -> bool:
        """Return whether the record exists."""
        self._check_connected()
        return bool(self._read([path]))

    def commit(self, writes: Writes) -> None:
        """Write all or none, as the port demands."""
        self._check_connected()
        self._settle()
        check_size(writes)
        writes = {path: content for path, content in writes.items() if content is not None or path in self._versions}
        if not writes:
            return
        self._make_folders(writes)
        try:
            results = self._request(writes).commit_async().get(timeout=ANSWER_SECONDS)
        except UNKNOWN_OUTCOME as error:
            self.forget_answer(writes)
            raise StoreUnavailableError(f"ZooKeeper did not answer a write: {error!r}") from error
        self._note(writes, results)

    def _request(self, writes: Writes) -> TransactionRequest:
        request = self._client.transaction()
        for path, content in writes.items():
            version = self._versions.get(path)
            if version is None:
                request.create(self._absolute(path), content or b"")
            elif content is None:
                request.delete(self._absolute(path), version=version)
            else:
                request.set_data(self._absolute(path), content, version=version)
        return request

    def forget_answer(self, writes: Writes) -> None:
        """Mark the result of this transaction, the last one sent, as unknown."""
        versions = {path: self._versions[path] for path in writes if path in self._versions}
        self._doubtful = _Attempt(dict(writes), versions)

    def _note(self, writes: Writes, results: Iterable[object]) -> None:
        for (path, content), result in zip(writes.items(), results, strict=True):
            if isinstance(result, RolledBackError | RuntimeInconsistency):
                continue  # another write of the transaction has the reason
            if isinstance(result, BadVersionError | NodeExistsError | NoNodeError):
                raise StaleWriteError(f"{path} was changed by another writer ({type(result).__name__})")
            if isinstance(result, REFUSALS):
                raise refusal(self._absolute(path), result)
            if isinstance(result, Exception):
                raise StoreUnavailableError(f"ZooKeeper refused to write {path}: {result!r}")
            if content is None:
                del self._versions[path]
            else:
                self._versions[path] = result.version if isinstance(result, ZnodeStat) else 0

    def _settle(self) -> None:
        """Find out whether a transaction without an answer happened."""
        attempt = self._doubtful
        if attempt is None:
            return
        found = self._read(attempt.writes)
        for path, content in attempt.writes.items():
            record = found.get(path)
            version = None if record is None else record[1].version
            if version == attempt.versions.get(path):
                continue  # it did not happen
            if (None if record is None else record[0]) != content:
                raise StaleWriteError(f"{path} was changed by another writer")
            if record is None:
                self._versions.pop(path, None)
            else:
                self._versions[path] = record[1].version
        self._doubtful = None

    def _paths(self) -> list[str]:
        results = {name: self._client.get_children_async(self._absolute(name)) for name in FOLDERS}
        paths = list(SINGLE)
        for folder, result in results.items():
            try:
                paths += [f"{folder}/{name}" for name in take_answer(result, self._absolute(folder))]
            except NoNodeError:
                continue
            self._folders.add(folder)
        return paths

    def _read(self, paths: Iterable[str]) -> dict[str, tuple[bytes, ZnodeStat]]:
        results = {path: self._client.get_async(self._absolute(path)) for path in paths}
        found = {}
        for path, result in results.items():
            try:
                found[path] = take_answer(result, self._absolute(path))
            except NoNodeError:
                continue
        return found

    def _make_folders(self, writes: Iterable[str]) -> None:
        for folder in {path.rpartition("/")[0] for path in writes} - self._folders:
            try:
                self._client.ensure_path(self._absolute(folder))
            except REFUSALS as error:
                raise refusal(self._absolute(folder), error) from error
            except UNKNOWN_OUTCOME as error:
                raise StoreUnavailableError(f"ZooKeeper did not make the folder {folder}: {error!r}") from error
            self._folders.add(folder)

    def _check_connected(self) -> None:
        if self._zookeeper.lost:
            raise StoreUnavailableError("the ZooKeeper session that held the lock is lost")
        if self._client.state != KazooState.CONNECTED:
            raise StoreUnavailableError(f"the connection to ZooKeeper is {self._client.state}")

    def _absolute(self, path: str) -> str:
        return f"{self._zookeeper.root}/{path}".rstrip("/")
