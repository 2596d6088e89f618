"""The settings of one start, parsed from the environment; all problems are reported at once.

`python -m scheduler.settings --check` reports problems of the present environment; `--write` renders
docs/configuration.md and marathon.json from the same table.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from executor.protocol import Ports
from scheduler.core.state.spec import CassandraSpec, ClusterSpec, DiskType, ExecutorSpec, Policy, Resources, Uri
from scheduler.security.api_certificate import CertificateFiles, CertificateSource
from scheduler.security.lines import read_text
from scheduler.security.tls import Tls
from scheduler.security.zookeeper import Access, parse_credentials
from scheduler.settings.api_files import OWN_WORD, scheme
from scheduler.settings.bundle_digests import DIGESTS
from scheduler.settings.cassandra_options import OPTIONS
from scheduler.settings.parsing import read
from scheduler.settings.rendering import configuration, marathon, marathon_https, plain_marathon
from scheduler.settings.table import TABLE
from scheduler.settings.texts import shortened, switch

if TYPE_CHECKING:
    from scheduler.security.backup_keys import BackupKeys
    from scheduler.security.issuer import Issuer
    from scheduler.security.sealing import Sealer

_UNGUARDED = (
    "API_TOKEN_FILE must be set, or API_TRUST_ROUTER must be true if a router before the API lets in only who may "
    "command the cluster."
)
NAMES = frozenset((*(setting.name for setting in TABLE), *(option.name for option in OPTIONS)))


class InvalidSettings(ValueError):
    """Settings that cannot be used. `problems` are sentences, each naming the setting and the rule that it breaks."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Settings:
    """Every setting under its own name in lower case; `_s` are seconds, `_mb` MB, an empty text is unset.

    `cassandra_options` are cassandra.yaml keys in their 5.0 spelling, `client_authorities` certificates as PEM.
    `warnings` are sentences for the log. `given` are the texts of the settings that were set.
    """

    service_name: str
    service_user: str
    service_role: str
    service_principal: str
    service_secret_file: str
    service_account_file: str
    service_failover_timeout_s: float
    service_uninstall: str
    log_level: str
    log_format: str
    mesos_master: str
    mesos_servers: str
    mesos_path: str
    mesos_ca_file: str
    mesos_certificate_file: str
    mesos_key_file: str
    zookeeper_servers: str
    zookeeper_session_timeout_s: float
    zookeeper_credentials_file: str
    zookeeper_readers: str
    zookeeper_ca_file: str
    zookeeper_certificate_file: str
    zookeeper_key_file: str
    api_host: str
    api_port: int
    api_threads: int
    api_token_file: str
    api_certificate: str
    api_certificate_file: str
    api_key_file: str
    api_client_ca_file: str
    api_client_roles_file: str
    api_trust_router: bool
    api_hosts: str
    secrets_key_file: str
    secrets_key: str = field(repr=False)
    backup_encryption_key_file: str
    security_superuser_file: str
    backup_locations: str
    artifacts_dir: str
    artifacts_url: str
    dc_url: str
    nodes: int
    seed_nodes: int
    placement_constraint: str
    rack_attribute: str
    replace_after_s: float
    garbage_grace_s: float
    cleanup_after_scale: bool
    security_authentication: str
    security_authorization: str
    cluster_task_cpus: float
    cluster_task_memory_mb: int
    cassandra_cluster_name: str
    cassandra_version: str
    cassandra_cpus: float
    cassandra_memory_mb: int
    cassandra_disk_mb: int
    cassandra_disk_type: DiskType
    cassandra_heap_size_mb: int
    cassandra_heap_new_mb: int | None
    cassandra_heap_gc: str
    cassandra_jvm_options: str
    cassandra_location_data_center: str
    cassandra_location_rack: str
    cassandra_storage_port: int
    cassandra_ssl_storage_port: int
    cassandra_native_transport_port: int
    cassandra_jmx_port: int
    cassandra_yaml: str = field(repr=False)  # may hold passwords
    cassandra_yaml_file: str
    executor_cpus: float
    executor_memory_mb: int
    executor_command: str
    executor_image: str
    executor_java_home: str
    executor_location: str
    executor_cassandra_location: str
    executor_jre_location: str
    executor_python_location: str
    executor_sha256: str
    executor_cassandra_sha256: str
    executor_jre_sha256: str
    executor_python_sha256: str
    executor_cache_fetched_uris: bool
    executor_shutdown_grace_s: float
    security_transport_encryption: str
    security_transport_encryption_enabled: bool
    security_transport_encryption_allow_plaintext: bool
    security_client_certificates: str
    security_client_ca_file: str
    security_certificate_days: float
    security_password_days: float
    security_ca_certificate_file: str
    security_ca_key_file: str
    cassandra_options: Mapping[str, Any] = field(repr=False)
    client_authorities: str = field(default="", repr=False)
    warnings: tuple[str, ...] = ()
    given: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)  # secrets too

    @property
    def api_scheme(self) -> str:
        """`https` if the API has a certificate, else `http`."""
        return scheme(self.api_certificate_file, self.api_certificate)

    @property
    def has_own_certificate(self) -> bool:
        """Whether the API's certificate is of the service's authority."""
        return self.api_certificate == OWN_WORD

    def api_certificate_files(self) -> CertificateSource | None:
        """Return the files of the API's certificate; None without them."""
        if not self.api_certificate_file:
            return None
        return CertificateFiles(self.api_certificate_file, self.api_key_file, self.api_client_ca_file)

    @property
    def zookeeper_root(self) -> str:
        """The folder of this service's state in ZooKeeper."""
        return "/dcos-service-" + self.service_name.replace("/", "__")

    def zookeeper_access(self) -> Access:
        """Return how to connect to ZooKeeper; reads the credentials file. Raises OSError or ValueError for that."""
        path = self.zookeeper_credentials_file
        return Access(
            credentials=parse_credentials(read_text(Path(path))) if path else (),
            world_reads=self.zookeeper_readers == "world",
            tls=Tls(self.zookeeper_ca_file, self.zookeeper_certificate_file, self.zookeeper_key_file)
            if self.zookeeper_ca_file
            else None,
        )

    def mesos_tls(self) -> Tls | None:
        """Return the files for TLS to masters and agents; None for plain HTTP."""
        if not self.mesos_ca_file:
            return None
        return Tls(self.mesos_ca_file, self.mesos_certificate_file, self.mesos_key_file)

    def backup_keys(self) -> BackupKeys:
        """Return the keys of backups; reads their files. Raises OSError or ValueError for these."""
        # cryptography takes a while to import, and few commands need it.
        from scheduler.security.backup_keys import backup_keys

        return backup_keys(self.backup_encryption_key_file, self.secrets_key_file, self.secrets_key)

    def issuer(self, sealer: Sealer | None) -> Issuer:
        """Return the keys of authorities, which `sealer` opens unless they are in files."""
        # cryptography takes a while to import, and few commands need it.
        from scheduler.security.issuer import Issuer

        files = (self.security_ca_certificate_file, self.security_ca_key_file)
        return Issuer(self.service_name, sealer, *files, serves_api=self.has_own_certificate)

    def cluster_spec(self) -> ClusterSpec:
        """Return the part that becomes a configuration. Equal settings return equal specs."""
        return ClusterSpec(
            service_name=self.service_name,
            role=self.service_role,
            principal=self.service_principal,
            user=self.service_user,
            nodes=self.nodes,
            seeds=self.seed_nodes,
            resources=Resources(self.cassandra_cpus, self.cassandra_memory_mb),
            disk_mb=self.cassandra_disk_mb,
            disk_type=self.cassandra_disk_type,
            task=Resources(self.cluster_task_cpus, self.cluster_task_memory_mb),
            executor=self._executor(),
            cassandra=self._cassandra(),
            placement=self.placement_constraint,
            rack_attribute=self.rack_attribute,
        )

    def policy(self) -> Policy:
        """Return which actions the scheduler takes without a command, and the digests of the bundles."""
        return Policy(
            self.replace_after_s or None,
            self.cleanup_after_scale,
            self.garbage_grace_s or None,
            {address: digest for _, address, digest in self._bundles() if digest},
            self.security_certificate_days,
            self.security_password_days or None,
        )

    def unchecked_bundles(self) -> tuple[str, ...]:
        """Return the settings of the digests that are missing: agents do not check these bundles."""
        return tuple(setting for setting, _, digest in self._bundles() if not digest)

    def _bundles(self) -> Iterator[tuple[str, str, str]]:
        for location, setting in DIGESTS.items():
            if address := getattr(self, location.lower()):
                yield setting, address, getattr(self, setting.lower())

    def _executor(self) -> ExecutorSpec:
        # The executor's bundle keeps its name from one version to the next, so a cached one could be an old one.
        uris = [Uri(self.executor_location, cache=False)]
        for location in (
            self.executor_cassandra_location, self.executor_jre_location, self.executor_python_location
        ):  # fmt: skip
            if location:
                uris.append(Uri(location, cache=self.executor_cache_fetched_uris))
        return ExecutorSpec(
            resources=Resources(self.executor_cpus, self.executor_memory_mb),
            command=self.executor_command,
            uris=tuple(uris),
            shutdown_grace_seconds=self.executor_shutdown_grace_s,
            image=self.executor_image,
        )

    def _cassandra(self) -> CassandraSpec:
        return CassandraSpec(
            cluster_name=self.cassandra_cluster_name,
            data_center=self.cassandra_location_data_center,
            rack=self.cassandra_location_rack,
            heap_mb=self.cassandra_heap_size_mb,
            ports=Ports(
                storage=self.cassandra_storage_port,
                ssl_storage=self.cassandra_ssl_storage_port,
                native_transport=self.cassandra_native_transport_port,
                jolokia=self.cassandra_jmx_port,
            ),
            options=self.cassandra_options,
            gc=self.cassandra_heap_gc,
            heap_new_mb=self.cassandra_heap_new_mb,
            jvm_options=tuple(shlex.split(self.cassandra_jvm_options)),
            java_home=self.executor_java_home or None,
            version=self.cassandra_version,
            authentication=switch(self.security_authentication),
            authorization=switch(self.security_authorization),
            encryption=self.security_transport_encryption,
            client_certificates=self.security_client_certificates,
            client_authorities=self.client_authorities,
        )


