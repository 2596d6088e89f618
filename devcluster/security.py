"""The files and settings of a secure cluster: one authority for its servers, passwords, keys, and files for clients.

The authority signs the certificates of API, ZooKeeper, master and agents. The nodes of Cassandra have theirs from the
scheduler's own authority, and clients of Cassandra from a third one, so that none of them is a peer of the nodes.
"""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path

from devcluster import zookeeper
from devcluster.layout import Address, ClusterLayout
from devcluster.requests import basic
from devcluster.secret_files import make_once, new_key, write
from scheduler.security.authority import KeyPair, Names, issue_client, issue_server, new_authority, validity
from scheduler.security.tokens import Role, new_token

SUPERUSER = "admin"
_DAYS = 365.0
_LEFT_SECONDS = 30 * 86_400.0
# Mesos' own list has no ciphers for keys of elliptic curves.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_CQLSHRC = """\
[connection]
hostname = {host}
port = {port}
ssl = true

[ssl]
certfile = {authorities}
validate = true

[authentication]
credentials = {credentials}
"""
_EXAMPLE = """\
.venv/bin/python - <<'EOF'
import ssl
from pathlib import Path

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

user, _, password = Path("{superuser}").read_text().strip().partition(":")
context = ssl.create_default_context(cafile="{authorities}")
login = PlainTextAuthProvider(user, password)
with Cluster(["{host}"], port={port}, ssl_context=context, auth_provider=login) as cluster:
    for row in cluster.connect().execute("SELECT listen_address, release_version FROM system.local"):
        print(row.listen_address, row.release_version)
EOF"""
_ADD_CLIENT = """\
.venv/bin/cqlsh --cqlshrc {cqlshrc} -e \\
  "CREATE ROLE IF NOT EXISTS app WITH LOGIN = true; ADD IDENTITY IF NOT EXISTS '{identity}' TO ROLE 'app'"
.venv/bin/python - <<'EOF'
import ssl

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster

context = ssl.create_default_context(cafile="{authorities}")
context.load_cert_chain("{certificate}", "{key}")
login = PlainTextAuthProvider("by certificate", "")
with Cluster(["{host}"], port={port}, ssl_context=context, auth_provider=login) as cluster:
    print(*(row.role for row in cluster.connect().execute("LIST ROLES")))
EOF"""


def make_token(layout: ClusterLayout) -> str:
    """Make a token of the API, and store its hash for the scheduler; the caller stores the token."""
    token, line = new_token("dev", Role.ADMIN)
    write(_file(layout, "tokens"), f"{line}\n")
    return token


def prepare(layout: ClusterLayout) -> None:
    """Make the files that are missing, and certificates that expire soon."""
    layout.security_directory.mkdir(parents=True, exist_ok=True)
    layout.security_directory.chmod(0o700)
    make_once(_file(layout, "zookeeper"), lambda: f"{layout.service_name}:{_password()}\n")
    make_once(_file(layout, "superuser"), lambda: f"{SUPERUSER}:{_password()}\n")
    make_once(_file(layout, "backup-keys"), new_key)
    secret = make_once(_file(layout, "mesos-secret"), lambda: f"{_password()}\n").read_text().strip()
    credentials = {"credentials": [{"principal": _principal(layout), "secret": secret}]}
    make_once(_file(layout, "mesos-credentials.json"), lambda: json.dumps(credentials) + "\n")
    _issue_client(layout, _authority(layout, "clients-ca", "clients of the local cluster"))
    authority = _authority(layout, "ca", "local cluster")
    hosts = (layout.master.host, *(agent.address.host for agent in layout.agents))
    for name, addresses in (("api", (layout.api.host,)), ("zookeeper", (layout.zookeeper_tls.host,)), ("mesos", hosts)):
        _issue(layout, authority, name, tuple(dict.fromkeys(addresses)))


def settings(layout: ClusterLayout) -> dict[str, str]:
    """Return the scheduler's settings, beside those of every local cluster."""
    ca = str(_file(layout, "ca.pem"))
    return {
        "API_TOKEN_FILE": str(_file(layout, "tokens")),
        "API_CERTIFICATE_FILE": str(_file(layout, "api.pem")),
        "API_KEY_FILE": str(_file(layout, "api-key.pem")),
        "ZOOKEEPER_SERVERS": str(layout.zookeeper_tls),
        "ZOOKEEPER_CA_FILE": ca,
        "ZOOKEEPER_CREDENTIALS_FILE": str(_file(layout, "zookeeper")),
        "MESOS_CA_FILE": ca,
        "SERVICE_PRINCIPAL": _principal(layout),
        "SERVICE_SECRET_FILE": str(_file(layout, "mesos-secret")),
        "BACKUP_ENCRYPTION_KEY_FILE": str(_file(layout, "backup-keys")),
        "SECURITY_TRANSPORT_ENCRYPTION": "required",
        "SECURITY_CLIENT_CERTIFICATES": "optional",
        "SECURITY_CLIENT_CA_FILE": str(_file(layout, "clients-ca.pem")),
        "SECURITY_AUTHENTICATION": "on",
        "SECURITY_AUTHORIZATION": "on",
        "SECURITY_SUPERUSER_FILE": str(_file(layout, "superuser")),
    }


def zookeeper_lines(layout: ClusterLayout) -> str:
    """Return what zoo.cfg has beside the lines of every local cluster."""
    return zookeeper.tls_configuration(layout.zookeeper_tls, _file(layout, "zookeeper-both.pem"))


