"""The scheduler beside the API: ZooKeeper, lock, records, driver and loop, started and ended in this order."""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from scheduler import __version__
from scheduler.core.configuration.target import Adoption, adopt
from scheduler.core.events.log import add_entries, lapse_entries, start_entries, target_entry
from scheduler.core.state import codec, record_kinds
from scheduler.core.state.cluster import ClusterState, Stored
from scheduler.driver.driver import Driver
from scheduler.driver.framework_info import FrameworkSettings
from scheduler.errors import Exit, FatalError, StaleWriteError, StoreUnavailableError
from scheduler.loop.gateway import LoopGateway
from scheduler.loop.last_words import LastWords
from scheduler.loop.messages import Fatal
from scheduler.loop.run import Loop, Sources
from scheduler.security.sealing import sealer
from scheduler.settings import Settings
from scheduler.settings.effective import wanted_at_start
from scheduler.storage.port import Store
from scheduler.storage.zookeeper import ZooKeeper, ZooKeeperStore
from service.uninstall import begin_removal, is_over, last_snapshot

logger = logging.getLogger(__name__)

# How much longer than a session a lock of a dead scheduler may be there.
LOCK_MARGIN_SECONDS = 5.0
CONNECT_SECONDS = 15.0
RETRY_SECONDS = 1.0
STAY_SECONDS = 5.0