def parse(environ: Mapping[str, str], at_start: bool = True) -> Settings:
    """Parse the settings of an environment, with defaults for those that are unset or empty.

    Reads the files that settings name, and checks that the bundles exist. The files of HTTPS are checked `at_start`
    alone: later a bad one leaves the one before in use, and must not keep other settings from being changed.

    Raises:
        InvalidSettings: At least one setting is invalid; it has every problem.
    """
    reading = read(environ, at_start)
    if reading.problems:
        raise InvalidSettings(tuple(map(shortened, reading.problems)))
    fields = {setting.field: reading.values[setting.name] for setting in TABLE}
    given = {name: environ[name].strip() for name in NAMES if environ.get(name, "").strip()}
    return Settings(
        **fields,
        cassandra_options=reading.options,
        client_authorities=reading.client_authorities,
        warnings=tuple(reading.warnings),
        given=given,
    )


def check_access(settings: Settings) -> str | None:
    """Return why the API must not be served with these settings: anybody could command it. None if it may."""
    if settings.api_token_file or settings.api_client_ca_file or settings.api_trust_router:
        return None
    return _UNGUARDED


def check_texts_of_access(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the same for settings that cannot be parsed; nothing where a setting that decides it is given."""
    given = any(environ.get(name, "").strip() for name in ("API_TOKEN_FILE", "API_CLIENT_CA_FILE"))
    router = environ.get("API_TRUST_ROUTER", "").strip().lower()
    return () if given or router not in ("", "false") else (_UNGUARDED,)


def render() -> Mapping[str, str]:
    """Return the files made from the table, by their path in the repository."""
    return {
        "docs/configuration.md": configuration(),
        "marathon.json": marathon(),
        "deploy/marathon/marathon.json": plain_marathon(),
        "marathon-https.json": marathon_https(),
    }
