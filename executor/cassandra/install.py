"""The preparation of a launch: from a NodeLaunch to files on disk and a command line, with all checks before it."""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from executor import whole_file
from executor.cassandra import cassandra_yaml, jvm, start_keeper, volume
from executor.cassandra.late_bundle import LateBundle
from executor.certificate_messages import OPTIONAL
from executor.jmx import access, agent_jar
from executor.jmx.jolokia import Jolokia
from executor.protocol import NodeLaunch
from executor.tls.files import DIRECTORY, TlsFiles

JAVA_VERSION = 17
LOG = "system.log"
_LOOPBACK = "127.0.0.1"

_JAVA_VERSION_LINE = re.compile(r'^JAVA_VERSION="(\d+)', re.MULTILINE)


class LaunchError(Exception):
    """Cassandra cannot be started; the text names the step and the cause."""

    def __init__(self, step: str, text: str) -> None:
        super().__init__(f"{step}: {text}")
        self.step = step


@dataclass(frozen=True)
class Installation:
    """A prepared launch: command line, paths, the connection to Cassandra, and the lock of its volume."""

    command: list[str]
    directory: Path
    logs: Path
    data: Path
    lock: volume.VolumeLock
    jolokia: Jolokia
    keeper: start_keeper.Keeper | None = None
    address: str = ""
    native_port: int = 0
    # The file with Jolokia's password: it goes once Jolokia has read it.
    secret: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    counts_plain_clients: bool = False
    counts_uncertified_clients: bool = False


@dataclass(frozen=True)
class Surroundings:
    """The surroundings of a node: its sandbox (absolute), its address and the executor's environment variables.

    `late_bundle` is Cassandra's if it is still being unpacked.
    """

    sandbox: Path
    address: str
    environ: Mapping[str, str]
    volume_patience: float = 120.0  # seconds for an earlier Cassandra to free the volume
    port_patience: float = 10.0  # seconds for an earlier process to free the ports
    late_bundle: LateBundle | None = None

    def tls_files(self, launch: NodeLaunch) -> TlsFiles:
        """Return where the node's key and certificates are."""
        return TlsFiles(self.sandbox / DIRECTORY, launch.client_authorities)


def install(launch: NodeLaunch, where: Surroundings, tell: Callable[[str], None]) -> Installation:
    """Check the prerequisites, lock the volume and write the configuration.

    Args:
        launch: The node's launch.
        where: The node's surroundings.
        tell: Receives sentences for the log.

    Raises:
        LaunchError: A prerequisite is missing.
    """
    if where.late_bundle is not None and (problem := where.late_bundle.problem()) is not None:
        raise LaunchError("bundle", problem)
    files = find_files(launch, where)
    address = jolokia_address(where.address)
    jolokia = Jolokia(address, launch.ports.jolokia, "executor", secrets.token_urlsafe(24))
    try:
        tls = where.tls_files(launch)
        document = cassandra_yaml.render(cassandra_yaml.settings(launch, where.address, str(files.volume), tls))
        rackdc = cassandra_yaml.rackdc(launch)
    except cassandra_yaml.OptionsError as error:
        raise LaunchError("options", str(error)) from error
    lock = _take_volume(files.volume, where, tell)
    try:
        volume.sweep(files.volume)
        _check_ports(launch, where)
        jolokia = with_free_port(jolokia)
        _write(files, document, rackdc, jvm.jolokia_properties(jolokia, files.jolokia_policy))
    except BaseException:
        lock.close()
        raise
    return _prepared(launch, files, where, lock, jolokia)


def _prepared(
    launch: NodeLaunch, files: jvm.Files, where: Surroundings, lock: volume.VolumeLock, jolokia: Jolokia
) -> Installation:
    keeper = start_keeper.prepare(launch, files, files.logs / LOG, where.environ)
    return Installation(
        command=jvm.command(launch, files, () if keeper is None else keeper.options),
        directory=where.sandbox,
        logs=files.logs,
        data=files.volume,
        lock=lock,
        jolokia=jolokia,
        keeper=keeper,
        address=where.address,
        native_port=launch.ports.native_transport,
        secret=files.jolokia_properties,
        options=launch.options,
        counts_plain_clients=launch.encryption == OPTIONAL,
        counts_uncertified_clients=launch.client_certificates == OPTIONAL,
    )


def hold(launch: NodeLaunch, where: Surroundings, tell: Callable[[str], None]) -> volume.VolumeLock:
    """Lock the volume for a paused node. Raises LaunchError."""
    lock = _take_volume(where.sandbox / launch.volume, where, tell)
    lock.record(volume.Holder(volume.this_process(), volume.this_process()))
    return lock


