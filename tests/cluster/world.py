"""One real local cluster as tests see it: its processes, its API, its data."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import ConstantReconnectionPolicy, WhiteListRoundRobinPolicy
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError

from devcluster import executors, local, processes, s3, scheduler_process
from devcluster.bundles import Bundles
from devcluster.cluster_api import ClusterApi
from devcluster.java import find_home
from devcluster.layout import Address, Agent, ClusterLayout
from devcluster.processes import Process, ProcessTable
from devcluster.progress import Printer
from devcluster.requests import Response, UnreachableError, get
from devcluster.up import wait_for_nodes
from tests.ports import free_port
from tests.waiting import NotInTimeError, patient, wait_for

ROOT = Path(__file__).parents[2]
_RECONNECT_SECONDS = 1.0
# The API itself waits up to 40 s for a node.
_ANSWER_SECONDS = 45.0
# The words of refusals after which nothing has changed: who is asked had no processor for as long as the API waits.
_BUSY = ("o answer from", "did not answer within", "command was dropped")
_BUSY_TRIES = 4
Found = TypeVar("Found")


def make_layout(directory: Path, nodes: int, network: str) -> ClusterLayout:
    """Return the layout of a cluster with free ports, addresses of its own and shared bundles."""
    directory.mkdir(parents=True, exist_ok=True)
    shared = ROOT / ".dev" / "bundles"
    shared.mkdir(parents=True, exist_ok=True)
    (directory / "bundles").symlink_to(shared)
    return ClusterLayout(
        directory=directory,
        nodes=nodes,
        network=network,
        # Several clusters share the processors.
        ring_delay_ms=5000,
        zookeeper=Address("127.0.0.1", free_port()),
        master=Address("127.0.0.1", free_port()),
        api=Address("127.0.0.1", free_port()),
        s3=Address("127.0.0.1", free_port()),
    )


@dataclass(frozen=True)
class World:
    """The cluster and what may be done to it."""

    layout: ClusterLayout
    bundles: Bundles
    java_home: Path

    @property
    def table(self) -> ProcessTable:
        """Return its processes."""
        return ProcessTable(self.layout.directory)

    @property
    def token(self) -> str:
        """Return the API's token."""
        return local.token(self.layout)

    def start(self) -> list[str]:
        """Start what does not run."""
        return local.start(self.layout, self.bundles, self.java_home, lambda _: None)

    def stop(self) -> bool:
        """Stop everything in order; the data stays."""
        return local.stop(self.layout, lambda _: None)

    def wait_deployed(self) -> None:
        """Wait until every plan is COMPLETE and every node serves."""
        with open(os.devnull, "w") as sink:
            wait_for_nodes(self.layout, ClusterApi(self.layout, self.token), Printer(sink, time.monotonic))

    def is_whole(self) -> bool:
        """Return whether the scheduler stores, is subscribed and reconciled, plans are COMPLETE and all nodes serve."""
        try:
            health = self.read("/v1/health")
            return (
                health["age_seconds"] < 5.0
                and health["connected"]
                and health["reconciled"]
                and set(health["plans"].values()) == {"COMPLETE"}
                and len(self.read("/v1/connection")["nodes"]) == self.layout.nodes
            )
        except (UnreachableError, AssertionError):  # not an answer, or not a good one: not whole yet
            return False

    def kill(self, name: str) -> Process:
        """Send SIGKILL to a process, with the scheduler to its gunicorn worker, and wait until it is gone."""
        process = self.table.find(name)
        assert process is not None, f"{name} does not run"
        if name == "scheduler":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            processes.send(process, signal.SIGKILL)
        assert processes.wait_ended([process], patient(10))
        return process

    def crash(self, name: str) -> None:
        """Kill one of its processes and start it again."""
        self.kill(name)
        self.start()

    def lose_machine(self, agent: Agent) -> None:
        """Kill an agent with every executor and Cassandra on it."""
        self.kill(agent.name)
        for process in _below([agent]):
            processes.send(process, signal.SIGKILL)

    def get(self, path: str) -> Response:
        """GET with the token; any status is an answer."""
        return get(self.layout.api, path, scheduler_process.headers(self.token), _ANSWER_SECONDS, self.layout.api_ca)

    def read(self, path: str) -> Any:
        """Return the JSON of a GET that must be answered with 200, by a busy machine at last."""
        response = _unless_busy(lambda: self.get(path), lambda found: (found.status, found.body.decode()))
        assert response.status == 200, f"{path}: {response.status} {response.body!r}"
        return response.json()

    def curl(self, *arguments: str) -> tuple[int, Any]:
        """Real curl; returns the status code and the JSON (or text) of the answer."""
        command = ["curl", "-sS", "-w", "\n%{http_code}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=patient(120), check=True)
        body, _, code = done.stdout.rpartition("\n")
        try:
            return int(code), json.loads(body)
        except ValueError:
            return int(code), body

    def put(self, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """PUT with the token; the status and the JSON of the answer, again if a busy machine gave none."""
        arguments = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        auth = f"Authorization: token={self.token}"
        command = ("-X", "PUT", "-H", auth, *arguments, f"{self.layout.api_url}{path}")
        return _unless_busy(lambda: self.curl(*command), lambda found: (found[0], str(found[1])))

    def begin(self, kind: str, body: Mapping[str, Any]) -> str:
        """Start a maintenance operation that must be accepted; its id."""
        code, answer = self.put(f"/v1/{kind}/start", body)
        assert (code, answer.get("status"), answer.get("message")) == (202, "started", ""), (code, answer)
        return str(answer["id"])

    def wait_ended(self, kind: str, seconds: float = 120.0) -> dict[str, Any]:
        """Return the status of the newest operation of that kind, once it is complete or in ERROR."""
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(self.read(f"/v1/{kind}/status"))
            return found["state"] in ("COMPLETE", "DIFFERENT", "STOPPED", "ERROR")

        try:
            wait_for(f"{kind} has ended", ended, seconds)
        except NotInTimeError as error:
            raise NotInTimeError(f"{error}: {json.dumps(found, indent=1)}") from error
        return found

    def run(self, kind: str, body: Mapping[str, Any], seconds: float = 120.0) -> dict[str, Any]:
        """Start a maintenance operation and wait until it is complete; its status."""
        identifier = self.begin(kind, body)
        status = self.wait_ended(kind, seconds)
        assert (status["state"], status["id"]) == ("COMPLETE", identifier), json.dumps(status, indent=1)
        return status

    @property
    def location(self) -> str:
        """Return a bucket of the cluster's S3 server, as any cluster can name it."""
        return f"http://{self.layout.s3}/{s3.BUCKET}"

    def records(self) -> dict[str, Any]:
        """Return every record below the service's root in ZooKeeper, by its path."""
        client = KazooClient(str(self.layout.zookeeper))
        client.start(timeout=patient(15))
        try:
            return dict(_walk(client, f"/dcos-service-{self.layout.service_name}"))
        finally:
            client.stop()
            client.close()

    def cassandras(self) -> set[int]:
        """Return the process ids of all Cassandra JVMs under its agents."""
        found = executors.find(self.layout.directory / "agents")
        return {item.pid for item in _cassandras(found)}

    def agent_of(self, node: str) -> Agent:
        """Return the agent on which a node runs."""
        host = self.read(f"/v1/nodes/{node}/info")["hostname"]
        return next(agent for agent in self.layout.agents if agent.address.host == host)

    def cassandras_on(self, *agents: Agent) -> list[Process]:
        """Return the Cassandra JVMs under these agents."""
        return _cassandras(_below(agents))

    def executors_on(self, *agents: Agent) -> list[Process]:
        """Return the other processes under these agents: executors."""
        return [item for item in _below(agents) if not _is_cassandra(item.pid)]

    def processes(self, *names: str) -> list[Process]:
        """Return the running processes of these names; the scheduler's with its gunicorn worker."""
        leaders = {process.pid for name in names if (process := self.table.find(name)) is not None}
        return [process for process, _ in processes.running() if _group(process.pid) in leaders]

    def resume(self) -> None:
        """SIGCONT to everything that it has."""
        parts = self.processes(*self.table.names())
        for process in [*parts, *executors.find(self.layout.directory / "agents")]:
            processes.send(process, signal.SIGCONT)

    @contextmanager
    def halted(self, stopped: Iterable[Process]) -> Iterator[None]:
        """SIGSTOP to these processes at the beginning, SIGCONT at the end."""
        found = list(stopped)
        try:
            for process in found:
                assert processes.send(process, signal.SIGSTOP), process
            yield
        finally:
            for process in found:
                processes.send(process, signal.SIGCONT)

    def master(self, path: str) -> Any:
        """Return the JSON of the master's answer; UnreachableError without one."""
        response = get(self.layout.master, path, seconds=patient(15.0))
        if response.status != 200:
            raise UnreachableError(f"{path}: {response.status}")
        return response.json()

    def task_ids(self) -> dict[str, str]:
        """Return the task id of every node."""
        names = self.read("/v1/nodes/list")
        return {name: self.read(f"/v1/nodes/{name}/info")["id"] for name in names}

    @contextmanager
    def cql(self, login: tuple[str, str] | None = None) -> Iterator[Session]:
        """Open a session at QUORUM, with contact points from the API."""
        contacts = [node.partition(":")[0] for node in self.read("/v1/connection")["nodes"]]
        profile = ExecutionProfile(
            load_balancing_policy=WhiteListRoundRobinPolicy(contacts),
            consistency_level=ConsistencyLevel.QUORUM,
            request_timeout=patient(30.0),
        )
        cluster = Cluster(
            contacts,
            port=self.layout.node_ports.native_transport,
            auth_provider=None if login is None else PlainTextAuthProvider(*login),
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            protocol_version=5,
            connect_timeout=patient(30.0),
            control_connection_timeout=patient(30.0),
            reconnection_policy=ConstantReconnectionPolicy(_RECONNECT_SECONDS, max_attempts=None),
            # Reading every table's columns costs each session more than what most tests ask.
            schema_metadata_enabled=False,
            token_metadata_enabled=False,
        )
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    def destroy(self) -> None:
        """Stop everything and remove the data."""
        self.stop()
        shutil.rmtree(self.layout.directory, ignore_errors=True)


def _unless_busy(ask: Callable[[], Found], read: Callable[[Found], tuple[int, str]]) -> Found:
    """Return the first answer that a busy machine would not give, or the last; `read` returns its code and words."""
    for _ in range(_BUSY_TRIES):
        code, words = read(found := ask())
        if code != 503 or not any(busy in words for busy in _BUSY):
            break
    return found


def _below(agents: Iterable[Agent]) -> list[Process]:
    return [process for agent in agents for process in executors.find(agent.work_directory)]


def _group(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _cassandras(found: Iterable[Process]) -> list[Process]:
    """Without the programs that a JVM starts: each is a copy of it until the moment in which it becomes another one."""
    jvms = [item for item in found if _is_cassandra(item.pid)]
    parents = dict(processes.running())
    pids = {item.pid for item in jvms}
    return [item for item in jvms if item in parents and parents[item] not in pids]


def _is_cassandra(pid: int) -> bool:
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        return Path(process.exe()).name == "java" and any("CassandraDaemon" in part for part in process.cmdline())
    return False


def _walk(client: KazooClient, path: str) -> Iterator[tuple[str, Any]]:
    """Yield paths and contents; the scheduler may remove a record meanwhile."""
    try:
        data, _ = client.get(path)
        children = client.get_children(path)
    except NoNodeError:
        return
    if data:
        try:
            yield path, json.loads(data)
        except ValueError:
            yield path, data
    for child in children:
        yield from _walk(client, f"{path}/{child}")


@contextmanager
def deployed(layout: ClusterLayout) -> Iterator[World]:
    """Run a world whose nodes are up, and stop it at the end."""
    world = make_world(layout)
    try:
        world.start()
        world.wait_deployed()
        yield world
    finally:
        world.stop()


def make_world(layout: ClusterLayout) -> World:
    """Bundles built if need be; nothing started yet."""
    java_home = find_home()
    assert java_home is not None, "no JDK 17; ./dev up installs one"
    built = Bundles(layout.bundles_directory)
    built.build(java_home, lambda _: None)
    return World(layout, built, java_home)
