"""The settings of nodes: of the cluster, of Cassandra, of its security and of the executor."""

from __future__ import annotations

from scheduler.core.mesos.executor_command import DEFAULT_COMMAND
from scheduler.settings import rules
from scheduler.settings.setting import Setting, integer, number, port, text

CASSANDRA_VERSION = "5.0.8"
EXECUTOR_BUNDLE = "executor.tar.gz"

CLUSTER = (
    integer("NODES", "3", "Number of Cassandra nodes.", minimum=1, maximum=10_000),
    integer("SEED_NODES", "2", "How many of them are seeds, at most NODES.", minimum=1, maximum=10_000),
    text(
        "PLACEMENT_CONSTRAINT",
        "",
        "Marathon constraints, such as `hostname:UNIQUE,rack:GROUP_BY:3`.",
        rule=rules.placement,
    ),
    text(
        "RACK_ATTRIBUTE",
        "",
        "Agent attribute with a node's rack; without it every node is in CASSANDRA_LOCATION_RACK.",
        rule=rules.plain,
    ),
    number(
        "REPLACE_AFTER_S",
        "0",
        "Seconds after which a member on an unreachable agent is replaced by a new one elsewhere; 0: never.",
        maximum=315_360_000,
        rule=rules.replace_after,
    ),
    number(
        "GARBAGE_GRACE_S",
        "604800",
        "Seconds for which garbage reservations are reported before they are released and their volumes destroyed; "
        "0: only reported.",
        maximum=315_360_000,
        rule=rules.garbage_grace,
    ),
    Setting(
        "CLEANUP_AFTER_SCALE",
        "boolean",
        "false",
        "true: a cleanup of all nodes starts automatically after nodes were added.",
    ),
    text(
        "SECURITY_AUTHENTICATION",
        "off",
        "on: Cassandra asks for users and passwords (true, false: as in DC/OS); see docs/operations/authentication.md.",
        rule=rules.switch,
    ),
    text(
        "SECURITY_AUTHORIZATION",
        "off",
        "on: users may do what was granted to them; needs SECURITY_AUTHENTICATION=on.",
        rule=rules.switch,
    ),
    number("CLUSTER_TASK_CPUS", "0.1", "Cores reserved beside each node for its maintenance jobs.", minimum=0),
    integer(
        "CLUSTER_TASK_MEMORY_MB", "32", "Memory in MB reserved beside each node for its maintenance jobs.", minimum=0
    ),
)

CASSANDRA = (
    text("CASSANDRA_CLUSTER_NAME", "cassandra", "Cluster name; cannot be changed later.", rule=rules.cluster_name),
    text(
        "CASSANDRA_VERSION",
        CASSANDRA_VERSION,
        "Version of Cassandra, in the name of its bundle.",
        words=(CASSANDRA_VERSION,),
    ),
    number("CASSANDRA_CPUS", "0.5", "Cores of one node.", minimum=0.01),
    integer("CASSANDRA_MEMORY_MB", "4096", "Memory of one node in MB, including the heap.", minimum=256),
    integer("CASSANDRA_DISK_MB", "10240", "Persistent volume of one node in MB; cannot be changed later.", minimum=64),
    text("CASSANDRA_DISK_TYPE", "ROOT", "Kind of disk of that volume.", words=("ROOT", "MOUNT")),
    integer("CASSANDRA_HEAP_SIZE_MB", "2048", "Java heap in MB, less than CASSANDRA_MEMORY_MB.", minimum=128),
    integer(
        "CASSANDRA_HEAP_NEW_MB", "", "Young generation in MB, less than the heap; unset: Java decides.", minimum=16
    ),
    text("CASSANDRA_HEAP_GC", "G1", "Garbage collector.", words=("G1", "SERIAL")),
    text("CASSANDRA_JVM_OPTIONS", "", "More options of Java, separated by blanks.", rule=rules.jvm_options),
    text("CASSANDRA_LOCATION_DATA_CENTER", "dc1", "Data center; cannot be changed later.", rule=rules.plain),
    text("CASSANDRA_LOCATION_RACK", "rac1", "Rack of nodes without RACK_ATTRIBUTE.", rule=rules.plain),
    port("CASSANDRA_STORAGE_PORT", "7000", "Port between nodes."),
    port("CASSANDRA_SSL_STORAGE_PORT", "7001", "Legacy port between nodes with TLS."),
    port("CASSANDRA_NATIVE_TRANSPORT_PORT", "9042", "Port of CQL."),
    port(
        "CASSANDRA_JMX_PORT",
        "7199",
        "Loopback port on which the executor reaches JMX over HTTP (Jolokia).",
    ),
    text("CASSANDRA_YAML", "", "More keys of cassandra.yaml, as YAML; see below."),
    text("CASSANDRA_YAML_FILE", "", "File with more keys of cassandra.yaml; see below."),
)

