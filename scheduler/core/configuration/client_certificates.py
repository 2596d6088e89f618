"""Certificates of clients: how Cassandra tells the user by one, and which changes of the setting it can follow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from executor.certificate_messages import OFF, OPTIONAL, REQUIRED
from scheduler.core.state.configuration import Configuration
from scheduler.core.state.lifecycle import by_index, may_live
from scheduler.core.state.node import NodeRecord
from scheduler.core.state.spec import ClusterSpec

SETTING = "SECURITY_CLIENT_CERTIFICATES"
_AUTHENTICATOR = "mesos.cassandra.CertificateAuthenticator"


def node_identity(service: str, node: str) -> str:
    """Return the identity in the certificate of a node: `spiffe://cassandra/node-0`."""
    return f"spiffe://{service.replace('/', '__')}/{node}"


def authenticator(spec: ClusterSpec) -> Mapping[str, Any] | None:
    """Return the authenticator for cassandra.yaml; None if clients need no certificates."""
    if spec.cassandra.client_certificates == OFF:
        return None
    # The number of a node follows.
    return {"class_name": _AUTHENTICATOR, "parameters": {"nodes": node_identity(spec.service_name, "node-")}}


def refused_requirement(
    nodes: Iterable[NodeRecord], configurations: Mapping[str, Configuration], new: ClusterSpec
) -> tuple[str, ...]:
    """Return why certificates cannot be required yet: a node without them cannot tell which clients have none."""
    if new.cassandra.client_certificates != REQUIRED:
        return ()
    found = [
        node.name
        for node in by_index(nodes)
        if node.task is not None and node.task.configuration in configurations
        if node.deployed is not None or may_live(node)
        if configurations[node.task.configuration].spec.cassandra.client_certificates == OFF
    ]
    if not found:
        return ()
    return (
        f"{SETTING} can not be changed to {REQUIRED} while {', '.join(found)} {'run' if len(found) > 1 else 'runs'} "
        f"with {OFF}: the roll-out could not tell which clients have no certificate. Change it to {OPTIONAL} first, "
        "and go on when that is rolled out",
    )


def lost_logins(old: ClusterSpec, new: ClusterSpec) -> tuple[str, ...]:
    """Return the warning that clients with a certificate alone cannot log in any more, if that is so."""
    if old.cassandra.client_certificates == OFF or new.cassandra.client_certificates != OFF:
        return ()
    return (
        f"With {SETTING}={OFF} clients that log in with a certificate alone are refused: give them and their roles "
        "passwords first",
    )
