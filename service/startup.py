"""The scheduler in the API's process: ZooKeeper, lock, records, driver and loop, started in this order."""

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
from typing import TypeVar

from executor.certificate_messages import split_certificates
from scheduler import __version__
from scheduler.core.configuration.target import Adoption, adopt
from scheduler.core.events.log import add_entries, lapse_entries, start_entries, target_entry
from scheduler.core.state import codec, record_kinds
from scheduler.core.state.cluster import ClusterState, Stored
from scheduler.core.state.record_kinds import Record
from scheduler.driver.driver import Driver
from scheduler.driver.framework_info import FrameworkSettings
from scheduler.driver.route import context_maker
from scheduler.errors import Exit, FatalError, StaleWriteError, StoreUnavailableError
from scheduler.loop.gateway import LoopGateway
from scheduler.loop.last_words import LastWords
from scheduler.loop.messages import Fatal
from scheduler.loop.run import Loop, Sources
from scheduler.metrics import Metrics
from scheduler.security.authority_end import times
from scheduler.security.lines import read_text
from scheduler.security.sealing import sealer
from scheduler.security.secrets import Secrets
from scheduler.security.service_account import parse_account
from scheduler.security.zookeeper import Access
from scheduler.settings import Settings
from scheduler.settings.effective import wanted_at_start
from scheduler.storage.port import Store
from scheduler.storage.zookeeper import ZooKeeper, ZooKeeperStore
from service.certificate_source import own_places
from service.uninstall import begin_removal, is_over, last_snapshot

T = TypeVar("T")

logger = logging.getLogger(__name__)

# A dead scheduler's lock can stay so much longer than its session.
LOCK_MARGIN_SECONDS = 5.0
CONNECT_SECONDS = 15.0
RETRY_SECONDS = 1.0
STAY_SECONDS = 5.0