SECURITY = (
    text(
        "SECURITY_TRANSPORT_ENCRYPTION",
        "",
        "TLS between nodes and of CQL: off, optional (plain text is accepted too) or required; see docs/security.md.",
        words=("off", "optional", "required"),
        derived="`off`; from the two settings of DC/OS that follow if these are set",
    ),
    Setting(
        "SECURITY_TRANSPORT_ENCRYPTION_ENABLED",
        "boolean",
        "false",
        "true: as SECURITY_TRANSPORT_ENCRYPTION=required, by the name that DC/OS has for it.",
    ),
    Setting(
        "SECURITY_TRANSPORT_ENCRYPTION_ALLOW_PLAINTEXT",
        "boolean",
        "false",
        "true: with SECURITY_TRANSPORT_ENCRYPTION_ENABLED as SECURITY_TRANSPORT_ENCRYPTION=optional.",
    ),
    text(
        "SECURITY_CLIENT_CERTIFICATES",
        "off",
        "Certificates of clients of CQL: off, optional (a client presents one or logs in with a password) or required; "
        "needs TLS and SECURITY_AUTHENTICATION=on.",
        words=("off", "optional", "required"),
    ),
    text(
        "SECURITY_CLIENT_CA_FILE",
        "",
        "PEM file with the authorities of the certificates of clients; none of them may be that of nodes.",
    ),
    number(
        "SECURITY_CERTIFICATE_DAYS",
        "30",
        "Days for which a certificate is valid; it is renewed when two thirds of them are over.",
        minimum=1,
        maximum=825,
    ),
    number(
        "SECURITY_PASSWORD_DAYS",
        "0",
        "Days after which the scheduler rotates the passwords of its own users of Cassandra; 0: only on request.",
        minimum=0,
        maximum=3650,
    ),
    text(
        "SECURITY_CA_CERTIFICATE_FILE",
        "",
        "PEM file with the certificate of an authority that signs the certificates of nodes, in place of one of the "
        "service's own.",
    ),
    text("SECURITY_CA_KEY_FILE", "", "PEM file with that authority's private key, not encrypted."),
)

EXECUTOR = (
    number("EXECUTOR_CPUS", "0.1", "Cores of the executor itself.", minimum=0.01),
    integer("EXECUTOR_MEMORY_MB", "256", "Memory of the executor itself in MB.", minimum=32),
    text(
        "EXECUTOR_COMMAND",
        DEFAULT_COMMAND,
        "Shell command that starts the executor in its sandbox; the default needs Python 3.11 on the agent.",
    ),
    text(
        "EXECUTOR_IMAGE",
        "",
        "Container image with Python 3.11 and Java 17, in which executor and Cassandra run; unset: the agent's files.",
        rule=rules.image,
    ),
    text(
        "EXECUTOR_JAVA_HOME",
        "",
        "Java 17 on the agents or in the sandbox; unset: JAVA_HOME of the agent, or `java` of the PATH.",
    ),
    text(
        "EXECUTOR_LOCATION",
        "",
        "Address from which agents fetch the executor's bundle.",
        rule=rules.uri,
        derived=f"`<ARTIFACTS_URL>{EXECUTOR_BUNDLE}`",
    ),
    text(
        "EXECUTOR_CASSANDRA_LOCATION",
        "",
        "Address from which agents fetch Cassandra's bundle.",
        rule=rules.uri,
        derived="`<ARTIFACTS_URL>cassandra-<CASSANDRA_VERSION>.tar.gz`",
    ),
    text(
        "EXECUTOR_JRE_LOCATION",
        "",
        "Address of an archive with Java 17, which agents unpack in the sandbox.",
        rule=rules.uri,
    ),
    text(
        "EXECUTOR_PYTHON_LOCATION",
        "",
        "Address of an archive with `python/bin/python3`, 3.11 or later, which agents unpack in the sandbox.",
        rule=rules.uri,
    ),
    text(
        "EXECUTOR_SHA256",
        "",
        "SHA-256 of the executor's bundle; no agent runs another one.",
        rule=rules.sha256,
        derived="that of the file in ARTIFACTS_DIR, if EXECUTOR_LOCATION is not set",
    ),
    text(
        "EXECUTOR_CASSANDRA_SHA256",
        "",
        "SHA-256 of Cassandra's bundle; no agent runs another one.",
        rule=rules.sha256,
        derived="that of the file in ARTIFACTS_DIR, if EXECUTOR_CASSANDRA_LOCATION is not set",
    ),
    text(
        "EXECUTOR_JRE_SHA256",
        "",
        "SHA-256 of the archive at EXECUTOR_JRE_LOCATION; no agent runs another one.",
        rule=rules.sha256,
    ),
    text(
        "EXECUTOR_PYTHON_SHA256",
        "",
        "SHA-256 of the archive at EXECUTOR_PYTHON_LOCATION; no agent runs another one.",
        rule=rules.sha256,
    ),
    Setting(
        "EXECUTOR_CACHE_FETCHED_URIS",
        "boolean",
        "true",
        "true: agents cache the bundles of Cassandra and Java for the next fetch.",
    ),
    number(
        "EXECUTOR_SHUTDOWN_GRACE_S",
        "120",
        "Seconds within which a node must drain and stop.",
        minimum=1,
        maximum=86_400,
    ),
)