class Service:
    """One running scheduler. `ended` is called once, on the service's thread, with the code to end the process with.

    With `stays`, a service that has been uninstalled is still to be read of, until it is stopped: were its process to
    end, Marathon would start it again.
    """

    def __init__(
        self, settings: Settings, gateway: LoopGateway, ended: Callable[[Exit], object], stays: bool = True
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._ended = ended
        self._stays = stays
        self._stopping = threading.Event()
        self._loop: Loop | None = None
        self._driver: Driver | None = None
        self._zookeeper: ZooKeeper | None = None
        self._lost: FatalError | None = None
        self._sealer = sealer(settings.secrets_key_file, settings.secrets_key)
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin, on a thread of its own."""
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """End in order: loop, driver (nodes run on), lock."""
        self._stopping.set()
        if self._loop is not None:
            self._loop.stop()
        self._thread.join(seconds)

    def _run(self) -> None:
        code = Exit.OK
        try:
            self._work()
        except FatalError as error:
            code = error.code
            logger.critical("the scheduler ends with code %d (%s): %s", code, code.name, error)
            self._gateway.explain(str(error))
        except Exception:  # the process' border: never go on half alive
            code = Exit.FAILED
            logger.critical("the scheduler ends with code %d: an error of its own", code, exc_info=True)
        finally:
            self._close()
            self._ended(code)

    def _work(self) -> None:
        logger.info("cassandra-mesos %s, service %s", __version__, self._settings.service_name)
        begun = self._begin()
        if begun is None:
            return
        store, state = begun
        if state is None or self._run_loop(store, state):
            self._remove_records()
            self._stay(state)

    def _run_loop(self, store: Store, state: ClusterState) -> bool:
        """Until told to stop, or the framework is torn down at the end of an uninstall: whether it was."""
        self._gateway.explain("the scheduler has not subscribed to Mesos yet")
        # The driver posts to the loop and the loop sends through the driver: the loop is made first.
        posts: list[Callable[..., object]] = []
        driver = Driver(framework(self._settings), state.framework_id, lambda event: posts[0](event))
        words = LastWords(lambda event: posts[0](event))
        loop = Loop(store, driver, state, _SOURCES, self._gateway.publish, self._sealer, words.ask)
        posts.append(loop.put)
        self._loop, self._driver = loop, driver
        if self._lost is not None:
            raise self._lost
        self._gateway.open(loop.put)
        driver.start()
        return not self._stopping.is_set() and loop.run()

    def _remove_records(self) -> None:
        """The last thing that an uninstall does; tried until it is done."""
        while self._zookeeper is not None and not self._stopping.is_set():
            if self._lost is not None:
                raise self._lost
            try:
                self._zookeeper.remove_all()
            except StoreUnavailableError as error:
                logger.warning("%s; trying again", error)
                self._stopping.wait(RETRY_SECONDS)
                continue
            logger.warning("the service %s is uninstalled: nothing of it is left", self._settings.service_name)
            return

    def _stay(self, state: ClusterState | None) -> None:
        self._close()
        self._gateway.shut("the service is uninstalled")
        spec = self._settings.cluster_spec()
        while self._stays and not self._stopping.is_set():
            self._gateway.publish(last_snapshot(state, spec, _SOURCES.now()))
            self._stopping.wait(STAY_SECONDS)

    def _begin(self) -> tuple[Store, ClusterState | None] | None:
        """With the lock in hand, the records and what they say: None of a service that is uninstalled.

        None instead of both when told to stop meanwhile.
        """
        settings = self._settings
        while not self._stopping.is_set():
            try:
                zookeeper = self._take_lock()
                self._gateway.explain("reading the records in ZooKeeper")
                store = ZooKeeperStore(zookeeper)
                return store, self._read(store)
            except StoreUnavailableError as error:
                logger.warning("%s (%s); trying again", error, settings.zookeeper_servers)
                if self._zookeeper is not None:
                    self._zookeeper.close()
                self._stopping.wait(RETRY_SECONDS)
        return None

    def _read(self, store: Store) -> ClusterState | None:
        settings = self._settings
        # Once begun, an uninstall can only go on.
        if not (settings.service_uninstall or store.has(record_kinds.UNINSTALL)):
            return begin(store, settings, _SOURCES)
        with _unreadable_ends_it():
            contents = store.load()
            if is_over(contents):
                logger.info("nothing of this service is left but its folder in ZooKeeper")
                return None
            principal = "SERVICE_UNINSTALL" if self._stays else "the command uninstall"
            return begin_removal(store, contents, settings.cluster_spec(), _SOURCES.now(), principal)

    def _take_lock(self) -> ZooKeeper:
        settings = self._settings
        session = settings.zookeeper_session_timeout_s
        self._gateway.explain(f"waiting for ZooKeeper at {settings.zookeeper_servers}")
        zookeeper = ZooKeeper(settings.zookeeper_servers, settings.zookeeper_root, session, self._lose_session)
        self._zookeeper, self._lost = zookeeper, None
        zookeeper.connect(CONNECT_SECONDS)
        self._gateway.explain("waiting for the service's lock in ZooKeeper")
        zookeeper.take_lock(session + LOCK_MARGIN_SECONDS)
        return zookeeper

    def _lose_session(self) -> None:
        error = FatalError(
            Exit.SESSION_LOST, "the ZooKeeper session is lost, and with it the lock: another scheduler may run now"
        )
        self._lost = error
        if self._loop is not None:
            self._loop.put(Fatal(error))

    def _close(self) -> None:
        if self._driver is not None:
            self._driver.stop()
            self._driver = None
        if self._zookeeper is not None:
            self._zookeeper.close()
            self._zookeeper = None


_SOURCES = Sources(now=time.time, new_id=lambda: str(uuid.uuid4()))


@contextmanager
def _unreadable_ends_it() -> Iterator[None]:
    """A record that cannot be read ends the process."""
    try:
        yield
    except codec.StateCorruptError as error:
        raise FatalError(
            Exit.STATE, f"{error}. Nothing was changed. Start the version that wrote it, or repair the record by hand."
        ) from error


def begin(store: Store, settings: Settings, sources: Sources) -> ClusterState:
    """The state to begin with; what the settings of this start, and those given through the API, ask for is the target
    if the stored cluster can follow.

    Raises FatalError when a record cannot be read or a first configuration makes no sense.
    """
    with _unreadable_ends_it():
        stored = codec.load(store.load())
    wanted, policy = wanted_at_start(settings, stored.overrides)
    adoption = adopt(stored, wanted, sources.now(), sources.new_id)
    if isinstance(adoption, tuple):
        raise FatalError(Exit.SETTINGS, " ".join(adoption))
    state = _note_start(stored, adoption, settings, sources.now())
    if state.cluster_id is None:
        state = replace(state, cluster_id=sources.new_id())
    try:
        store.commit(_writes(stored, state))
    except StaleWriteError as error:
        raise FatalError(Exit.STALE, str(error)) from error
    if adoption.new_target is not None:
        logger.info("configuration %s is the target now", adoption.new_target.id)
    for reason in state.configuration_errors:
        logger.error("the new settings were not taken, the cluster goes on with the old ones: %s", reason)
    return replace(state, policy=policy)


def _writes(stored: Stored, state: ClusterState) -> Mapping[str, bytes | None]:
    writes: dict[str, bytes | None] = {}
    for record in codec.changes(stored, state):
        writes[record_kinds.path_of(record)] = codec.encode_record(record)
    writes |= dict.fromkeys(codec.removals(stored, state))
    if state.cluster_id is not None and state.cluster_id != stored.cluster_id:
        writes[record_kinds.CLUSTER_ID] = codec.encode_record(record_kinds.ClusterId(state.cluster_id))
    return writes


def _note_start(stored: Stored, adoption: Adoption, settings: Settings, now: float) -> ClusterState:
    entries = start_entries(adoption.state, __version__, now)
    lapsed = lapse_entries(stored.overrides, adoption.state, settings.given, now)
    for entry in lapsed:
        logger.warning("%s (%s)", entry.sentence, entry.cause)
    entries += lapsed
    if adoption.new_target is not None:
        entries.append(target_entry(adoption.new_target.id, stored.target, now))
    return add_entries(adoption.state, entries)


def framework(settings: Settings) -> FrameworkSettings:
    """How this service presents itself to Mesos."""
    secret = Path(settings.service_secret_file).read_text().strip() if settings.service_secret_file else None
    host = settings.api_host if settings.api_host not in ("0.0.0.0", "::", "") else socket.gethostname()
    return FrameworkSettings(
        master=settings.mesos_master,
        name=settings.service_name,
        user=settings.service_user,
        role=settings.service_role,
        principal=settings.service_principal,
        secret=secret,
        failover_seconds=settings.service_failover_timeout_s,
        hostname=host,
        web_url=f"http://{host}:{settings.api_port}/v1/plan",
    )