def mesos_environment(layout: ClusterLayout) -> dict[str, str]:
    """Return the variables with which master and agents speak TLS, with each other too."""
    return {
        **_trust(layout),
        "LIBPROCESS_SSL_CERT_FILE": str(_file(layout, "mesos.pem")),
        "LIBPROCESS_SSL_KEY_FILE": str(_file(layout, "mesos-key.pem")),
        "LIBPROCESS_SSL_CIPHERS": _CIPHERS,
        "LIBPROCESS_SSL_ENABLE_TLS_V1_3": "true",
    }


def master_options(layout: ClusterLayout) -> list[str]:
    """Return the options with which a master authenticates frameworks and readers."""
    return ["--credentials", str(_file(layout, "mesos-credentials.json"))]


def agent_options(layout: ClusterLayout) -> list[str]:
    """Return the options with which an agent authenticates its executors, and they connect over TLS."""
    variables = json.dumps(_trust(layout))
    return ["--authenticate-http-executors", "--executor-environment-variables", variables]


def master_headers(layout: ClusterLayout) -> dict[str, str]:
    """Return the headers of a request to the master; none if it does not ask for credentials."""
    if not layout.secure:
        return {}
    return basic(_principal(layout), _file(layout, "mesos-secret").read_text().strip())


def write_client_files(layout: ClusterLayout, authorities: str, contact_point: Address) -> None:
    """Write what clients of Cassandra need: the authorities of the nodes, and the files of cqlsh."""
    trusted, credentials = _file(layout, "cassandra-ca.pem"), _file(layout, "cqlsh-credentials")
    write(trusted, authorities)
    user, _, password = _file(layout, "superuser").read_text().strip().partition(":")
    write(credentials, f"[plain_text_auth]\nusername = {user}\npassword = {password}\n")
    host, port = contact_point.host, contact_point.port
    rc = _CQLSHRC.format(host=host, port=port, authorities=trusted.resolve(), credentials=credentials.resolve())
    write(_file(layout, "cqlshrc"), rc)


def how_to_connect(layout: ClusterLayout, contact_point: Address) -> list[str]:
    """Return commands that were tested as they are printed here."""
    ca, secret = shown(_file(layout, "ca.pem")), shown(_file(layout, "mesos-secret"))
    mesos = f"curl --cacert {ca} -u {_principal(layout)}:$(cat {secret}) {layout.master_url}/state"
    example = _EXAMPLE.format(
        superuser=shown(_file(layout, "superuser")),
        authorities=shown(_file(layout, "cassandra-ca.pem")),
        host=contact_point.host,
        port=contact_point.port,
    )
    by_certificate = _ADD_CLIENT.format(
        cqlshrc=shown(_file(layout, "cqlshrc")),
        identity=client_identity(layout),
        authorities=shown(_file(layout, "cassandra-ca.pem")),
        certificate=shown(_file(layout, "client.pem")),
        key=shown(_file(layout, "client-key.pem")),
        host=contact_point.host,
        port=contact_point.port,
    )
    return [
        f"# CQL needs TLS and a user; {shown(_file(layout, 'superuser'))} has a superuser.",
        f".venv/bin/cqlsh --cqlshrc {shown(_file(layout, 'cqlshrc'))} -e 'LIST ROLES'",
        *example.splitlines(),
        "# A certificate can stand for a user.",
        *by_certificate.splitlines(),
        "# Mesos needs a principal.",
        mesos,
    ]


def shown(path: Path) -> Path:
    """Return the path as a command in the present directory names it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _file(layout: ClusterLayout, name: str) -> Path:
    return layout.security_directory / name


def _principal(layout: ClusterLayout) -> str:
    return f"{layout.service_name}-principal"


def _password() -> str:
    return secrets.token_urlsafe(24)


def _trust(layout: ClusterLayout) -> dict[str, str]:
    return {"LIBPROCESS_SSL_ENABLED": "true", "LIBPROCESS_SSL_CA_FILE": str(_file(layout, "ca.pem"))}


def client_identity(layout: ClusterLayout) -> str:
    """Return the identity in the certificate for a client of Cassandra."""
    return f"spiffe://{layout.service_name}/app"


def _authority(layout: ClusterLayout, name: str, subject: str) -> KeyPair:
    certificate, key = _file(layout, f"{name}.pem"), _file(layout, f"{name}-key.pem")
    if not certificate.exists():
        made = new_authority(subject, time.time())
        write(key, made.key)
        write(certificate, made.certificate)
    return KeyPair(certificate.read_text(), key.read_text())


def _issue(layout: ClusterLayout, authority: KeyPair, name: str, addresses: tuple[str, ...]) -> None:
    """Write a certificate for these addresses and its key, also both in one file, unless there is a good one."""
    certificate, described = _file(layout, f"{name}.pem"), _file(layout, f"{name}.addresses")
    wanted = "\n".join(addresses)
    if (
        certificate.exists()
        and described.read_text() == wanted
        and validity(certificate.read_text())[1] > time.time() + _LEFT_SECONDS
    ):
        return
    issued = issue_server(Names(name, addresses), authority, _DAYS, time.time())
    write(_file(layout, f"{name}-key.pem"), issued.key)
    write(_file(layout, f"{name}-both.pem"), issued.key + issued.certificate)
    write(described, wanted)
    write(certificate, issued.certificate)


def _issue_client(layout: ClusterLayout, authority: KeyPair) -> None:
    """Write a certificate of a client of Cassandra and its key, unless there is a good one."""
    certificate, now = _file(layout, "client.pem"), time.time()
    if certificate.exists() and validity(certificate.read_text())[1] > now + _LEFT_SECONDS:
        return
    issued = issue_client("app", client_identity(layout), authority, _DAYS, now)
    write(_file(layout, "client-key.pem"), issued.key)
    write(certificate, issued.certificate)
