"""The layout of one local cluster: its directory, addresses and sizes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

RACKS = 3
MAX_NODES = 100
MIN_HEAP_MB = 256
MAX_HEAP_MB = 12 * 1024
# The nominal resources of every agent; the machine's real ones are checked before the start. They must not change while
# an agent's data exists, because a Mesos agent refuses to recover with other resources than it had.
AGENT_CPUS = 4
AGENT_MEMORY_MB = 16 * 1024
AGENT_DISK_MB = 20 * 1024


@dataclass(frozen=True)
class Address:
    """A TCP address."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class NodePorts:
    """The ports that every Cassandra node takes on its own address."""

    storage: int = 7000
    ssl_storage: int = 7001
    native_transport: int = 9042
    jolokia: int = 7199

    def all(self) -> tuple[int, ...]:
        """Return all four, in the order of the fields."""
        return (self.storage, self.ssl_storage, self.native_transport, self.jolokia)


@dataclass(frozen=True)
class Agent:
    """One Mesos agent of the local cluster; `number` counts from 1."""

    number: int
    address: Address
    rack: str
    work_directory: Path

    @property
    def name(self) -> str:
        """Return the name of its process."""
        return f"agent-{self.number}"


@dataclass(frozen=True)
class ApiTls:
    """The files with which the API of a local cluster speaks HTTPS; `ca` is trusted by all of its clients."""

    certificate: Path
    key: Path
    ca: Path


def read_api_tls(environ: Mapping[str, str]) -> ApiTls | None:
    """Return the files that the environment names; None if it has no certificate.

    Without CASSANDRA_MESOS_CA the certificate itself is trusted, which must then be a self-signed one.
    """
    certificate, key = environ.get("API_CERTIFICATE_FILE", ""), environ.get("API_KEY_FILE", "")
    if not certificate:
        return None
    ca = environ.get("CASSANDRA_MESOS_CA") or certificate
    return ApiTls(Path(certificate).resolve(), Path(key).resolve(), Path(ca).resolve())


@dataclass(frozen=True)
class ClusterLayout:
    """The differences between one local cluster and another on the same machine.

    `heap_mb` is the heap of each Cassandra node; spare agents have no node until one is replaced. Agent number n has
    the address `network`.(n+1).
    """

    directory: Path
    nodes: int = 3
    heap_mb: int = 384
    spare_agents: int = 0
    service_name: str = "cassandra"
    network: str = "127.0.0"
    zookeeper: Address = field(default=Address("127.0.0.1", 2181))
    # Only of a secure cluster: the plain port stays for the master and the agents, as Mesos' client has no TLS.
    zookeeper_tls: Address = field(default=Address("127.0.0.1", 2281))
    master: Address = field(default=Address("127.0.0.1", 5050))
    api: Address = field(default=Address("127.0.0.1", 9000))
    s3: Address = field(default=Address("127.0.0.1", 9090))
    agent_port: int = 5051
    node_ports: NodePorts = field(default=NodePorts())
    # The master pings an agent at this interval; after the fifth ping without an answer the agent is lost.
    agent_ping_seconds: int = 15
    # How long a node that joins waits for the ring, twice. It goes on without the schema if that comes later, and
    # Cassandra 5.0.8 can deadlock then: a busy machine needs more of it.
    ring_delay_ms: int = 3000
    # None for plain HTTP, or for the certificate of a secure cluster.
    api_tls: ApiTls | None = None
    # TLS, credentials and authentication everywhere: devcluster/security.py makes the files.
    secure: bool = False

    @property
    def agents(self) -> tuple[Agent, ...]:
        """Return one agent for each node and the spare ones, racks r1 to r3 in turn."""
        return tuple(
            Agent(
                number,
                Address(f"{self.network}.{number + 1}", self.agent_port),
                f"r{(number - 1) % RACKS + 1}",
                self.directory / "agents" / str(number),
            )
            for number in range(1, self.nodes + self.spare_agents + 1)
        )

    @property
    def api_url(self) -> str:
        """Return the base of all API addresses."""
        return f"{'http' if self.api_ca is None else 'https'}://{self.api}"

    @property
    def api_ca(self) -> Path | None:
        """Return the authority of the API's certificate, None for plain HTTP."""
        return self.mesos_ca if self.api_tls is None else self.api_tls.ca

    @property
    def mesos_ca(self) -> Path | None:
        """Return the authority of master and agents, and of all other servers of a secure cluster; None without TLS."""
        return self.security_directory / "ca.pem" if self.secure else None

    @property
    def master_url(self) -> str:
        """Return the master's HTTP address."""
        return f"{'https' if self.secure else 'http'}://{self.master}"

    @property
    def zookeeper_master_path(self) -> str:
        """Return the URL under which the leading master is found."""
        return f"zk://{self.zookeeper}/mesos"

    @property
    def token_file(self) -> Path:
        """Return the file with the API's token, readable by its owner alone."""
        return self.directory / "token"

    @property
    def security_directory(self) -> Path:
        """Return the directory of a secure cluster's keys, certificates and passwords."""
        return self.directory / "security"

    @property
    def zookeeper_directory(self) -> Path:
        """Return the directory of ZooKeeper's data."""
        return self.directory / "zookeeper"

    @property
    def master_directory(self) -> Path:
        """Return the directory of the master's journal."""
        return self.directory / "master"

    @property
    def bundles_directory(self) -> Path:
        """Return the directory of built bundles."""
        return self.directory / "bundles"

    @property
    def _sizes_file(self) -> Path:
        return self.directory / "sizes.json"

    def remember(self) -> None:
        """Store nodes, heap and whether it is secure for the next start."""
        self.directory.mkdir(parents=True, exist_ok=True)
        sizes = {"nodes": self.nodes, "heap_mb": self.heap_mb, "spare_agents": self.spare_agents, "secure": self.secure}
        self._sizes_file.write_text(json.dumps(sizes) + "\n")

    def forget(self) -> None:
        """Undo `remember`."""
        self._sizes_file.unlink(missing_ok=True)

    def remembered(self) -> ClusterLayout | None:
        """Return this layout with the stored sizes of the cluster in its directory; None without one."""
        try:
            sizes = json.loads(self._sizes_file.read_text())
        except FileNotFoundError:
            return None
        return replace(
            self,
            nodes=int(sizes["nodes"]),
            heap_mb=int(sizes["heap_mb"]),
            spare_agents=int(sizes.get("spare_agents", 0)),
            secure=bool(sizes.get("secure", False)),
        )
