"""The scheduler of a local cluster: its settings and its readiness."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from devcluster import security
from devcluster.bundles import Bundles
from devcluster.layout import ClusterLayout
from devcluster.requests import UnreachableError, get
from devcluster.secret_files import make_once, new_key
from executor.cassandra import start_cache

# A node's memory beside its heap: metaspace, threads, off-heap buffers.
_BESIDE_HEAP_MB = 512
_DISK_MB = 8192
_SEEDS = 2
# On one machine the delays that let a large ring settle only cost time. A replacement listens for the broadcast
# interval to find out whether the old node lives; the interval must be longer than the ring delay.
_JVM_OPTIONS = (
    "-XX:TieredStopAtLevel=1",
    "-Dcassandra.broadcast_interval_ms=6000",
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    # Cassandra's clock of timeouts ticks every 2 ms by default: half of what an idle node takes of a processor.
    "-Dcassandra.approximate_time_precision_ms=20",
    # A digest of a password takes 2**10 rounds by default, a fifth of a second for each of a client's connections. The
    # passwords of a local cluster are drawn at random, so that they cannot be guessed by trying.
    "-Dcassandra.auth_bcrypt_gensalt_log2_rounds=4",
)


def jvm_options(ring_delay_ms: int) -> tuple[str, ...]:
    """Return the options of Cassandra's JVM in a local cluster."""
    return (*_JVM_OPTIONS, f"-Dcassandra.ring_delay_ms={ring_delay_ms}")


def environment(layout: ClusterLayout, bundles: Bundles, base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of `python -m scheduler`; settings in `base` that this cluster does not need are kept."""
    ports = layout.node_ports
    # For executors alone, which have it from their agents: the scheduler takes no name for a setting that is none.
    inherited = {name: value for name, value in base.items() if name != start_cache.VARIABLE}
    tls = layout.api_tls
    secured = security.settings(layout) if layout.secure else {}
    https = {} if tls is None else {"API_CERTIFICATE_FILE": str(tls.certificate), "API_KEY_FILE": str(tls.key)}
    return {
        **inherited,
        "SERVICE_NAME": layout.service_name,
        "MESOS_MASTER": layout.zookeeper_master_path,
        "ZOOKEEPER_SERVERS": str(layout.zookeeper),
        "ZOOKEEPER_SESSION_TIMEOUT_S": "10",
        "API_HOST": layout.api.host,
        "API_PORT": str(layout.api.port),
        "API_TOKEN_FILE": str(layout.token_file),
        "SECRETS_KEY_FILE": str(secrets_key(layout)),
        "SECRETS_KEY": "",
        # Its own S3 server, by whichever port a test puts before it.
        "BACKUP_LOCATIONS": f"s3://*, http://{layout.s3.host}:*",
        "ARTIFACTS_DIR": str(bundles.artifacts),
        "NODES": str(layout.nodes),
        "SEED_NODES": str(min(_SEEDS, layout.nodes)),
        "PLACEMENT_CONSTRAINT": "hostname:UNIQUE",
        "RACK_ATTRIBUTE": "rack",
        "CASSANDRA_MEMORY_MB": str(layout.heap_mb + _BESIDE_HEAP_MB),
        "CASSANDRA_HEAP_SIZE_MB": str(layout.heap_mb),
        "CASSANDRA_HEAP_GC": "SERIAL",
        "CASSANDRA_JVM_OPTIONS": " ".join(
            [*jvm_options(layout.ring_delay_ms), base.get("CASSANDRA_JVM_OPTIONS", "")]
        ).strip(),
        "CASSANDRA_DISK_MB": str(_DISK_MB),
        "CASSANDRA_STORAGE_PORT": str(ports.storage),
        "CASSANDRA_SSL_STORAGE_PORT": str(ports.ssl_storage),
        "CASSANDRA_NATIVE_TRANSPORT_PORT": str(ports.native_transport),
        "CASSANDRA_JMX_PORT": str(ports.jolokia),
        **secured,
        **https,
    }


def secrets_key(layout: ClusterLayout) -> Path:
    """Return the file with the key that seals credentials; made at the first call, readable by its owner alone."""
    return make_once(layout.directory / "secrets-key", new_key)


def headers(token: str) -> dict[str, str]:
    """Return the headers that authenticate a request to the API."""
    return {"Authorization": f"token={token}"}


def is_serving(layout: ClusterLayout, token: str) -> bool:
    """Return whether the API knows the plan."""
    try:
        return get(layout.api, "/v1/plan", headers(token), ca=layout.api_ca).status == 200
    except UnreachableError:
        return False
