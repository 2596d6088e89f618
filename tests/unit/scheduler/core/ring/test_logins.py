"""A cluster that asks for logins, and where they are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scheduler.core.ring.logins import warnings
from scheduler.core.state.cluster import Sighting
from tests.simulation.engine.samples import spec
from tests.unit.scheduler.core.samples import state, status, up


@pytest.mark.parametrize(
    ("options", "replicas", "nodes", "said"),
    [
        (
            {"authenticator": "PasswordAuthenticator"},
            1,
            3,
            "PasswordAuthenticator, and system_auth has one",
        ),
        ({"authenticator": {"class_name": "org.apache.cassandra.auth.PasswordAuthenticator"}}, 1, 3, "'dc1': 3}"),
        ({"authorizer": "CassandraAuthorizer"}, 1, 2, "'dc1': 2}"),
        ({"authorizer": "CassandraAuthorizer"}, 0, 2, "no replica in dc1"),
        ({"authenticator": "PasswordAuthenticator"}, 2, 3, ""),
        ({"authenticator": "PasswordAuthenticator"}, None, 3, ""),
        ({"authenticator": "PasswordAuthenticator"}, 1, 1, ""),
        ({"authenticator": "AllowAllAuthenticator"}, 1, 3, ""),
        ({}, 1, 3, ""),
    ],
)
def test_warnings(options: dict[str, Any], replicas: int | None, nodes: int, said: str) -> None:
    node = up(0)
    assert node.task is not None
    told = Sighting(node.task.id, replace(status(), auth_replicas=replicas), 1.0)
    wanted = spec(nodes)
    wanted = replace(wanted, cassandra=replace(wanted.cassandra, options=options))
    found = warnings(replace(state(node), sightings={"node-0": told}), wanted)
    assert said in "".join(found)
    assert bool(found) is bool(said)
