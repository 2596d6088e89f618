"""Addresses for clients and other data centers."""

from __future__ import annotations

from flask import Response

from api.documents import cluster
from api.http.access import access, answer
from api.openapi.json_schema import STRINGS, ref
from api.openapi.routes import Routes
from scheduler.core.configuration.differences import without_secrets
from scheduler.loop.snapshot import Snapshot

blueprint = Routes("connection", __name__)


@blueprint.read("/v1/connection", "How clients reach the nodes that serve CQL now", ref("Connection"))
@blueprint.read("/v1/nodes/connect", "As /v1/connection", ref("Connection"))
def connection() -> Response:
    """Return addresses, DNS names and the virtual address for CQL."""
    return answer("connection", lambda found: cluster.connection(found.state))


@blueprint.read("/v1/connection/address", "Addresses of the nodes that serve CQL now", STRINGS)
@blueprint.read("/v1/nodes/connect/address", "As /v1/connection/address", STRINGS)
def addresses() -> Response:
    """Return the addresses."""
    return answer("connection/address", lambda found: cluster.connection(found.state)["address"])


@blueprint.read("/v1/connection/dns", "DNS names of the nodes that serve CQL now", STRINGS)
@blueprint.read("/v1/nodes/connect/dns", "As /v1/connection/dns", STRINGS)
def names() -> Response:
    """Return the DNS names."""
    return answer("connection/dns", lambda found: cluster.connection(found.state)["dns"])


@blueprint.read("/v1/seeds", "Addresses of the seeds", ref("Seeds"))
def seeds() -> Response:
    """Return the seeds, and whether there are fewer of them than configured."""
    return answer("seeds", _seeds)


@blueprint.read("/v1/datacenter", "This data center", ref("DataCenter"))
def data_center() -> Response:
    """Return this data center as others see it."""
    url = without_secrets(access().settings.dc_url)
    return answer(
        "datacenter",
        lambda found: {
            "data_center": found.state.target.spec.cassandra.data_center,
            "url": url,
            "seeds": cluster.seeds(found.state),
        },
    )


def _seeds(found: Snapshot) -> cluster.Json:
    seeds = cluster.seeds(found.state)
    return {"isSeed": len(seeds) < found.state.target.spec.seeds, "seeds": seeds}
