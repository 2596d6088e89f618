"""The table of settings: name, kind, default, rule and meaning of each.

Every setting is an environment variable. `scheduler.settings` parses them, `scheduler.settings.rendering` makes
docs/configuration.md and marathon.json from them.
"""

from __future__ import annotations

from collections.abc import Mapping

from scheduler.settings import rules
from scheduler.settings.node_settings import CASSANDRA, CLUSTER, EXECUTOR, SECURITY
from scheduler.settings.setting import Setting, integer, number, port, text

_SERVICE = (
    text(
        "SERVICE_NAME",
        "cassandra",
        "Name of the service, of its framework and of its folder in ZooKeeper.",
        rule=rules.service_name,
    ),
    text(
        "SERVICE_USER",
        "",
        "User on the agents that runs executor and Cassandra; best one of its own, see docs/security.md.",
        rule=rules.user,
        derived="the user that runs the scheduler",
        marathon="nobody",
    ),
    text("SERVICE_ROLE", "", "Mesos role that holds the reservations.", rule=rules.role, derived="`<name>-role`"),
    text(
        "SERVICE_PRINCIPAL",
        "",
        "Mesos principal; the reservations and volumes carry it for life.",
        rule=rules.plain,
        derived="`<name>-principal`",
    ),
    text("SERVICE_SECRET_FILE", "", "File with the principal's secret, for masters that authenticate frameworks."),
    text(
        "SERVICE_ACCOUNT_FILE",
        "",
        "File with a DC/OS service account's secret, instead of SERVICE_SECRET_FILE; its uid is SERVICE_PRINCIPAL.",
    ),
    number(
        "SERVICE_FAILOVER_TIMEOUT_S",
        "604800",
        "Seconds for which Mesos keeps all tasks while no scheduler is connected.",
        minimum=60,
        maximum=31_536_000,
    ),
    text(
        "SERVICE_UNINSTALL",
        "",
        "The service's own name, to remove it with all data under Marathon; see docs/operations/uninstall.md.",
    ),
    text("LOG_LEVEL", "INFO", "Lowest level of the messages that are logged.", words=rules.LOG_LEVELS),
    text("LOG_FORMAT", "text", "Log lines for people, or one JSON object on each line.", words=("text", "json")),
)

_MESOS = (
    text(
        "MESOS_MASTER",
        "",
        "The master: host:port, or zk://host:port,host:port/path to follow the leader.",
        rule=rules.master,
        derived="`zk://<MESOS_SERVERS><MESOS_PATH>`",
    ),
    text(
        "MESOS_SERVERS",
        "master.mesos:2181",
        "ZooKeeper servers in which the leading master is registered.",
        rule=rules.servers,
    ),
    text("MESOS_PATH", "/mesos", "Path of the masters in that ZooKeeper.", rule=rules.zookeeper_path),
    text(
        "MESOS_CA_FILE",
        "",
        "PEM file with the authorities of the certificates of masters and agents; with it all calls to them use TLS.",
    ),
    text(
        "MESOS_CERTIFICATE_FILE",
        "",
        "PEM file with the scheduler's own certificate, if the masters demand one.",
    ),
    text("MESOS_KEY_FILE", "", "PEM file with that certificate's private key, not encrypted."),
)

_ZOOKEEPER = (
    text("ZOOKEEPER_SERVERS", "master.mesos:2181", "ZooKeeper servers that hold the state.", rule=rules.servers),
    number(
        "ZOOKEEPER_SESSION_TIMEOUT_S",
        "20",
        "Session time-out in seconds; after it the lock of a dead scheduler is released.",
        minimum=2,
        maximum=600,
    ),
    text(
        "ZOOKEEPER_CREDENTIALS_FILE",
        "",
        "File with `user:password` on its first line: the user of the scheme digest that owns the service's znodes. "
        "Further lines are earlier credentials. Without it every client of ZooKeeper can change the state.",
    ),
    text(
        "ZOOKEEPER_READERS",
        "none",
        "Which other clients can read the znodes if there is a credentials file: none, or every one (world).",
        words=("none", "world"),
    ),
    text(
        "ZOOKEEPER_CA_FILE",
        "",
        "PEM file with the authorities of ZooKeeper's certificates; with it connections use TLS, and "
        "ZOOKEEPER_SERVERS names the secure ports.",
    ),
    text(
        "ZOOKEEPER_CERTIFICATE_FILE",
        "",
        "PEM file with the scheduler's own certificate, if ZooKeeper demands one.",
    ),
    text("ZOOKEEPER_KEY_FILE", "", "PEM file with that certificate's private key, not encrypted."),
)

