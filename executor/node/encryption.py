"""The certificate of the node of one launch: between the life of the node, `executor.tls` and Cassandra."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from executor.cassandra.install import LaunchError, Surroundings
from executor.cassandra.process import Cassandra
from executor.certificate_messages import OFF, CertificateCall, CertificateQuery, CertificateReply
from executor.cql import encryption
from executor.jmx.encryption import reload_certificates
from executor.jmx.jolokia import JolokiaError
from executor.jobs.context import NodeFacts
from executor.protocol import NodeLaunch, NodeStatus, encode_message

if TYPE_CHECKING:
    from executor.tls.renewal import Certificates


class NodeEncryption:
    """TLS of one launch; without encryption nothing here does anything. `send` sends a framework message."""

    def __init__(self, task_id: str, launch: NodeLaunch, where: Surroundings, send: Callable[[str], object]) -> None:
        self._launch = launch
        self._where = where
        self._ask = lambda request: send(encode_message(CertificateQuery(task_id, request)))
        self._certificates: Certificates | None = None

    def prepare(self) -> None:
        """Get the certificate before Cassandra starts. Raises LaunchError."""
        launch = self._launch
        if launch.encryption == OFF or launch.paused:
            return
        # cryptography takes memory and is packed in the bundle, and few executors would need it.
        try:
            from executor.tls.certificate import CertificateError
            from executor.tls.renewal import START_SECONDS, Certificates, Holder
        except ImportError as error:
            raise LaunchError("bundle", str(error)) from error

        holder = Holder(launch.node, self._where.address, self._where.tls_files(launch))
        self._certificates = Certificates(holder, self._ask)
        try:
            self._certificates.obtain(START_SECONDS)
        except (CertificateError, OSError) as error:
            raise LaunchError("certificate", str(error)) from error

    def begin(self, cassandra: Cassandra) -> None:
        """Renew the certificate of a Cassandra that runs now."""
        if self._certificates is not None:
            ports = (self._launch.ports.storage, self._launch.ports.native_transport)
            self._certificates.begin(ports, lambda: _reload(cassandra))

    def take(self, message: CertificateReply | CertificateCall) -> None:
        """Handle a message of the scheduler."""
        if self._certificates is None:
            return
        if isinstance(message, CertificateReply):
            self._certificates.take(message)
        else:
            self._certificates.renew()

    def add_to(self, status: NodeStatus) -> NodeStatus:
        """Return the status with the certificate."""
        if self._certificates is None:
            return status
        if status.native_transport_running:
            self._certificates.note_serving()
        return replace(status, certificate=self._certificates.facts)

    def stop(self) -> None:
        """End the renewal."""
        if self._certificates is not None:
            self._certificates.stop()


def _reload(cassandra: Cassandra) -> None:
    try:
        reload_certificates(cassandra.jolokia)
    except JolokiaError as error:
        raise OSError(f"Cassandra does not read its new certificate: {error}") from error


def facts(launch: NodeLaunch, where: Surroundings, cassandra: Cassandra) -> NodeFacts:
    """Return what jobs and questions know of the node."""
    volume = where.sandbox / launch.volume
    files = where.tls_files(launch)
    own = encryption.own_encryption(where.address, files.truststore, files.keystore)
    return NodeFacts(
        name=launch.node,
        address=where.address,
        native_port=launch.ports.native_transport,
        jolokia=cassandra.jolokia,
        data_directories=(volume / "data",),
        scratch=volume / "maintenance",
        surroundings=where,
        encryption=encryption.read(launch.options, where.address) if launch.encryption == OFF else own,
    )
