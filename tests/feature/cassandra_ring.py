"""Some real Cassandras on loopback addresses, started by the executor's own code without Mesos around them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.policies import WhiteListRoundRobinPolicy

from executor.cassandra.install import Surroundings, install
from executor.cassandra.process import Cassandra
from executor.jmx import access
from executor.jmx.jolokia import STORAGE_SERVICE, Jolokia
from executor.jobs.context import NodeFacts
from executor.protocol import NodeLaunch
from tests.feature import executor_agent
from tests.feature.executor_agent import build_bundle
from tests.waiting import patient, wait_for

# Three nodes on two cores: a node that starts makes the others slow to answer.
_START_SECONDS = 240.0
_STOP_SECONDS = 60.0
# A node that joins ends if no seed answers within this time. In the two seconds of a local cluster, whose scheduler
# would launch it again, a seed on a busy machine does not always.
_RING_DELAY = "-Dcassandra.ring_delay_ms=8000"
# What tests do to a node, beside what the executor may.
_STORAGE = access.ALLOWED[STORAGE_SERVICE]
_THROUGHPUT = ("StreamThroughputMbitPerSec", "ConcurrentCompactors", "CompactionThroughputMbPerSec")
_OF_TESTS = {
    STORAGE_SERVICE: replace(_STORAGE, attributes=(*_STORAGE.attributes, *_THROUGHPUT)),
    "org.apache.cassandra.db:type=RepairService": access.Allowed(
        attributes=("RepairPendingCompactionRejectThreshold",), operations=("*",)
    ),
    "org.apache.cassandra.db:type=Guardrails": access.Allowed(
        attributes=("SecondaryIndexesEnabled",), operations=("*",)
    ),
}
LAUNCH = replace(executor_agent.LAUNCH, node="", cluster_name="ring", rack="", self_seed=False)


@dataclass
class RingNode:
    """One node: its directory is the sandbox that an executor would have."""

    launch: NodeLaunch
    address: str
    directory: Path
    cassandra: Cassandra | None = None

    @property
    def jolokia(self) -> Jolokia:
        """Return a client of the running Cassandra; its password changes with every start."""
        assert self.cassandra is not None, f"{self.launch.node} does not run"
        return self.cassandra.jolokia

    @property
    def data(self) -> Path:
        """Cassandra's data directory."""
        return self.directory / "volume" / "data"

    def facts(self) -> NodeFacts:
        """Return the facts of this node that a job gets."""
        scratch = self.directory / "volume" / "jobs"
        scratch.mkdir(exist_ok=True)
        port = self.launch.ports.native_transport
        return NodeFacts(self.launch.node, self.address, port, self.jolokia, (self.data,), scratch)

    def start(self) -> None:
        """Start Cassandra and wait until it serves."""
        assert self.cassandra is None
        where = Surroundings(self.directory, self.address, os.environ)
        installation = install(self.launch, where, lambda _: None)
        policy = self.directory / "conf" / "jolokia-access.xml"
        policy.write_text(access.policy({**access.ALLOWED, **_OF_TESTS}).replace(' mode="read"', ""))
        self.cassandra = started = Cassandra(installation)

        def serves() -> bool:
            assert started.exit_code() is None, started.cause()
            return started.status(5.0).native_transport_running

        wait_for(f"{self.launch.node} serves", serves, _START_SECONDS)
        started.mark_serving()

    def stop(self) -> None:
        """Drain it, or kill it when that takes too long; its data stays."""
        if self.cassandra is not None:
            self.cassandra.terminate()
            self._wait_ended()

    def kill(self) -> None:
        """Send SIGKILL and wait."""
        assert self.cassandra is not None
        self.cassandra.kill()
        self._wait_ended()

    def _wait_ended(self) -> None:
        assert self.cassandra is not None
        process = self.cassandra
        try:
            wait_for(f"{self.launch.node} ends", lambda: process.exit_code() is not None, _STOP_SECONDS)
        finally:
            process.kill()
            self.cassandra = None

    def set(self, mbean: str, attribute: str, value: object) -> None:
        """Change an attribute of an mbean of the running Cassandra."""
        jolokia = self.jolokia
        credential = base64.b64encode(f"{jolokia.user}:{jolokia.password}".encode()).decode()
        body = {"type": "write", "mbean": mbean, "attribute": attribute, "value": value}
        request = urllib.request.Request(
            f"http://{jolokia.address}:{jolokia.port}/jolokia/",
            json.dumps(body).encode(),
            {"Authorization": f"Basic {credential}"},
        )
        with urllib.request.urlopen(request, timeout=patient(30)) as response:
            answer = json.load(response)
        assert answer["status"] == 200, answer

    @contextmanager
    def cql(self, consistency: int = ConsistencyLevel.ONE, login: tuple[str, str] | None = None) -> Iterator[Session]:
        """Open a session that uses this node alone."""
        profile = ExecutionProfile(
            load_balancing_policy=WhiteListRoundRobinPolicy([self.address]),
            consistency_level=consistency,
            request_timeout=patient(60.0),
        )
        cluster = Cluster(
            [self.address],
            port=self.launch.ports.native_transport,
            auth_provider=None if login is None else PlainTextAuthProvider(*login),
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            protocol_version=5,
            connect_timeout=patient(30.0),
            control_connection_timeout=patient(30.0),
            idle_heartbeat_interval=0,
            # Reading every table's columns costs each session more than what most tests ask.
            schema_metadata_enabled=False,
            token_metadata_enabled=False,
        )
        try:
            yield cluster.connect()
        finally:
            cluster.shutdown()

    def accepts(self, user: str, password: str) -> bool:
        """Return whether this user can log in. Cassandra makes its first user only after it serves."""
        try:
            with self.cql(login=(user, password)):
                return True
        except NoHostAvailable:
            return False