def find_files(launch: NodeLaunch, where: Surroundings) -> jvm.Files:
    """Return the paths of a launch. Raises LaunchError if the bundle or Java is missing."""
    bundle = where.sandbox / launch.bundle
    if not (bundle / "lib").is_dir():
        raise LaunchError("bundle", f"the Cassandra bundle is missing: no directory {launch.bundle}/lib in the sandbox")
    jars = sorted((bundle / "lib").glob("*.jar"))
    return jvm.Files(
        sandbox=where.sandbox,
        java=find_java(launch.java_home, where.sandbox, where.environ),
        jars=tuple(jar for jar in jars if jar.name != agent_jar.NAME),
        own_jars=tuple(jar for jar in jars if jar.name == agent_jar.NAME),
        bundle_conf=bundle / "conf",
        conf=where.sandbox / "conf",
        logs=where.sandbox / "logs",
        tmp=where.sandbox / "tmp",
        volume=where.sandbox / launch.volume,
        jamm=_only_jar(bundle, "jamm-*.jar"),
        jolokia=_only_jar(bundle, "jolokia-agent-jvm-*-javaagent.jar"),
    )


def _only_jar(bundle: Path, pattern: str) -> Path:
    found = sorted((bundle / "lib").glob(pattern))
    if len(found) != 1:
        raise LaunchError("bundle", f"the Cassandra bundle is damaged: {len(found)} files {pattern} instead of one")
    return found[0]


def find_java(java_home: str | None, sandbox: Path, environ: Mapping[str, str]) -> Path:
    """Return the `java` of the launch's home (relative to the sandbox), of JAVA_HOME or on PATH, in this order.

    Raises:
        LaunchError: There is none, or its installation names a version that Cassandra does not support.
    """
    if home := java_home or environ.get("JAVA_HOME"):
        java = sandbox / home / "bin" / "java"
        if not os.access(java, os.X_OK):
            raise LaunchError("java", f"Java is missing: {java} is not a program; Cassandra needs a JDK 17")
    else:
        found = shutil.which("java", path=environ.get("PATH"))
        if found is None:
            raise LaunchError("java", "Java is missing: no JAVA_HOME, and no java on PATH; Cassandra needs a JDK 17")
        java = Path(found)
    version = _java_version(java)
    if version not in (None, JAVA_VERSION):
        raise LaunchError("java", f"{java} is Java {version}; Cassandra needs Java {JAVA_VERSION}")
    return java


def _java_version(java: Path) -> int | None:
    try:
        found = _JAVA_VERSION_LINE.search((java.resolve().parents[1] / "release").read_text())
    except (OSError, UnicodeDecodeError):
        return None
    return int(found[1]) if found else None


def _take_volume(directory: Path, where: Surroundings, tell: Callable[[str], None]) -> volume.VolumeLock:
    try:
        volume.prepare(directory)
        return volume.lock(directory, where.volume_patience, tell)
    except volume.VolumeError as error:
        raise LaunchError("volume", str(error)) from error


def _check_ports(launch: NodeLaunch, where: Surroundings) -> None:
    deadline = time.monotonic() + where.port_patience
    ports = {
        "storage port": launch.ports.storage,
        "native transport port": launch.ports.native_transport,
    }
    if jolokia_address(where.address) == where.address:
        ports["Jolokia port"] = launch.ports.jolokia
    for name, port in ports.items():
        while problem := _port_problem(where.address, port):
            if time.monotonic() >= deadline:
                raise LaunchError("ports", f"the {name} {port} on {where.address} cannot be used: {problem}")
            time.sleep(0.1)


def jolokia_address(address: str) -> str:
    """Return where Jolokia listens on a node of this address: the executor alone asks it, from the same machine.

    An address of the loopback network is the node's own already.
    """
    try:
        own = ipaddress.ip_address(address).is_loopback
    except ValueError:
        own = False
    return address if own else _LOOPBACK


def with_free_port(jolokia: Jolokia) -> Jolokia:
    """Take another port where this one is in use: several nodes of one machine share its loopback address."""
    if _port_problem(jolokia.address, jolokia.port) is None:
        return jolokia
    with socket.create_server((jolokia.address, 0)) as probe:
        return replace(jolokia, port=probe.getsockname()[1])


def _port_problem(address: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            return "another process uses it" if error.errno == errno.EADDRINUSE else str(error.strerror)
    return None


def _write(files: jvm.Files, document: str, rackdc: str, jolokia: str) -> None:
    try:
        for directory in (files.conf, files.logs, files.tmp):
            directory.mkdir(exist_ok=True)
        files.yaml.write_text(document)
        (files.conf / "cassandra-rackdc.properties").write_text(rackdc)
        files.jolokia_policy.write_text(access.policy())
        whole_file.write(files.jolokia_properties, jolokia.encode(), 0o600)
    except OSError as error:
        raise LaunchError("configuration", f"the sandbox cannot be written: {error}") from error
