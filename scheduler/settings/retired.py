"""Settings of the original service that have no effect here."""

from __future__ import annotations

from collections.abc import Mapping

# A listed value (with `None`, any value) is accepted with a warning, so that an old Marathon app still starts. Any
# other value requests a missing feature and is refused.
RETIRED: Mapping[str, tuple[tuple[str, ...] | None, str]] = {
    "SERVICE_VERSION": (None, "the version is the program's own"),
    "SERVICE_CLUSTER": (None, "frameworks have no cluster name"),
    "SERVICE_CHECKPOINT": (("true",), "the framework is always checkpointed"),
    "MESOS_REFUSE_SECONDS": (("5",), "the time for which an offer is declined depends on the reason"),
    "MESOS_TIMEOUT_MS": (None, "it never had an effect"),
    "ZOOKEEPER_SERVERS_USERNAME": (("",), "write user:password into the file of ZOOKEEPER_CREDENTIALS_FILE"),
    "ZOOKEEPER_SERVERS_PASSWORD": (("",), "write user:password into the file of ZOOKEEPER_CREDENTIALS_FILE"),
    "API_TOKEN": ((), "tokens are read from API_TOKEN_FILE, so that no environment holds a secret"),
    "DC_SYNC_MS": (None, "there is one data center"),
    "SEEDS_URL": (None, "a node's launch contains the seeds"),
    "EXTERNAL_DCS": (("",), "more than one data center is not supported"),
    "ENABLE_UPGRADE_SSTABLE_ENDPOINT": (("false", "true"), "the endpoint is always there"),
    "PHASE_STRATEGY": (None, "nodes are deployed one after another, the second and the third one at once"),
    "HTTP_CLIENT_TIMEOUT": (None, "nodes are queried through Mesos"),
    "HTTP_CLIENT_CONNECTION_TIMEOUT": (None, "nodes are queried through Mesos"),
    "LOG_FILE": (None, "logs go to standard output"),
    "CASSANDRA_GC_TYPE": ((), "its name is CASSANDRA_HEAP_GC"),
    "CASSANDRA_PUBLISH_DISCOVERY_INFO": (None, "tasks always carry discovery info"),
    "CASSANDRA_ROLLING_RESTART_NAME": (("00000000-0000-0000-0000-000000000000",), "nodes are restarted one by one"),
    "CASSANDRA_VOLUME_SIZE_MB": (None, "the volume's size is CASSANDRA_DISK_MB"),
    "CLUSTER_TASK_DISK_MB": (("0",), "maintenance jobs work on the node's volume"),
    "EXECUTOR_HEAP_MB": (None, "the executor is not a Java program"),
    "EXECUTOR_DISK_MB": (None, "the executor's files are in its sandbox"),
    "EXECUTOR_API_PORT": (None, "executors are reached through Mesos and open no port"),
    "EXECUTOR_ARGS": (("", "[]"), "write the arguments into EXECUTOR_COMMAND"),
    "EXECUTOR_LIBMESOS_LOCATION": (None, "the executor does not use libmesos"),
}
