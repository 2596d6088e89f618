"""Logins while a node is down: the replicas of system_auth, as executors report them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduler.core.state.cluster import ClusterState
from scheduler.core.state.lifecycle import by_index, is_up
from scheduler.core.state.spec import ClusterSpec

# Any other value than these keeps something in system_auth.
_OPEN = {
    "authenticator": "AllowAllAuthenticator",
    "authorizer": "AllowAllAuthorizer",
    "network_authorizer": "AllowAllNetworkAuthorizer",
    "cidr_authorizer": "AllowAllCIDRAuthorizer",
}
_ENOUGH = 3


def warnings(state: ClusterState, spec: ClusterSpec) -> tuple[str, ...]:
    """Return sentences for the operator about logins in this cluster with these settings."""
    active = [f"{key} is {name}" for key, name in _login_settings(spec.cassandra.options)]
    if not active or spec.nodes < 2:
        return ()
    replicas = auth_replicas(state)
    if replicas is None or replicas > 1:
        return ()
    center, wanted = spec.cassandra.data_center, min(spec.nodes, _ENOUGH)
    return (
        f"{active[0]}, and system_auth has {'one replica' if replicas else 'no replica'} in {center}: while a node is "
        "down that holds a user, logins of that user fail. Run ALTER KEYSPACE system_auth WITH replication = "
        f"{{'class': 'NetworkTopologyStrategy', '{center}': {wanted}}}, then a repair of system_auth on all nodes",
    )


def auth_replicas(state: ClusterState) -> int | None:
    """Return the replicas of system_auth in the data center, as reported by the first member that is up."""
    for node in by_index(state.nodes.values()):
        sighting = state.sightings.get(node.name)
        found = None if sighting is None else sighting.status.auth_replicas
        if node.deployed is not None and is_up(node) and found is not None:
            return found
    return None


def _login_settings(options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the settings that need system_auth, with their classes' short names."""
    found = []
    for key, default in _OPEN.items():
        value = options.get(key)
        name = str(value.get("class_name", "") if isinstance(value, Mapping) else value or "").rpartition(".")[2]
        if name and name != default:
            found.append((key, name))
    return found