@dataclass(frozen=True)
class Ring:
    """The nodes, the first one is the seed."""

    nodes: tuple[RingNode, ...]

    def start(self) -> None:
        """Start all, one after another."""
        for node in self.nodes:
            node.start()
        self.wait_all_up()

    def wait_all_up(self) -> None:
        """Wait until every running node sees every other running one as up."""
        running = [node for node in self.nodes if node.cassandra is not None]
        wanted = {node.address for node in running}

        def all_up() -> bool:
            return all(wanted <= set(node.cassandra.status(5.0).live) for node in running if node.cassandra)

        wait_for("the nodes see each other", all_up, 60.0)

    def stop(self) -> None:
        """Stop all, each even if another one fails to."""
        for node in self.nodes:
            if node.cassandra is not None:
                node.cassandra.kill()
        for node in self.nodes:
            node.stop()


@contextmanager
def running_ring(directory: Path, addresses: Sequence[str], launch: NodeLaunch = LAUNCH) -> Iterator[Ring]:
    """Start a ring with a node at each address, one rack each, and stop it at the end; the first node is the seed."""
    bundle = _extracted_bundle(directory)
    ring = Ring(tuple(_make_node(directory, bundle, addresses, index, launch) for index in range(len(addresses))))
    try:
        ring.start()
        yield ring
    finally:
        ring.stop()


def add_node(ring: Ring, address: str) -> RingNode:
    """Return another node for a ring, not started and not among the ring's own; in a rack of its own."""
    first = ring.nodes[0]
    addresses = [node.address for node in ring.nodes]
    directory = first.directory.parent
    return _make_node(directory, directory / "cassandra", [*addresses, address], len(addresses), first.launch)


def _make_node(directory: Path, bundle: Path, addresses: Sequence[str], index: int, launch: NodeLaunch) -> RingNode:
    sandbox = directory / f"node-{index}"
    (sandbox / "volume").mkdir(parents=True)
    (sandbox / "cassandra").symlink_to(bundle)
    own = replace(
        launch,
        node=f"node-{index}",
        rack=f"r{index + 1}",
        seeds=(addresses[0],) if index else (),
        self_seed=index == 0,
        jvm_options=(*launch.jvm_options, _RING_DELAY) if index else launch.jvm_options,
    )
    return RingNode(own, addresses[index], sandbox)


def _extracted_bundle(directory: Path) -> Path:
    archive = build_bundle("cassandra")
    subprocess.run(["tar", "xzf", str(archive)], cwd=directory, check=True)
    return directory / "cassandra"