_API = (
    text("API_HOST", "0.0.0.0", "Address on which the API listens.", rule=rules.host),
    port("API_PORT", "9000", "Port on which the API listens."),
    integer("API_THREADS", "16", "Threads that answer requests.", minimum=2, maximum=256),
    text(
        "API_TOKEN_FILE",
        "",
        "File with one token on each line, as name:role:token; see docs/security.md.",
    ),
    Setting(
        "API_CERTIFICATE",
        "text",
        "file",
        "own: the API speaks HTTPS alone, with a certificate of the authority that signs those of nodes; "
        "file: as API_CERTIFICATE_FILE says.",
        words=("file", "own"),
    ),
    text(
        "API_CERTIFICATE_FILE",
        "",
        "PEM file with the API's certificate and its chain; with it the API speaks HTTPS alone. "
        "A change is used within seconds.",
    ),
    text("API_KEY_FILE", "", "PEM file with that certificate's private key, not encrypted, readable by no other user."),
    text(
        "API_CLIENT_CA_FILE",
        "",
        "PEM file with the authorities of client certificates, which clients can present instead of a token.",
    ),
    text(
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
    text(
        "API_HOSTS",
        "",
        "Names of the router before the API, separated by commas, if requests must name one of them as Host or Origin.",
        rule=rules.host_names,
    ),
    text(
        "SECRETS_KEY_FILE",
        "",
        "File with one key on each line (32 random bytes in URL-safe base64). The first key seals the credentials of "
        "running operations, every key opens them. Without a key, requests with credentials are refused.",
    ),
    text(
        "SECRETS_KEY",
        "",
        "One such key, for platforms that put secrets into the environment; prefer the file.",
        rule=rules.secrets_key,
    ),
    text("SECURITY_SUPERUSER_FILE", "", "File with user:password of a superuser for operators of Cassandra."),
    text(
        "BACKUP_ENCRYPTION_KEY_FILE",
        "",
        "File with one key on each line, in the form of SECRETS_KEY_FILE. With it backups are sealed before they leave "
        "their node; every key opens them, and the first key seals; see docs/operations/backup-keys.md.",
    ),
    text(
        "BACKUP_LOCATIONS",
        "",
        "Places where backups may be kept, parted by commas: s3://*, s3://bucket/prefix, or "
        "http(s)://host:port/bucket/prefix; a port of * is any. Requests that name another place are refused.",
        rule=rules.backup_locations,
        derived="`s3://*`: any bucket of Amazon, and no other server",
    ),
    text("ARTIFACTS_DIR", "artifacts", "Directory with the bundles that the API serves to the agents."),
    text(
        "ARTIFACTS_URL",
        "",
        "Address from which agents fetch the bundles; it must not depend on the scheduler's agent.",
        rule=rules.folder_url,
        derived="`http(s)://<API_HOST, or <name>.marathon.mesos when that is a wildcard>:<API_PORT>/v1/artifacts/`",
    ),
    text(
        "DC_URL",
        "",
        "Address of this data center for others.",
        rule=rules.url,
        derived="as ARTIFACTS_URL, with `/v1/datacenter`",
    ),
)

SECTIONS: Mapping[str, tuple[Setting, ...]] = {
    "Service": _SERVICE,
    "Mesos": _MESOS,
    "ZooKeeper": _ZOOKEEPER,
    "API": _API,
    "Cluster": CLUSTER,
    "Cassandra": CASSANDRA,
    "Executor": EXECUTOR,
    "Security": SECURITY,
}

TABLE: tuple[Setting, ...] = tuple(setting for rows in SECTIONS.values() for setting in rows)