class Service:
    """One running scheduler. `ended` is called once, on the service's thread, with the code to end the process with.

    With `stays`, an uninstalled service still serves its plan until it is stopped: if its process ended, Marathon would
    start it again.
    """

    def __init__(
        self,
        settings: Settings,
        gateway: LoopGateway,
        ended: Callable[[Exit], object],
        stays: bool = True,
        metrics: Metrics | None = None,
    ) -> None:
        self._settings = settings
        self._gateway = gateway
        self._ended = ended
        self._stays = stays
        self._metrics = metrics or Metrics()
        self._stopping = threading.Event()
        self._loop: Loop | None = None
        self._driver: Driver | None = None
        self._zookeeper: ZooKeeper | None = None
        self._lost: FatalError | None = None
        self._sealer = sealer(settings.secrets_key_file, settings.secrets_key)
        self._backup_keys = settings.backup_keys()
        self._trouble = ""  # why the last attempt to begin failed, after a colon
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)

    def start(self) -> None:
        """Start, on a thread of its own."""
        self._thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """End the loop, the driver (nodes keep running) and the lock, in this order, within `seconds`."""
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
        except Exception:  # the process' border: a scheduler without its loop must not stay
            code = Exit.FAILED
            logger.critical("the scheduler ends with code %d: an error of the program", code, exc_info=True)
        finally:
            self._close()
            self._ended(code)

    def _work(self) -> None:
        logger.info("cassandra-mesos %s, service %s", __version__, self._settings.service_name)
        logger.info("%s", self._backup_keys.sentence)
        begun = self._begin()
        if begun is None:
            return
        store, state = begun
        if state is None or self._run_loop(store, state):
            self._remove_records()
            # That of the loop's end: at its begin the tasks ran.
            self._stay(state if self._loop is None else self._loop.state)

    def _run_loop(self, store: Store, state: ClusterState) -> bool:
        """Run until stopped or until an uninstall has torn the framework down; return whether it has."""
        self._gateway.explain("the scheduler has not subscribed to Mesos yet")
        # The driver posts to the loop and the loop sends through the driver: the loop is made first.
        posts: list[Callable[..., object]] = []
        driver = Driver(framework(self._settings), state.framework_id, lambda event: posts[0](event))
        given, metrics = self._settings, self._metrics
        words = LastWords(lambda event: posts[0](event), context_maker(given.mesos_tls()))
        issuer = replace(given.issuer(self._sealer), api_places=own_places(given))
        loop = Loop(
            store,
            driver,
            state,
            _SOURCES,
            self._gateway.publish,
            Secrets(self._sealer, self._backup_keys, issuer, given.security_superuser_file),
            words.ask,
            metrics.observe_cycle,
        )
        posts.append(loop.put)
        self._loop, self._driver = loop, driver
        if self._lost is not None:
            raise self._lost
        self._gateway.open(loop.put)
        driver.start()
        return not self._stopping.is_set() and loop.run()

    def _remove_records(self) -> None:
        """Remove all records, the last step of an uninstall; retries until done or stopped."""
        while self._zookeeper is not None and not self._stopping.is_set():
            if self._lost is not None:
                raise self._lost
            try:
                self._zookeeper.remove_all()
            except StoreUnavailableError as error:
                logger.warning("%s; trying again", error)
                self._stopping.wait(RETRY_SECONDS)
                continue
            logger.warning("service %s uninstalled: all of its records are removed", self._settings.service_name)
            return

    def _stay(self, state: ClusterState | None) -> None:
        self._close()
        self._gateway.shut("the service is uninstalled")
        spec = self._settings.cluster_spec()
        while self._stays and not self._stopping.is_set():
            self._gateway.publish(last_snapshot(state, spec, _SOURCES.now()))
            self._stopping.wait(STAY_SECONDS)

    def _begin(self) -> tuple[Store, ClusterState | None] | None:
        """Take the lock and load the records.

        Returns the store and the state, which is None if the service is uninstalled; None if stopped before.
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
                self._trouble = f": {error}"
                if self._zookeeper is not None:
                    self._zookeeper.close()
                self._stopping.wait(RETRY_SECONDS)
        return None

    def _read(self, store: Store) -> ClusterState | None:
        settings = self._settings
        # An uninstall that has begun can only continue.
        if not (settings.service_uninstall or store.has(record_kinds.UNINSTALL)):
            return begin(store, settings, _SOURCES)
        with _fatal_if_unreadable():
            contents = store.load()
            if is_over(contents):
                logger.info("only the folder of this service in ZooKeeper is left")
                return None
            principal = "SERVICE_UNINSTALL" if self._stays else "the command uninstall"
            return begin_removal(store, contents, settings.cluster_spec(), _SOURCES.now(), principal)

    def _take_lock(self) -> ZooKeeper:
        settings = self._settings
        session = settings.zookeeper_session_timeout_s
        self._gateway.explain(f"waiting for ZooKeeper at {settings.zookeeper_servers}{self._trouble}")
        zookeeper = ZooKeeper(
            settings.zookeeper_servers, settings.zookeeper_root, session, self._lose_session, access(settings)
        )
        self._zookeeper, self._lost = zookeeper, None
        zookeeper.connect(CONNECT_SECONDS)
        self._gateway.explain("waiting for the service's lock in ZooKeeper")
        zookeeper.take_lock(session + LOCK_MARGIN_SECONDS)
        zookeeper.protect()
        return zookeeper

    def _lose_session(self) -> None:
        error = FatalError(
            Exit.SESSION_LOST, "ZooKeeper session lost, and the lock with it: another scheduler can run now"
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


_SOURCES = Sources(now=time.time, new_id=lambda: str(uuid.uuid4()), uptime=time.monotonic)


@contextmanager
def _fatal_if_unreadable() -> Iterator[None]:
    """Turn StateCorruptError into a FatalError."""
    try:
        yield
    except codec.StateCorruptError as error:
        raise FatalError(
            Exit.STATE, f"{error}. Nothing has changed. Start the version that wrote it, or repair the record by hand."
        ) from error


def begin(store: Store, settings: Settings, sources: Sources) -> ClusterState:
    """Load the state, and adopt the settings of this start and the overrides as the target if the cluster can follow.

    Raises:
        FatalError: A record cannot be read, or the first configuration is invalid.
    """
    with _fatal_if_unreadable():
        stored = codec.load(store.load())
        _check_certificates(stored)
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
        logger.info("configuration %s is the new target", adoption.new_target.id)
    for reason in state.configuration_errors:
        logger.error("new settings refused, the target stays: %s", reason)
    return replace(state, policy=policy)


def _check_certificates(stored: Stored) -> None:
    """Read the certificates of authorities in the records, which each cycle looks at. Raises StateCorruptError."""
    texts: list[tuple[Record, str]] = []
    if (record := stored.authority) is not None:
        texts += [(record, item.certificate) for item in (record.current, record.following) if item is not None]
    for configuration in stored.configurations.values():
        split = split_certificates(configuration.spec.cassandra.client_authorities)
        texts += [(configuration, certificate) for certificate in split]
    for holder, certificate in texts:
        try:
            times(certificate)
        except ValueError:
            raise codec.StateCorruptError(record_kinds.path_of(holder), "it holds what is no certificate") from None


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


def access(settings: Settings) -> Access:
    """Return the rights in ZooKeeper; reads the credentials file, which can have changed since the settings' check.

    Raises:
        FatalError: The file can no longer be used.
    """
    try:
        return settings.zookeeper_access()
    except (OSError, ValueError) as error:
        path = settings.zookeeper_credentials_file
        raise FatalError(Exit.SETTINGS, f"ZOOKEEPER_CREDENTIALS_FILE {path} cannot be used: {error}.") from error


def _read(setting: str, path: str, parse: Callable[[str], T]) -> T | None:
    """Return what a setting's file holds now, None if it is not set. Raises FatalError."""
    try:
        return parse(read_text(Path(path))) if path else None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise FatalError(Exit.SETTINGS, f"{setting} {path} cannot be used any more: {why}.") from error


def framework(settings: Settings) -> FrameworkSettings:
    """Return the framework's data for Mesos; reads the principal's secret or the service account from its file.

    Raises:
        FatalError: The file can no longer be used.
    """
    secret = _read("SERVICE_SECRET_FILE", settings.service_secret_file, lambda text: text.strip(" \t\r\n"))
    account = _read("SERVICE_ACCOUNT_FILE", settings.service_account_file, parse_account)
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
        web_url=f"{settings.api_scheme}://{host}:{settings.api_port}/v1/plan",
        tls=settings.mesos_tls(),
        account=account,
    )
