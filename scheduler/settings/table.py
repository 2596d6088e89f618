"""The table of settings: name, kind, default, rule and meaning of each.

Every setting is an environment variable. `scheduler.settings` parses them, `scheduler.settings.rendering` makes
docs/configuration.md and marathon.json from them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scheduler.settings import rules

Kind = Literal["text", "integer", "number", "boolean"]

CASSANDRA_VERSION = "5.0.8"
EXECUTOR_BUNDLE = "executor.tar.gz"
# What an agent runs in a sandbox into which it unpacked that bundle. It is part of every stored configuration.
EXECUTOR_COMMAND = "exec ./executor-bundle/run"


@dataclass(frozen=True)
class Setting:
    """One setting. `default` is the variable's default text; `derived` describes a computed default in words.

    `rule` takes the parsed value and returns the rule that it breaks, or None. `marathon` is the value in marathon.json
    if that differs from the default.
    """

    name: str
    kind: Kind
    default: str
    sentence: str
    minimum: float | None = None
    maximum: float | None = None
    words: tuple[str, ...] = ()
    rule: Callable[[Any], str | None] | None = None
    derived: str = ""
    marathon: str | None = None

    @property
    def field(self) -> str:
        """The name of its field in Settings."""
        return self.name.lower()


def _text(name: str, default: str, sentence: str, **more: Any) -> Setting:
    return Setting(name, "text", default, sentence, **more)


def _integer(name: str, default: str, sentence: str, **more: Any) -> Setting:
    return Setting(name, "integer", default, sentence, **more)


def _number(name: str, default: str, sentence: str, **more: Any) -> Setting:
    return Setting(name, "number", default, sentence, **more)


def _port(name: str, default: str, sentence: str, **more: Any) -> Setting:
    return Setting(name, "integer", default, sentence, minimum=1, maximum=65535, **more)


_SERVICE = (
    _text(
        "SERVICE_NAME",
        "cassandra",
        "Name of the service, of its framework and of its folder in ZooKeeper.",
        rule=rules.service_name,
    ),
    _text(
        "SERVICE_USER",
        "",
        "User on the agents that runs executor and Cassandra; best one of its own, see docs/security.md.",
        rule=rules.user,
        derived="the user that runs the scheduler",
        marathon="nobody",
    ),
    _text("SERVICE_ROLE", "", "Mesos role that holds the reservations.", rule=rules.role, derived="`<name>-role`"),
    _text(
        "SERVICE_PRINCIPAL",
        "",
        "Mesos principal; the reservations and volumes carry it for life.",
        rule=rules.plain,
        derived="`<name>-principal`",
    ),
    _text("SERVICE_SECRET_FILE", "", "File with the principal's secret, for masters that authenticate frameworks."),
    _text(
        "SERVICE_ACCOUNT_FILE",
        "",
        "File with a DC/OS service account's secret, instead of SERVICE_SECRET_FILE; its uid is SERVICE_PRINCIPAL.",
    ),
    _number(
        "SERVICE_FAILOVER_TIMEOUT_S",
        "604800",
        "Seconds for which Mesos keeps all tasks while no scheduler is connected.",
        minimum=60,
        maximum=31_536_000,
    ),
    _text(
        "SERVICE_UNINSTALL",
        "",
        "The service's own name, to remove it with all data under Marathon; see docs/operations/uninstall.md.",
    ),
    _text("LOG_LEVEL", "INFO", "Lowest level of the messages that are logged.", words=rules.LOG_LEVELS),
    _text("LOG_FORMAT", "text", "Log lines for people, or one JSON object on each line.", words=("text", "json")),
)

_MESOS = (
    _text(
        "MESOS_MASTER",
        "",
        "The master: host:port, or zk://host:port,host:port/path to follow the leader.",
        rule=rules.master,
        derived="`zk://<MESOS_SERVERS><MESOS_PATH>`",
    ),
    _text(
        "MESOS_SERVERS",
        "master.mesos:2181",
        "ZooKeeper servers in which the leading master is registered.",
        rule=rules.servers,
    ),
    _text("MESOS_PATH", "/mesos", "Path of the masters in that ZooKeeper.", rule=rules.zookeeper_path),
    _text(
        "MESOS_CA_FILE",
        "",
        "PEM file with the authorities of the certificates of masters and agents; with it all calls to them use TLS.",
    ),
    _text(
        "MESOS_CERTIFICATE_FILE",
        "",
        "PEM file with the scheduler's own certificate, if the masters demand one.",
    ),
    _text("MESOS_KEY_FILE", "", "PEM file with that certificate's private key, not encrypted."),
)

_ZOOKEEPER = (
    _text("ZOOKEEPER_SERVERS", "master.mesos:2181", "ZooKeeper servers that hold the state.", rule=rules.servers),
    _number(
        "ZOOKEEPER_SESSION_TIMEOUT_S",
        "20",
        "Session time-out in seconds; after it the lock of a dead scheduler is released.",
        minimum=2,
        maximum=600,
    ),
    _text(
        "ZOOKEEPER_CREDENTIALS_FILE",
        "",
        "File with `user:password` on its first line: the user of the scheme digest that owns the service's znodes. "
        "Further lines are earlier credentials. Without it every client of ZooKeeper can change the state.",
    ),
    _text(
        "ZOOKEEPER_READERS",
        "none",
        "Which other clients can read the znodes if there is a credentials file: none, or every one (world).",
        words=("none", "world"),
    ),
    _text(
        "ZOOKEEPER_CA_FILE",
        "",
        "PEM file with the authorities of ZooKeeper's certificates; with it connections use TLS, and "
        "ZOOKEEPER_SERVERS names the secure ports.",
    ),
    _text(
        "ZOOKEEPER_CERTIFICATE_FILE",
        "",
        "PEM file with the scheduler's own certificate, if ZooKeeper demands one.",
    ),
    _text("ZOOKEEPER_KEY_FILE", "", "PEM file with that certificate's private key, not encrypted."),
)

_API = (
    _text("API_HOST", "0.0.0.0", "Address on which the API listens.", rule=rules.host),
    _port("API_PORT", "9000", "Port on which the API listens."),
    _integer("API_THREADS", "16", "Threads that answer requests.", minimum=2, maximum=256),
    _text(
        "API_TOKEN_FILE",
        "",
        "File with one token on each line, as name:role:token; see docs/security.md.",
    ),
    _text(
        "API_CERTIFICATE_FILE",
        "",
        "PEM file with the API's certificate and its chain; with it the API speaks HTTPS alone. "
        "A change is used within seconds.",
    ),
    _text(
        "API_KEY_FILE", "", "PEM file with that certificate's private key, not encrypted, readable by no other user."
    ),
    _text(
        "API_CLIENT_CA_FILE",
        "",
        "PEM file with the authorities of client certificates, which clients can present instead of a token.",
    ),
    _text(
        "API_CLIENT_ROLES_FILE",
        "",
        "File with the role of each client certificate, one name:role on each line; see docs/security.md.",
    ),
    Setting(
        "API_TRUST_ROUTER",
        "boolean",
        "false",
        "true: a router before the API authenticates all clients; needed without API_TOKEN_FILE or API_CLIENT_CA_FILE.",
        marathon="true",
    ),
    _text(
        "API_HOSTS",
        "",
        "Names of the router before the API, separated by commas, if requests must name one of them as Host or Origin.",
        rule=rules.host_names,
    ),
    _text(
        "SECRETS_KEY_FILE",
        "",
        "File with one key on each line (32 random bytes in URL-safe base64). The first key seals the credentials of "
        "running operations, every key opens them. Without a key, requests with credentials are refused.",
    ),
    _text(
        "SECRETS_KEY",
        "",
        "One such key, for platforms that put secrets into the environment; prefer the file.",
        rule=rules.secrets_key,
    ),
    _text("SECURITY_SUPERUSER_FILE", "", "File with user:password of a superuser for operators of Cassandra."),
    _text(
        "BACKUP_ENCRYPTION_KEY_FILE",
        "",
        "File with one key on each line, in the form of SECRETS_KEY_FILE. With it backups are sealed before they leave "
        "their node; every key opens them, and the first key seals; see docs/operations/backup-keys.md.",
    ),
    _text(
        "BACKUP_LOCATIONS",
        "",
        "Places where backups may be kept, parted by commas: s3://*, s3://bucket/prefix, or "
        "http(s)://host:port/bucket/prefix; a port of * is any. Requests that name another place are refused.",
        rule=rules.backup_locations,
        derived="`s3://*`: any bucket of Amazon, and no other server",
    ),
    _text("ARTIFACTS_DIR", "artifacts", "Directory with the bundles that the API serves to the agents."),
    _text(
        "ARTIFACTS_URL",
        "",
        "Address from which agents fetch the bundles; it must not depend on the scheduler's agent.",
        rule=rules.url,
        derived="`http(s)://<API_HOST, or <name>.marathon.mesos when that is a wildcard>:<API_PORT>/v1/artifacts/`",
    ),
    _text(
        "DC_URL",
        "",
        "Address of this data center for others.",
        rule=rules.url,
        derived="as ARTIFACTS_URL, with `/v1/datacenter`",
    ),
)

_CLUSTER = (
    _integer("NODES", "3", "Number of Cassandra nodes.", minimum=1, maximum=10_000),
    _integer("SEED_NODES", "2", "How many of them are seeds, at most NODES.", minimum=1, maximum=10_000),
    _text(
        "PLACEMENT_CONSTRAINT",
        "",
        "Marathon constraints, such as `hostname:UNIQUE,rack:GROUP_BY:3`.",
        rule=rules.placement,
    ),
    _text(
        "RACK_ATTRIBUTE",
        "",
        "Agent attribute with a node's rack; without it every node is in CASSANDRA_LOCATION_RACK.",
        rule=rules.plain,
    ),
    _number(
        "REPLACE_AFTER_S",
        "0",
        "Seconds after which a member on an unreachable agent is replaced by a new one elsewhere; 0: never.",
        maximum=315_360_000,
        rule=rules.replace_after,
    ),
    _number(
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
    _text(
        "SECURITY_AUTHENTICATION",
        "off",
        "on: Cassandra asks for users and passwords (true, false: as in DC/OS); see docs/operations/authentication.md.",
        rule=rules.switch,
    ),
    _text(
        "SECURITY_AUTHORIZATION",
        "off",
        "on: users may do what was granted to them; needs SECURITY_AUTHENTICATION=on.",
        rule=rules.switch,
    ),
    _number("CLUSTER_TASK_CPUS", "0.1", "Cores reserved beside each node for its maintenance jobs.", minimum=0),
    _integer(
        "CLUSTER_TASK_MEMORY_MB", "32", "Memory in MB reserved beside each node for its maintenance jobs.", minimum=0
    ),
)

_CASSANDRA = (
    _text("CASSANDRA_CLUSTER_NAME", "cassandra", "Cluster name; cannot be changed later.", rule=rules.cluster_name),
    _text(
        "CASSANDRA_VERSION",
        CASSANDRA_VERSION,
        "Version of Cassandra, in the name of its bundle.",
        words=(CASSANDRA_VERSION,),
    ),
    _number("CASSANDRA_CPUS", "0.5", "Cores of one node.", minimum=0.01),
    _integer("CASSANDRA_MEMORY_MB", "4096", "Memory of one node in MB, including the heap.", minimum=256),
    _integer("CASSANDRA_DISK_MB", "10240", "Persistent volume of one node in MB; cannot be changed later.", minimum=64),
    _text("CASSANDRA_DISK_TYPE", "ROOT", "Kind of disk of that volume.", words=("ROOT", "MOUNT")),
    _integer("CASSANDRA_HEAP_SIZE_MB", "2048", "Java heap in MB, less than CASSANDRA_MEMORY_MB.", minimum=128),
    _integer(
        "CASSANDRA_HEAP_NEW_MB", "", "Young generation in MB, less than the heap; unset: Java decides.", minimum=16
    ),
    _text("CASSANDRA_HEAP_GC", "G1", "Garbage collector.", words=("G1", "SERIAL")),
    _text("CASSANDRA_JVM_OPTIONS", "", "More options of Java, separated by blanks.", rule=rules.jvm_options),
    _text("CASSANDRA_LOCATION_DATA_CENTER", "dc1", "Data center; cannot be changed later.", rule=rules.plain),
    _text("CASSANDRA_LOCATION_RACK", "rac1", "Rack of nodes without RACK_ATTRIBUTE.", rule=rules.plain),
    _port("CASSANDRA_STORAGE_PORT", "7000", "Port between nodes."),
    _port("CASSANDRA_SSL_STORAGE_PORT", "7001", "Legacy port between nodes with TLS."),
    _port("CASSANDRA_NATIVE_TRANSPORT_PORT", "9042", "Port of CQL."),
    _port(
        "CASSANDRA_JMX_PORT",
        "7199",
        "Loopback port on which the executor reaches JMX over HTTP (Jolokia).",
    ),
    _text("CASSANDRA_YAML", "", "More keys of cassandra.yaml, as YAML; see below."),
    _text("CASSANDRA_YAML_FILE", "", "File with more keys of cassandra.yaml; see below."),
)

_SECURITY = (
    _text(
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
    _number(
        "SECURITY_CERTIFICATE_DAYS",
        "30",
        "Days for which a certificate is valid; it is renewed when two thirds of them are over.",
        minimum=1,
        maximum=825,
    ),
    _text(
        "SECURITY_CA_CERTIFICATE_FILE",
        "",
        "PEM file with the certificate of an authority that signs the certificates of nodes, in place of one of the "
        "service's own.",
    ),
    _text("SECURITY_CA_KEY_FILE", "", "PEM file with that authority's private key, not encrypted."),
)

_EXECUTOR = (
    _number("EXECUTOR_CPUS", "0.1", "Cores of the executor itself.", minimum=0.01),
    _integer("EXECUTOR_MEMORY_MB", "256", "Memory of the executor itself in MB.", minimum=32),
    _text(
        "EXECUTOR_COMMAND",
        EXECUTOR_COMMAND,
        "Shell command that starts the executor in its sandbox; the default needs Python 3.11 on the agent.",
    ),
    _text(
        "EXECUTOR_IMAGE",
        "",
        "Container image with Python 3.11 and Java 17, in which executor and Cassandra run; unset: the agent's files.",
        rule=rules.image,
    ),
    _text(
        "EXECUTOR_JAVA_HOME",
        "",
        "Java 17 on the agents or in the sandbox; unset: JAVA_HOME of the agent, or `java` of the PATH.",
    ),
    _text(
        "EXECUTOR_LOCATION",
        "",
        "Address from which agents fetch the executor's bundle.",
        rule=rules.uri,
        derived=f"`<ARTIFACTS_URL>{EXECUTOR_BUNDLE}`",
    ),
    _text(
        "EXECUTOR_CASSANDRA_LOCATION",
        "",
        "Address from which agents fetch Cassandra's bundle.",
        rule=rules.uri,
        derived="`<ARTIFACTS_URL>cassandra-<CASSANDRA_VERSION>.tar.gz`",
    ),
    _text(
        "EXECUTOR_JRE_LOCATION",
        "",
        "Address of an archive with Java 17, which agents unpack in the sandbox.",
        rule=rules.uri,
    ),
    _text(
        "EXECUTOR_SHA256",
        "",
        "SHA-256 of the executor's bundle; no agent runs another one.",
        rule=rules.sha256,
        derived="that of the file in ARTIFACTS_DIR, if EXECUTOR_LOCATION is not set",
    ),
    _text(
        "EXECUTOR_CASSANDRA_SHA256",
        "",
        "SHA-256 of Cassandra's bundle; no agent runs another one.",
        rule=rules.sha256,
        derived="that of the file in ARTIFACTS_DIR, if EXECUTOR_CASSANDRA_LOCATION is not set",
    ),
    _text(
        "EXECUTOR_JRE_SHA256",
        "",
        "SHA-256 of the archive at EXECUTOR_JRE_LOCATION; no agent runs another one.",
        rule=rules.sha256,
    ),
    Setting(
        "EXECUTOR_CACHE_FETCHED_URIS",
        "boolean",
        "true",
        "true: agents cache the bundles of Cassandra and Java for the next fetch.",
    ),
    _number(
        "EXECUTOR_SHUTDOWN_GRACE_S",
        "120",
        "Seconds within which a node must drain and stop.",
        minimum=1,
        maximum=86_400,
    ),
)

SECTIONS: Mapping[str, tuple[Setting, ...]] = {
    "Service": _SERVICE,
    "Mesos": _MESOS,
    "ZooKeeper": _ZOOKEEPER,
    "API": _API,
    "Cluster": _CLUSTER,
    "Cassandra": _CASSANDRA,
    "Executor": _EXECUTOR,
    "Security": _SECURITY,
}

TABLE: tuple[Setting, ...] = tuple(setting for rows in SECTIONS.values() for setting in rows)
